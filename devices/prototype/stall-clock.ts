import type { QueueStatistics } from './statistics';

/** What a queue can wait for. */
const WAIT = { NOTHING: 0, FETCH: 1, STREAM: 2, COMPLETION: 3, DOORBELL: 4 } as const;
export { WAIT };

/** Adds up for how long a queue could do nothing, and why. */
export class StallClock {
  private readonly statistics: QueueStatistics;
  private reason: number = WAIT.NOTHING;
  private since = 0;

  constructor(statistics: QueueStatistics) {
    this.statistics = statistics;
  }

  /** From now on it waits for this. */
  waitFor(reason: number, now: number): void {
    if (reason === this.reason) return;
    this.add(now - this.since);
    this.reason = reason;
    this.since = now;
  }

  /** It no longer is a queue that waits. */
  stop(): void {
    this.reason = WAIT.NOTHING;
  }

  private add(ns: number): void {
    if (this.reason === WAIT.FETCH) this.statistics.fetchStallNs += ns;
    else if (this.reason === WAIT.STREAM) this.statistics.streamStallNs += ns;
    else if (this.reason === WAIT.COMPLETION) this.statistics.completionStallNs += ns;
  }
}
