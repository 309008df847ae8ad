import { BUS_OK } from '../bus-outcome';
import type { WalkStart } from './findings';
import type { EntryRoles } from './roles';
import { readEntry, type WordReader } from './words';

/** The most entries that are passed over in one go. */
const MOST_SKIPPED = 4096;

/** Where somebody is in a ring. In one in pieces, jumps have to be followed to know. */
export class RingSpot {
  at: bigint;
  index: number;
  phase: 0 | 1;
  private readonly entries: number;
  private readonly roles: EntryRoles;
  /** Where a ring in one piece begins again. */
  private readonly base: bigint | undefined;

  /** @param base of a ring in one piece: where its first entry is */
  constructor(roles: EntryRoles, { at, entries = 1, from = 0, phase = 1 }: WalkStart, base?: bigint) {
    this.roles = roles;
    this.base = base;
    this.at = at;
    this.entries = Math.max(1, entries);
    this.index = from % this.entries;
    this.phase = phase;
  }

  get start(): { readonly at: bigint; readonly from: number; readonly phase: 0 | 1 } {
    const { at, index, phase } = this;
    return { at, from: index, phase };
  }

  /** Goes on after an entry. */
  pass(lanes: Int32Array): void {
    const { roles } = this;
    const toggles = roles.markField('toggle') !== undefined;
    const isJump = roles.marked('jump', lanes);
    this.index = this.index + 1 === this.entries ? 0 : this.index + 1;
    if (isJump) this.at = roles.address('next', lanes);
    else this.at = this.index === 0 && this.base !== undefined ? this.base : this.at + BigInt(roles.descriptor.size);
    if (toggles ? isJump && roles.marked('toggle', lanes) : this.index === 0) this.phase = this.phase === 1 ? 0 : 1;
  }

  /** Goes on after entries that nobody looked at: completing them has left where they lead. */
  skip(memory: WordReader, count: number): void {
    const { descriptor } = this.roles;
    const lanes = new Int32Array(descriptor.lanes);
    for (let i = 0; i < Math.min(count, MOST_SKIPPED); i++) {
      if (readEntry(memory, descriptor, this.at, lanes) !== BUS_OK) return;
      this.pass(lanes);
    }
  }
}
