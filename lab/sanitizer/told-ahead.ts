import type { Lease } from './lease';
import type { Kept, Moment } from './recorder';

/** How much of each kind is remembered of a device, the latest. */
const REMEMBERED = 64;

interface Stray {
  readonly from: bigint;
  readonly to: bigint;
  readonly kept: Kept;
}

/** A mistake in a descriptor, which the device may find itself. */
interface Refusal {
  readonly address: bigint;
  readonly lease: Lease | null;
  readonly kept: Kept;
}

/**
 * Mistakes that were found in a device's descriptors when it was told of them. When they come true they are not told again: they
 * have done harm then.
 */
export class ToldAhead {
  private strays: Stray[] = [];
  private refusals: Refusal[] = [];
  private readonly wrongWays = new Map<Lease, Kept>();
  private readonly misses = new Map<number, Kept>();

  /** It is led to addresses where nothing is mapped. */
  addStray(from: bigint, length: number, kept: Kept): void {
    this.strays.push({ from, to: from + BigInt(Math.max(length, 1)), kept });
    if (this.strays.length > REMEMBERED) this.strays.shift();
  }

  /** It goes to an address where nothing is mapped. Whether that was told. */
  met(address: bigint): boolean {
    return happened(this.strays.find(({ from, to }) => address >= from && address < to)?.kept);
  }

  /** It is told to read or write what is mapped the other way. */
  addWrongWay(lease: Lease, kept: Kept): void {
    this.wrongWays.set(lease, kept);
    forgetOldest(this.wrongWays);
  }

  wentWrongWay(lease: Lease): boolean {
    return happened(this.wrongWays.get(lease));
  }

  /** A store that it is to see still waits. */
  addMiss(store: Moment, kept: Kept): void {
    this.misses.set(store.tick, kept);
    forgetOldest(this.misses);
  }

  missed(store: Moment): boolean {
    return happened(this.misses.get(store.tick));
  }

  /** An entry is one that it may be unable to work with. */
  addRefusal(address: bigint, lease: Lease | null, kept: Kept): void {
    this.refusals.push({ address, lease, kept });
    if (this.refusals.length > REMEMBERED) this.refusals.shift();
  }

  /** It could not work with a descriptor: the very entry, or one beside it that led there. Each mistake explains one refusal. */
  refused(address: bigint, lease: Lease | null): boolean {
    const { refusals } = this;
    let index = refusals.findIndex((one) => one.address === address);
    if (index < 0 && lease !== null) index = refusals.findIndex((one) => one.lease === lease);
    if (index < 0) return false;
    return happened(refusals.splice(index, 1)[0]!.kept);
  }
}

const happened = (kept: Kept | undefined): boolean => {
  if (kept === undefined) return false;
  kept.harm = 'happened';
  return true;
};

const forgetOldest = <K>(map: Map<K, Kept>): void => {
  if (map.size <= REMEMBERED) return;
  const [oldest] = map.keys();
  map.delete(oldest!);
};
