import type { Register } from '../../emulator/registers/register';
import type { Queue } from './queue';
import { POLICY } from './spec';

/** Gives the data path to one queue at a time: in turn, in turn for as many steps as a queue weighs, or by priority. */
export class Arbiter {
  private readonly queues: readonly Queue[];
  private readonly policy: Register;
  private last = 0;
  /** Steps that the last one may still have. */
  private left = 0;

  constructor(queues: readonly Queue[], policy: Register) {
    this.queues = queues;
    this.policy = policy;
    this.reset();
  }

  reset(): void {
    this.last = this.queues.length - 1;
    this.left = 0;
  }

  /** The queue that works next; undefined if none can. All of them fetch ahead as far as they can. */
  pick(now: number): Queue | undefined {
    const { queues, last } = this;
    const policy = this.policy.lo & 3;
    let best: Queue | undefined;
    for (let i = 1; i <= queues.length; i++) {
      const at = last + i;
      const queue = queues[at >= queues.length ? at - queues.length : at]!;
      if (queue.idle || !queue.poll(now)) continue;
      if (best === undefined || (policy === POLICY.PRIORITY && queue.priority > best.priority)) best = queue;
      // The last one that had a turn comes last, unless it may go on.
      if (policy === POLICY.WEIGHTED && queue.index === last && this.left > 0) best = queue;
    }
    if (best !== undefined) this.give(best);
    return best;
  }

  private give(queue: Queue): void {
    this.left = queue.index === this.last && this.left > 0 ? this.left - 1 : queue.weight - 1;
    this.last = queue.index;
  }
}
