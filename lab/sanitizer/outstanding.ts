import type { EntryRange } from '../../base/descriptor';
import { RangeIndex, type Range } from './range-index';

/** A range of an entry that a device has been given and is not done with. `U` is what is completed as one. */
export interface Held<U> extends Range {
  readonly range: EntryRange;
  readonly unit: U;
  /** How many entries have the very same one: a table may serve several requests. */
  users: number;
}

/**
 * What a device is to write, and where the descriptors lie that it is not done with, of all of its queues. Each new range costs
 * about the logarithm of how much is outstanding.
 */
export class Outstanding<U> {
  private readonly written = new RangeIndex<Held<U>>();
  private readonly read = new RangeIndex<Held<U>>();

  /** What a new range overlaps. Entries may be shared as a whole. */
  overlapped(range: EntryRange): Held<U> | undefined {
    const written = this.written.find(range);
    if (written !== undefined) return written;
    const entry = this.read.find(range);
    return entry !== undefined && !range.writes && entry.from === range.from ? undefined : entry;
  }

  /** A range is outstanding. Nothing is held of one that overlaps another: that was told, or is told by who found it. */
  hold(range: EntryRange, unit: U): Held<U> | undefined {
    const { from, to, writes } = range;
    if (from >= to) return undefined;
    const index = writes ? this.written : this.read;
    const there = index.find(range);
    if (there === undefined) {
      const held = { from, to, range, unit, users: 1 };
      index.add(held);
      return held;
    }
    if (writes || there.from !== from || there.to !== to) return undefined;
    there.users++;
    return there;
  }

  /** An entry with a range is done. */
  release(held: Held<U>): void {
    if (--held.users > 0) return;
    (held.range.writes ? this.written : this.read).remove(held);
  }
}
