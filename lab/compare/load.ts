import { errnoName, EBUSY } from '../../base/errno';
import { prototypePatternByte } from '../../devices/prototype';
import type { PrototypeQueue } from '../../kernel-api/drivers/prototype/queue';
import type { TransferResult } from '../../kernel-api/drivers/prototype/transfer';
import type { Kernel } from '../../kernel-api/kernel';
import { Completion, complete, wait_for_completion } from '../../kernel-api/sched/completion';
import { tasklet_schedule, tasklet_setup, type Tasklet } from '../../kernel-api/sched/tasklet';
import { ScenarioFailure } from '../failure';
import { patternBytes } from '../pattern';
import { RequestBuffer } from './buffers';
import type { Moves } from './candidate';
import type { CountingMemory } from './counting-memory';
import type { Traffic } from './traffic';

/** What the software's side saw. */
export interface LoadOutcome {
  /** From the first submission to the last completion, in nanoseconds. */
  readonly nanoseconds: number;
  /** Of each request, from its submission to its completion, in nanoseconds. */
  readonly latencies: Float64Array;
}

/** A format cannot carry the traffic: a sentence without a full stop. */
export class Uncarried extends Error {
  override readonly name = 'Uncarried';
}

interface Slot {
  readonly from: RequestBuffer | undefined;
  readonly to: RequestBuffer | undefined;
}

/**
 * Keeps so many requests under way until all are done, as a driver with a full queue does: what completes is followed by the
 * next request at once, and one doorbell is for all that an interrupt brought.
 */
export class Load {
  private readonly kernel: Kernel;
  private readonly queue: PrototypeQueue;
  private readonly sizes: readonly number[];
  private readonly moves: Moves;
  private readonly memory: CountingMemory;
  private readonly free: Slot[];
  private readonly latencies: Float64Array;
  private readonly done: Completion;
  private readonly kicker: Tasklet;
  private next = 0;
  private ended = 0;
  /** Where a source's pattern stands. */
  private position = 0;
  private failure: Error | undefined;

  constructor(
    kernel: Kernel,
    queue: PrototypeQueue,
    traffic: Traffic,
    sizes: readonly number[],
    moves: Moves,
    memory: CountingMemory,
  ) {
    this.kernel = kernel;
    this.queue = queue;
    this.sizes = sizes;
    this.moves = moves;
    this.memory = memory;
    this.latencies = new Float64Array(sizes.length);
    this.done = new Completion(kernel);
    this.kicker = tasklet_setup(kernel, () => this.kick());
    this.free = Array.from({ length: traffic.depth }, (_, slot) => ({
      from: moves === 'in' ? undefined : new RequestBuffer(kernel, traffic, slot),
      to: moves === 'out' ? undefined : new RequestBuffer(kernel, traffic, slot),
    }));
  }

  async run(): Promise<LoadOutcome> {
    const start = this.kernel.cpu.now;
    this.submitAll();
    this.kick();
    await wait_for_completion(this.done);
    if (this.failure !== undefined) throw this.failure;
    return { nanoseconds: this.kernel.cpu.now - start, latencies: this.latencies };
  }

  private kick(): void {
    this.memory.mark();
    this.queue.kick();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    complete(this.done);
  }

  private submitAll(): void {
    while (this.failure === undefined && this.next < this.sizes.length && this.free.length > 0) {
      if (!this.submitOne(this.free.at(-1)!)) return;
      this.free.pop();
    }
  }

  /** What a request is to carry: known beforehand where it is sent, and where the source's pattern makes it. */
  private expected(index: number, start: number): Uint8Array {
    const bytes = this.sizes[index]!;
    if (this.moves !== 'in') return patternBytes(index, 0, bytes);
    return Uint8Array.from({ length: bytes }, (_, i) => prototypePatternByte(0, start + i));
  }

  private submitOne(slot: Slot): boolean {
    const index = this.next;
    const bytes = this.sizes[index]!;
    const { position } = this;
    slot.from?.layOut(bytes);
    slot.to?.layOut(bytes);
    slot.from?.fill(this.expected(index, 0));
    slot.to?.clear();
    this.memory.mark();
    const submitted = this.kernel.cpu.now;
    const lists = { ...(slot.from && { out: slot.from.sgt }), ...(slot.to && { in: slot.to.sgt }) };
    const error = this.queue.submit(lists, (result) => this.finish(index, slot, position, submitted, result), true);
    this.memory.mark();
    if (error === -EBUSY && this.queue.outstanding > 0) return false;
    if (error !== 0) {
      const why = this.queue.refusal ?? `the driver answered ${errnoName(error)}`;
      this.fail(new Uncarried(`a request of ${bytes} bytes: ${why}`));
      return false;
    }
    this.next++;
    if (this.moves === 'in') this.position += bytes;
    return true;
  }

  /** In interrupt context. */
  private finish(
    index: number,
    slot: Slot,
    position: number,
    submitted: number,
    { error, status }: TransferResult,
  ): void {
    if (this.failure !== undefined) return;
    this.latencies[index] = this.kernel.cpu.now - submitted;
    try {
      if (error !== 0) throw new ScenarioFailure(`request ${index} failed: ${errnoName(error)}, status ${status}`);
      slot.to?.expect(this.expected(index, position), `request ${index}`);
    } catch (problem) {
      this.fail(problem as Error);
      return;
    }
    this.free.push(slot);
    this.ended++;
    if (this.ended === this.sizes.length) complete(this.done);
    this.submitAll();
    tasklet_schedule(this.kicker);
  }
}
