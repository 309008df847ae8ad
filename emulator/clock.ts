import { LabError } from '../base/errors';

/** No deadline: the timer is not armed. */
export const NEVER = Infinity;

/** Events at one instant beyond which a device is taken to arm its timer without end: no board has this many timers. */
const AT_ONCE_LIMIT = 1_000_000;

/**
 * Chooses among events that are due at the same instant: the smaller rank fires first. Called once per arming with the
 * arming's running number, which is the default rank (first armed, first fired).
 */
export type TieBreak = (sequence: number, timer: Timer) => number;

/**
 * A named timer of a piece of hardware. Its whole state is a deadline (and a rank among equals), so that a machine's
 * hardware can be saved and restored; what it does when it fires is fixed when it is made.
 */
export class Timer {
  /** Who owns it and what for: `dmac.channel2`. */
  readonly name: string;
  /** When it fires, in nanoseconds; `NEVER` if it is not armed. */
  deadline: number = NEVER;
  /** Order among timers with equal deadlines. Managed by the clock. */
  rank = 0;
  /** Order among equal ranks: the running number of the arming. Managed by the clock. */
  sequence = 0;
  /** Position in the clock's heap, -1 outside. Managed by the clock. */
  slot = -1;
  /** What happens at the deadline. Runs with the timer disarmed, so it may arm itself again. Bounded work only. */
  readonly fire: () => void;
  private readonly clock: Clock;

  constructor(clock: Clock, name: string, fire: () => void) {
    this.clock = clock;
    this.name = name;
    this.fire = fire;
  }

  /** Whether it will fire. */
  get armed(): boolean {
    return this.slot >= 0;
  }

  /** Fires at an absolute time in nanoseconds (now, if that is past; never, if `NEVER`). Moves the deadline if already armed. */
  armAt(time: number): void {
    this.clock.arm(this, time);
  }

  /** Fires after a delay in nanoseconds. Moves the deadline if already armed. */
  armAfter(delay: number): void {
    this.clock.arm(this, this.clock.now + delay);
  }

  /** Will not fire. Harmless if it is not armed. */
  cancel(): void {
    this.clock.cancel(this);
  }
}

/**
 * Simulated time and everything that is going to happen in it.
 *
 * Only the CPU moves time: it spends some (`Cpu.elapse`) or waits for an interrupt. Events at the same instant fire in
 * the order in which they were armed, unless a tie-break says otherwise.
 */
export class Clock {
  /** The current time in integer nanoseconds since power-on. */
  now = 0;
  /** Time may not pass beyond this; the attempt is a `LabError`. */
  limit = Number.MAX_SAFE_INTEGER;
  private readonly heap: Timer[] = [];
  private readonly tieBreak: TieBreak | undefined;
  private sequence = 0;
  /** Events since time last passed. */
  private firedAtOnce = 0;

  constructor(tieBreak?: TieBreak) {
    this.tieBreak = tieBreak;
  }

  /** Makes a timer, not armed. */
  timer(name: string, fire: () => void): Timer {
    return new Timer(this, name, fire);
  }

  /** When the next event is due; `NEVER` if nothing is armed. */
  get nextDeadline(): number {
    const first = this.heap[0];
    return first === undefined ? NEVER : first.deadline;
  }

  /** Moves time forward to `time` without firing anything; the caller has fired what was due by then. */
  moveTo(time: number): void {
    if (time > this.limit) this.refuse();
    if (time <= this.now) return;
    this.now = time;
    this.firedAtOnce = 0;
  }

  /** Moves to the next deadline and fires that one event. Returns false if nothing is armed. */
  fireNext(): boolean {
    const timer = this.heap[0];
    if (timer === undefined) return false;
    if (timer.deadline > this.now) {
      this.moveTo(timer.deadline);
    } else if (++this.firedAtOnce > AT_ONCE_LIMIT) {
      this.refuseStandstill(timer);
    }
    this.remove(timer);
    timer.fire();
    return true;
  }

  /** Fires everything due up to and including `time`, then moves there. For tests and machines without a CPU. */
  runUntil(time: number): void {
    while (this.nextDeadline <= time && this.fireNext());
    this.moveTo(time);
  }

  /** Arms or re-arms a timer. See `Timer.armAt`. */
  arm(timer: Timer, time: number): void {
    if (time === NEVER) {
      this.cancel(timer);
      return;
    }
    const sequence = this.sequence++;
    timer.sequence = sequence;
    timer.deadline = time > this.now ? Math.ceil(time) : this.now;
    timer.rank = this.tieBreak === undefined ? sequence : this.tieBreak(sequence, timer);
    if (timer.slot < 0) {
      timer.slot = this.heap.length;
      this.heap.push(timer);
      this.siftUp(timer.slot);
    } else {
      this.siftDown(this.siftUp(timer.slot));
    }
  }

  /** Disarms a timer. See `Timer.cancel`. */
  cancel(timer: Timer): void {
    if (timer.slot >= 0) this.remove(timer);
  }

  private refuseStandstill(timer: Timer): never {
    throw new LabError(
      `${AT_ONCE_LIMIT} events fired without time passing, the last of them ${timer.name}: a device arms a timer for now each time it fires`,
    );
  }

  private refuse(): never {
    throw new LabError(
      `simulated time reached its limit of ${this.limit / 1e6} ms: something waits or polls for what never happens`,
    );
  }

  private remove(timer: Timer): void {
    const slot = timer.slot;
    const last = this.heap.pop()!;
    timer.slot = -1;
    timer.deadline = NEVER;
    if (last === timer) return;
    this.heap[slot] = last;
    last.slot = slot;
    this.siftDown(this.siftUp(slot));
  }

  private siftUp(start: number): number {
    const { heap } = this;
    const timer = heap[start]!;
    let slot = start;
    while (slot > 0) {
      const parentSlot = (slot - 1) >> 1;
      const parent = heap[parentSlot]!;
      if (!firesBefore(timer, parent)) break;
      heap[slot] = parent;
      parent.slot = slot;
      slot = parentSlot;
    }
    heap[slot] = timer;
    timer.slot = slot;
    return slot;
  }

  private siftDown(start: number): void {
    const { heap } = this;
    const timer = heap[start]!;
    const count = heap.length;
    let slot = start;
    for (;;) {
      let childSlot = 2 * slot + 1;
      if (childSlot >= count) break;
      if (childSlot + 1 < count && firesBefore(heap[childSlot + 1]!, heap[childSlot]!)) childSlot++;
      const child = heap[childSlot]!;
      if (!firesBefore(child, timer)) break;
      heap[slot] = child;
      child.slot = slot;
      slot = childSlot;
    }
    heap[slot] = timer;
    timer.slot = slot;
  }
}

const firesBefore = (a: Timer, b: Timer): boolean =>
  a.deadline < b.deadline ||
  (a.deadline === b.deadline && (a.rank < b.rank || (a.rank === b.rank && a.sequence < b.sequence)));
