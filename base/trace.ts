import type { PhysAddr } from './address';
import type { CacheLineEvent, TraceEvent } from './trace-events';

/** An event with its place in the run: simulated time in nanoseconds, and its ordinal on the trace. */
export interface TraceRecord {
  readonly ordinal: number;
  readonly time: number;
  readonly event: TraceEvent;
}

/** Receives the events of a machine in order. Must not act on the machine. */
export type TraceSubscriber = (record: TraceRecord) => void;

/** Receives a `CacheLineEvent` by its parts: a run has more of them than of all others, and none may cost an object. */
export type CacheLineSubscriber = (
  ordinal: number,
  time: number,
  type: CacheLineEvent['type'],
  physical: PhysAddr,
  cause: CacheLineEvent['cause'],
  dirty: boolean,
) => void;

interface Listener {
  readonly record: TraceSubscriber;
  readonly cacheLine: CacheLineSubscriber | undefined;
}

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
  private readonly listeners: Listener[] = [];
  private ordinal = 0;

  /** @param now tells the simulated time, in nanoseconds. */
  constructor(now: () => number) {
    this.now = now;
  }

  /**
   * Adds a subscriber; the result takes it off again.
   * @param cacheLine receives the events of cache lines, in the subscriber's place
   */
  subscribe(subscriber: TraceSubscriber, cacheLine?: CacheLineSubscriber): () => void {
    const listener: Listener = { record: subscriber, cacheLine };
    this.listeners.push(listener);
    this.active = true;
    return () => {
      const index = this.listeners.indexOf(listener);
      if (index >= 0) this.listeners.splice(index, 1);
      this.active = this.listeners.length > 0;
    };
  }

  /** Hands an event to every subscriber, in the order in which they came. */
  emit(event: TraceEvent): void {
    const record: TraceRecord = { ordinal: this.ordinal++, time: this.now(), event };
    for (const listener of this.listeners) listener.record(record);
  }

  /** Hands over a `CacheLineEvent`, which is made only if somebody wants it whole. */
  emitCacheLine(
    type: CacheLineEvent['type'],
    physical: PhysAddr,
    cause: CacheLineEvent['cause'],
    dirty: boolean,
  ): void {
    const ordinal = this.ordinal++;
    const time = this.now();
    let whole: TraceRecord | undefined;
    for (const { record, cacheLine } of this.listeners) {
      if (cacheLine !== undefined) cacheLine(ordinal, time, type, physical, cause, dirty);
      else record((whole ??= { ordinal, time, event: { type, physical, cause, dirty } }));
    }
  }
}

/** Separates what could run together: a field's value, a string's end. */
const FIELD = 0x51;
const TWO_32 = 2 ** 32;
/** The field of events that holds a path and a line: those differ between hosts where nothing else does. */
const PLACE = 'site';

/**
 * A running hash over everything on a trace: two runs with the same hash showed the same events at the same times. 64 bits,
 * as two lanes that mix 32 bits at a time in the manner of MurmurHash3. Nothing is allocated for an event of numbers and
 * words, of which a run may have millions.
 */
export class TraceHasher {
  private low = 0x811c_9dc5 | 0;
  private high = 0x1234_5679;
  /** How many events went into the hash. */
  count = 0;

  /** To be subscribed: `trace.subscribe(hasher.add, hasher.addCacheLine)`. */
  readonly add = ({ ordinal, time, event }: TraceRecord): void => {
    this.count++;
    this.mixNumber(ordinal);
    this.mixNumber(time);
    const fields = event as unknown as Readonly<Record<string, unknown>>;
    for (const key in fields) {
      if (key === PLACE) continue;
      this.mixKey(key);
      this.mixValue(fields[key]);
    }
  };

  /** The same for events of cache lines. Types differ in two of their letters, causes in the first. */
  readonly addCacheLine: CacheLineSubscriber = (ordinal, time, type, physical, cause, dirty) => {
    this.count++;
    this.mixNumber(ordinal);
    this.mixNumber(time);
    this.mixNumber(physical);
    this.mix((type.charCodeAt(6) << 24) ^ (type.charCodeAt(7) << 16) ^ (cause.charCodeAt(0) << 8) ^ (dirty ? 1 : 0));
  };

  /** Fields of one event hardly differ in both of these, and always stand in the same order. */
  private mixKey(key: string): void {
    this.mix((key.length << 16) ^ key.charCodeAt(0));
  }

  private mixValue(value: unknown): void {
    if (typeof value === 'number') this.mixNumber(value);
    else this.mixText(String(value));
  }

  /** Whole numbers as two halves; others, which no event should have, as text. */
  private mixNumber(value: number): void {
    if (!Number.isSafeInteger(value)) {
      this.mixText(String(value));
      return;
    }
    this.mix(value | 0);
    this.mix(Math.floor(value / TWO_32) ^ FIELD);
  }

  private mixText(text: string): void {
    let one = text.length;
    let other = FIELD;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      one = Math.imul(one ^ code, 0x0100_0193);
      other = Math.imul(other + code, 0x0001_003f) ^ (other >>> 15);
    }
    this.mix(one);
    this.mix(other);
  }

  private mix(word: number): void {
    const scrambled = Math.imul(word, 0xcc9e_2d51 | 0);
    const turned = Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b87_3593);
    const low = this.low ^ turned;
    this.low = (Math.imul((low << 13) | (low >>> 19), 5) + 0xe654_6b64) | 0;
    const high = Math.imul(this.high ^ word, 0x85eb_ca6b | 0);
    this.high = ((high << 11) | (high >>> 21)) ^ turned;
  }

  /** The hash so far, as 16 hex digits. */
  digest(): string {
    const half = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
    return half(this.high) + half(this.low);
  }
}
