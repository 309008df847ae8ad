import type { Clock, Timer } from '../../emulator/clock';
import type { Arbiter } from './arbiter';
import type { Queue } from './queue';

/** What the engine asks of the device. */
export interface EngineHost {
  /** Whether it may access memory. */
  readonly mayMaster: () => boolean;
  /** A reset was requested; the engine has dropped the step in flight. */
  reset(): void;
}

/**
 * The one data path, driven by one timer. Each firing ends the step in flight, lets software's requests take effect and begins
 * the next queue's step, so the work of a firing is bounded by that of a step. What registers ask for during a step, as
 * when the engine writes to its own, waits until the step is done.
 */
export class Engine {
  private readonly clock: Clock;
  private readonly queues: readonly Queue[];
  private readonly arbiter: Arbiter;
  private readonly host: EngineHost;
  private readonly startNs: number;
  private readonly timer: Timer;
  private readonly deferred: (() => void)[] = [];
  private inFlight: Queue | undefined;
  private firing = false;
  private resetRequested = false;
  private kicked = false;
  /** A queue is to stop when its request has ended. */
  private stopping = false;

  constructor(
    clock: Clock,
    name: string,
    queues: readonly Queue[],
    arbiter: Arbiter,
    startNs: number,
    host: EngineHost,
  ) {
    this.clock = clock;
    this.queues = queues;
    this.arbiter = arbiter;
    this.host = host;
    this.startNs = startNs;
    this.timer = clock.timer(`${name}.engine`, () => this.fire());
  }

  /** Does something that a register asks for, and looks for work then. */
  act(what: () => void): void {
    if (this.firing) this.deferred.push(what);
    else {
      what();
      this.kick();
    }
  }

  /** Something changed that may give the engine work. */
  kick(): void {
    this.kicked = true;
    if (this.firing) return;
    if (!this.timer.armed || (this.inFlight === undefined && this.timer.deadline > this.clock.now + this.startNs)) {
      this.timer.armAfter(this.startNs);
    }
  }

  /** Asks for a reset, which does not wait for the step in flight. */
  requestReset(): void {
    this.resetRequested = true;
    if (!this.firing) this.timer.armAfter(this.startNs);
  }

  /** Stops at once. */
  reset(): void {
    this.timer.cancel();
    this.inFlight = undefined;
    this.resetRequested = false;
    this.kicked = false;
    this.stopping = false;
    this.deferred.length = 0;
    this.arbiter.reset();
  }

  private fire(): void {
    if (this.resetRequested) {
      this.reset();
      this.host.reset();
      return;
    }
    this.firing = true;
    const duration = this.host.mayMaster() ? this.advance() : this.hold();
    this.firing = false;
    if (this.deferred.length > 0) for (const act of this.deferred.splice(0)) act();
    if (this.resetRequested) this.timer.armAfter(this.startNs);
    else if (duration >= 0) this.timer.armAfter(Math.max(1, duration));
    else if (this.kicked) this.timer.armAfter(this.startNs);
  }

  /** Without leave to access memory nothing moves; what software asks for is still obeyed. */
  private hold(): number {
    this.inFlight = undefined;
    this.obey(false);
    return -1;
  }

  /** Ends a step and begins the next. Returns how long until something happens; negative: nothing will. */
  private advance(): number {
    const { now } = this.clock;
    const before = this.inFlight;
    before?.retire();
    if (this.kicked || this.stopping) this.obey(true);
    const next = this.arbiter.pick(now);
    this.inFlight = next;
    if (next !== undefined) return next.step(now, before !== undefined);
    let wakeAt = Infinity;
    for (const queue of this.queues) if (!queue.idle && queue.wakeAt < wakeAt) wakeAt = queue.wakeAt;
    return wakeAt === Infinity ? -1 : wakeAt - now;
  }

  private obey(mayMaster: boolean): void {
    const { now } = this.clock;
    this.kicked = false;
    this.stopping = false;
    for (const queue of this.queues) {
      queue.obey(now, mayMaster);
      if (queue.disableRequested) this.stopping = true;
    }
  }
}
