import type { TraceEvent } from './trace-events';

/** An event with its place in the run: simulated time in nanoseconds, and its ordinal on the trace. */
export interface TraceRecord {
  readonly ordinal: number;
  readonly time: number;
  readonly event: TraceEvent;
}

/** Receives the events of a machine in order. Must not act on the machine. */
export type TraceSubscriber = (record: TraceRecord) => void;

/**
 * The one stream of events of a machine.
 *
 * An emitter asks `active` first, so that with no subscriber not even the event object is made:
 * `if (trace.active) trace.emit({ type: 'note', text })`.
 */
export class Trace {
  /** Whether anyone listens. */
  active = false;
  private readonly now: () => number;
  private readonly subscribers: TraceSubscriber[] = [];
  private ordinal = 0;

  /** @param now tells the simulated time, in nanoseconds. */
  constructor(now: () => number) {
    this.now = now;
  }

  /** Adds a subscriber; the result takes it off again. */
  subscribe(subscriber: TraceSubscriber): () => void {
    this.subscribers.push(subscriber);
    this.active = true;
    return () => {
      const index = this.subscribers.indexOf(subscriber);
      if (index >= 0) this.subscribers.splice(index, 1);
      this.active = this.subscribers.length > 0;
    };
  }

  /** Hands an event to every subscriber, in the order in which they came. */
  emit(event: TraceEvent): void {
    const record: TraceRecord = { ordinal: this.ordinal++, time: this.now(), event };
    for (const subscriber of this.subscribers) subscriber(record);
  }
}

/**
 * A running hash over everything on a trace: two runs with the same hash showed the same events at the same times.
 * 64 bits of FNV-1a over each record's canonical text, as two independent 32-bit lanes.
 */
export class TraceHasher {
  private low = 0x811c_9dc5;
  private high = 0x1234_5679;
  /** How many events went into the hash. */
  count = 0;

  /** To be subscribed: `trace.subscribe(hasher.add)`. */
  readonly add = (record: TraceRecord): void => {
    this.count++;
    this.mix(`${record.ordinal} ${record.time}`);
    for (const [key, value] of Object.entries(record.event)) this.mix(`${key}=${String(value)}`);
  };

  private mix(text: string): void {
    let { low, high } = this;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      low = Math.imul(low ^ code, 0x0100_0193);
      high = Math.imul(high ^ (code + i), 0x0100_0193);
    }
    this.low = Math.imul(low ^ 0x0a, 0x0100_0193);
    this.high = Math.imul(high ^ 0x0a, 0x0100_0193);
  }

  /** The hash so far, as 16 hex digits. */
  digest(): string {
    const half = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
    return half(this.high) + half(this.low);
  }
}
