import type { Lease } from './lease';
import type { Kept, Moment } from './recorder';

/** How much of each kind is remembered of a device, the latest. */
const REMEMBERED = 64;

/** A mistake that was told, and when it can come true no more. */
export interface Told {
  readonly kept: Kept;
  /** The queue that it is about. */
  readonly queue: object;
  /** It is over once so many entries or heads of the queue have been completed since it was enabled. */
  readonly until: number;
}

interface Stray extends Told {
  readonly from: bigint;
  readonly to: bigint;
}

/** A mistake in a descriptor, which the device may find itself. */
interface Refusal extends Told {
  readonly address: bigint;
  readonly lease: Lease | null;
}

/**
 * Mistakes that were found in a device's descriptors when it was told of them. When they come true they are not told again: they
 * have done harm then. Once the device is done with the descriptors they are forgotten: what happens at the same place then has
 * another reason.
 */
export class ToldAhead {
  private strays: Stray[] = [];
  private refusals: Refusal[] = [];
  private readonly wrongWays = new Map<Lease, Told>();
  private readonly misses = new Map<number, Told>();

  /** It is led to addresses where nothing is mapped. */
  addStray(from: bigint, length: number, told: Told): void {
    this.strays.push({ ...told, from, to: from + BigInt(Math.max(length, 1)) });
    if (this.strays.length > REMEMBERED) this.strays.shift();
  }

  /** It goes to an address where nothing is mapped. Whether that was told. */
  met(address: bigint): boolean {
    return happened(this.strays.find(({ from, to }) => address >= from && address < to));
  }

  /** It is told to read or write what is mapped the other way. */
  addWrongWay(lease: Lease, told: Told): void {
    this.wrongWays.set(lease, told);
    forgetOldest(this.wrongWays);
  }

  wentWrongWay(lease: Lease): boolean {
    return happened(this.wrongWays.get(lease));
  }

  /** A store that it is to see still waits. */
  addMiss(store: Moment, told: Told): void {
    this.misses.set(store.tick, told);
    forgetOldest(this.misses);
  }

  missed(store: Moment): boolean {
    return happened(this.misses.get(store.tick));
  }

  /** An entry is one that it may be unable to work with. */
  addRefusal(address: bigint, lease: Lease | null, told: Told): void {
    this.refusals.push({ ...told, address, lease });
    if (this.refusals.length > REMEMBERED) this.refusals.shift();
  }

  /** It could not work with a descriptor: the very entry, or one beside it that led there. Each mistake explains one refusal. */
  refused(address: bigint, lease: Lease | null): boolean {
    const { refusals } = this;
    let index = refusals.findIndex((one) => one.address === address);
    if (index < 0 && lease !== null) index = refusals.findIndex((one) => one.lease === lease);
    if (index < 0) return false;
    return happened(refusals.splice(index, 1)[0]);
  }

  /** So many of a queue's entries or heads are completed: Infinity if it was disabled, or began afresh. */
  forget(queue: object, done: number): void {
    const isOver = (told: Told): boolean => told.queue === queue && told.until <= done;
    this.strays = this.strays.filter((told) => !isOver(told));
    this.refusals = this.refusals.filter((told) => !isOver(told));
    for (const [lease, told] of this.wrongWays) if (isOver(told)) this.wrongWays.delete(lease);
    for (const [tick, told] of this.misses) if (isOver(told)) this.misses.delete(tick);
  }
}

const happened = (told: Told | undefined): boolean => {
  if (told === undefined) return false;
  told.kept.harm = 'happened';
  return true;
};

const forgetOldest = <K>(map: Map<K, Told>): void => {
  if (map.size <= REMEMBERED) return;
  const [oldest] = map.keys();
  map.delete(oldest!);
};
