import { hex } from '../u64';
import type { Finding, WalkedEntry } from './findings';

/** A run of addresses that a device is to write, or where it reads a descriptor. */
export interface EntryRange {
  readonly from: bigint;
  /** The address after the last. */
  readonly to: bigint;
  /** The device is to write there; otherwise the entry lies there. */
  readonly writes: boolean;
  /** The path of the field that leads there; undefined for the entry itself. */
  readonly field: string | undefined;
  readonly entry: WalkedEntry;
}

/** The ranges of an entry that nobody else's may overlap. */
export const rangesOf = (entry: WalkedEntry): EntryRange[] => {
  const { address, descriptor, pieces } = entry;
  const ranges: EntryRange[] = [
    { entry, from: address, to: address + BigInt(descriptor.size), writes: false, field: undefined },
  ];
  for (const { moves, fixed, field, address: from, length } of pieces) {
    if (moves === 'to-memory' && !fixed) ranges.push({ entry, from, to: from + BigInt(length), writes: true, field });
  }
  return ranges;
};

/** What a range is, for who speaks of its own entry, and for who speaks of another. */
const ownName = ({ field, writes }: EntryRange): string => (writes ? `what ${field!} gives to be written` : 'it');
const otherName = ({ field, writes, entry: { where } }: EntryRange): string =>
  writes ? `what ${field!} gives to be written in ${where}` : where;

const findingOf = ({ field, entry: { where, address } }: EntryRange, message: string): Finding => ({
  kind: 'overlap',
  where,
  address,
  message,
  ...(field === undefined ? {} : { field }),
});

/** An entry that two requests share is told as such. */
const isSameEntry = (range: EntryRange, other: EntryRange): boolean =>
  !range.writes && !other.writes && range.from === other.from;

const overlapOf = (range: EntryRange, other: EntryRange | undefined): Finding | undefined => {
  if (other === undefined || range.from >= other.to || isSameEntry(range, other)) return undefined;
  const [own, others] = range.writes ? [range, other] : [other, range];
  return findingOf(own, `${ownName(own)} overlaps ${otherName(others)}`);
};

const further = (range: EntryRange, most: EntryRange | undefined): EntryRange =>
  most === undefined || range.to > most.to ? range : most;

/** Ranges that overlap, of entries that are the device's: writes with writes, writes with entries, entries with entries. */
export const overlaps = (entries: readonly WalkedEntry[]): Finding[] => {
  const ranges = entries.filter(({ owned }) => owned).flatMap(rangesOf);
  ranges.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  const findings: Finding[] = [];
  let written: EntryRange | undefined;
  let entry: EntryRange | undefined;
  for (const range of ranges) {
    const finding = overlapOf(range, written) ?? overlapOf(range, entry);
    if (finding !== undefined) findings.push(finding);
    if (range.writes) written = further(range, written);
    else entry = further(range, entry);
  }
  return findings;
};

/**
 * How a range of a new entry that overlaps one of an entry that was given earlier is told: as wrong with the new one. Undefined if
 * they are the same entry.
 * @param queue where the earlier entry is, if that is another queue
 */
export const overlapWithEarlier = (range: EntryRange, earlier: EntryRange, queue?: string): Finding | undefined => {
  if (isSameEntry(range, earlier)) return undefined;
  const where = `${otherName(earlier)} at ${hex(earlier.entry.address)}`;
  const place = queue === undefined ? where : `${where} of ${queue}`;
  return findingOf(range, `${ownName(range)} overlaps ${place}, which was given before and is not done`);
};
