import type { MarkAccess } from './plan/field-access';
import { RequestRun, RUN, type RequestParts } from './request-run';
import { ERROR } from './spec';

/**
 * Works off a ring whose jumps carry no data. One within a chain goes back with it; one between requests by itself, and nobody is
 * told: it is no request.
 */
export class JumpingRun extends RequestRun {
  private readonly jump: MarkAccess;
  private readonly passed: RequestParts['passed'];
  /** Of the request that is under way, or that ended last. */
  private jumps = 0;

  constructor(parts: RequestParts) {
    super(parts);
    this.jump = parts.plan.entry.jump!;
    this.passed = parts.passed;
  }

  override get length(): number {
    return this.entries + this.jumps;
  }

  protected override openEntry(): void {
    const { fifo } = this.follower;
    if (this.state === RUN.NONE) this.jumps = 0;
    if (this.jump.is(fifo.lanes, fifo.base)) this.openJump();
    else super.openEntry();
  }

  private openJump(): void {
    const { end, plan, refusesDone } = this;
    const { fifo } = this.follower;
    const { head, lanes, base } = fifo;
    end.lanes = lanes;
    end.base = base;
    end.lastPage = fifo.page[head]!;
    end.lastOffset = fifo.offset[head]!;
    end.entryBytes = 0;
    this.statistics.entries++;
    if (refusesDone && plan.entry.done!.is(lanes, base)) this.refuseDone();
    else if (this.state === RUN.NONE) this.pass();
    else {
      this.completer.keep(end);
      fifo.pop();
      this.jumps++;
    }
  }

  private pass(): void {
    const { end, follower } = this;
    const index = follower.fifo.index[follower.fifo.head]!;
    end.code = ERROR.NONE;
    end.index = follower.after(index);
    const code = this.completer.pass(end);
    if (code !== ERROR.NONE) {
      this.failure.setFromBus(code, this.bus, index);
      this.broken = true;
      return;
    }
    follower.fifo.pop();
    follower.givenBack(1);
    this.passed(end.index);
  }
}
