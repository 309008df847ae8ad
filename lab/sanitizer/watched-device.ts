import type { StructDevice } from '../../kernel-api/base/struct-device';
import type { Lease } from './lease';
import { ToldAhead } from './told-ahead';
import type { LeaseHolder } from './lease-holder';
import { LeasesByPage, eachPage, placeIn, type LeasePlace } from './lease-table';
import type { Moment } from './recorder';

/** How many leases that are over are remembered of each device, the latest ones. */
const REMEMBERED = 64;

/** A mapping that failed. */
export interface FailedMapping {
  readonly when: Moment;
  readonly what: string;
}

/** What the sanitizer knows about a device. */
export class WatchedDevice implements LeaseHolder {
  readonly dev: StructDevice;
  readonly addressWires: number;
  /** Its requester id; -1 if it masters no bus. */
  readonly requester: number;
  readonly leases = new Set<Lease>();
  /** Leases that are over, the oldest first. */
  readonly past: Lease[] = [];
  /** The last mapping that failed, until another succeeds. */
  failed: FailedMapping | null = null;
  masked: Moment | null = null;
  started: Moment | null = null;
  /** The tick of the latest store that it has seen the effect of. */
  seenTick = 0;
  /** Where in memory it read coherent memory last, as it does for descriptors: an address and a length. */
  fetched: readonly [address: number, length: number] | null = null;
  /** When it lost its driver. */
  unbound: Moment | null = null;
  /** What was said about its descriptors before it did anything with them. */
  readonly told = new ToldAhead();
  /** Physical addresses whose mapping is about to be bounced. */
  readonly bouncing = new Set<number>();
  /** Where its accesses since the last event went: addresses and lengths, by turns. */
  readonly reads: number[] = [];
  readonly writes: number[] = [];
  private readonly byPage = new LeasesByPage();

  constructor(dev: StructDevice, addressWires: number, requester: number) {
    this.dev = dev;
    this.requester = requester;
    this.addressWires = addressWires;
  }

  get name(): string {
    return this.dev.name;
  }

  add(lease: Lease): void {
    this.leases.add(lease);
    for (const { page, offset, length } of lease.terms.devicePieces) {
      eachPage(page, offset, length, (each) => this.byPage.add(each, lease));
    }
  }

  /** The lease is over. */
  end(lease: Lease, when: Moment): void {
    lease.unmapped = when;
    this.leases.delete(lease);
    for (const { page, offset, length } of lease.terms.devicePieces) {
      eachPage(page, offset, length, (each) => void this.byPage.remove(each, lease));
    }
    this.past.push(lease);
    if (this.past.length > REMEMBERED) this.past.shift();
  }

  /** The live leases that touch a page of the device's. */
  on(page: number): readonly Lease[] {
    return this.byPage.on(page) ?? [];
  }

  /** The live lease that an address is in. */
  find(page: number, offset: number): LeasePlace | null {
    const there = this.byPage.on(page);
    if (there === undefined) return null;
    for (const lease of there) {
      const place = placeIn(lease, page, offset);
      if (place !== null) return place;
    }
    return null;
  }

  /**
   * The live lease that begins at an address. Without an IOMMU, memory that is mapped twice has the same address twice:
   * then the one of most `points`, of equals the one that was made first.
   */
  beginningAt(page: number, offset: number, points: (lease: Lease) => number): Lease | null {
    let best: Lease | null = null;
    let most = -1;
    for (const lease of this.byPage.on(page) ?? []) {
      const first = lease.terms.devicePieces[0];
      if (first?.page !== page || first.offset !== offset) continue;
      const score = points(lease);
      if (score <= most) continue;
      best = lease;
      most = score;
    }
    return best;
  }

  /** The lease that an address was in which ended last. */
  findPast(page: number, offset: number): LeasePlace | null {
    for (let index = this.past.length - 1; index >= 0; index--) {
      const place = placeIn(this.past[index]!, page, offset);
      if (place !== null) return place;
    }
    return null;
  }
}
