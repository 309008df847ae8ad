import type { WalkedEntry } from './findings';
import { MOST_JUMPS } from './jumps';
import { wholeNumber, type Walker } from './walk';

/** Where the entries of a ring lie, one after the other. */
export interface RingPath {
  readonly address: bigint;
  readonly index: number;
  readonly phase: number;
  /** Goes on after an entry. False if the ring does not. @param left entries that are still to be looked at */
  advance(entry: WalkedEntry, left: number): boolean;
}

/** All in one piece. */
class PlainPath implements RingPath {
  private readonly walker: Walker;
  private position: number;

  constructor(walker: Walker) {
    this.walker = walker;
    this.position = wholeNumber(walker.start.from ?? 0);
  }

  get index(): number {
    return this.position % this.walker.size;
  }

  get phase(): number {
    return (this.walker.start.phase ?? 1) ^ (Math.floor(this.position / this.walker.size) & 1);
  }

  get address(): bigint {
    return this.walker.start.at + BigInt(this.index) * BigInt(this.walker.format.entry.size);
  }

  advance(): boolean {
    this.position++;
    return true;
  }
}

/**
 * In pieces, from each of which a jump leads to the next: it begins at the start's address, whatever its index. Where it goes on
 * after an entry that the device has not been given, nobody knows.
 */
class JumpPath implements RingPath {
  address: bigint;
  index: number;
  phase: number;
  private readonly walker: Walker;
  private readonly toggles: boolean;
  private readonly seen = new Map<bigint, string>();
  /** Jumps since the last entry that is none. */
  private readonly inRow = new Map<bigint, string>();

  constructor(walker: Walker) {
    const { at, from = 0, phase = 1 } = walker.start;
    this.walker = walker;
    this.toggles = walker.roles.markField('toggle') !== undefined;
    this.address = at;
    this.index = wholeNumber(from) % Math.max(1, walker.size);
    this.phase = phase;
  }

  advance(entry: WalkedEntry, left: number): boolean {
    const { walker } = this;
    if (!entry.owned && walker.format.ownership.kind !== 'indices') return false;
    this.seen.set(entry.address, entry.where);
    this.index = this.index + 1 === walker.size ? 0 : this.index + 1;
    if (!this.toggles && this.index === 0) this.phase ^= 1;
    if (walker.isJump(entry.lanes)) return this.jump(entry, left);
    this.inRow.clear();
    this.address += BigInt(walker.format.entry.size);
    return true;
  }

  private jump(entry: WalkedEntry, left: number): boolean {
    const { walker, inRow } = this;
    this.address = walker.roles.address('next', entry.lanes);
    if (walker.roles.marked('toggle', entry.lanes)) this.phase ^= 1;
    if (entry.owned) walker.checkLink(entry, 'next', walker.format.entry.size);
    inRow.set(entry.address, entry.where);
    const report = walker.reporter(entry);
    const field = walker.roles.addressField('next', entry.lanes)?.path;
    const loop = inRow.get(this.address);
    if (loop !== undefined) report('loop', `it leads back to ${loop}, and there are only jumps between`, field);
    else if (inRow.size > MOST_JUMPS)
      report('unterminated', `${MOST_JUMPS} jumps came before it, and no entry between`, field);
    else return this.leadsOn(entry, left);
    return false;
  }

  /** A ring that comes round early has fewer entries than it should: by an index, some would be taken twice. */
  private leadsOn(entry: WalkedEntry, left: number): boolean {
    const { walker } = this;
    const before = this.seen.get(this.address);
    if (before === undefined) return true;
    if (left > 0 && walker.format.ownership.kind === 'indices') {
      const field = walker.roles.addressField('next', entry.lanes)?.path;
      walker.reporter(entry)('loop', `it leads back to ${before}, and ${left} more entries are given`, field);
    }
    return false;
  }
}

/** How a format's ring goes on. */
export const ringPath = (walker: Walker): RingPath =>
  walker.format.jumps ? new JumpPath(walker) : new PlainPath(walker);
