import type { SampleBuilder } from './build-sample';
import type { Built } from './built';
import type { PieceMoves } from './findings';
import { readWide, type PlacedField } from './placed';
import { put, setMark } from './put';
import { BUFFER_ROOM, addTo, namelessValue } from './sample';
import { pickOf, spoiled, type Spoil } from './spoil-kinds';
import { offPage, overMost, overrun, shortSegments, stale, wrongOrder, wrongPages, wrongSegments } from './spoil-lists';

/** Entries and elements with data, and the address fields of that. */
const dataFields = (
  sample: SampleBuilder,
): { entry: Built; field: PlacedField; bytes: number; moves: PieceMoves }[] => {
  const { owned, roles, format, lists, start } = sample;
  const otherwise = format.moves === 'by-queue' ? (start.moves ?? 'unknown') : format.moves;
  const listed = lists.flatMap(({ entry, elements }) => {
    const moves = roles.moves(entry.lanes, otherwise);
    if (moves === 'nothing') return [];
    return [entry, ...elements].flatMap((one) =>
      one.data.map(({ field, bytes }) => ({ entry: one, field, bytes, moves })),
    );
  });
  const { kind } = format.pieces;
  if (kind === 'pages' || kind === 'segments' || kind === 'by-shape') return listed;
  const all = owned.filter(({ lanes }) => !(format.indirect && roles.marked('indirect', lanes)));
  return all.flatMap((entry) =>
    roles.pieces(entry.lanes, otherwise).map(({ field, fixed, length, moves }) => ({
      entry,
      field: format.entry.field(field),
      bytes: fixed ? 1 : length,
      moves: fixed ? 'unknown' : moves,
    })),
  );
};

const reservedBit: Spoil = (sample) => {
  const { reservedMask } = sample.format.entry;
  const bits = [...reservedMask.entries()].flatMap(([lane, mask]) =>
    Array.from({ length: 32 }, (_, bit) => ({ lane, bit })).filter(({ bit }) => ((mask >>> bit) & 1) !== 0),
  );
  const chosen = pickOf(sample, bits);
  if (chosen === undefined) return undefined;
  const entry = sample.prng.pick(sample.owned);
  entry.lanes[chosen.lane]! |= 1 << chosen.bit;
  return spoiled('reserved', entry, `bit ${chosen.bit} of word ${chosen.lane} set`);
};

const namelessIn: Spoil = (sample) => {
  const { placedFields, placedVariants } = sample.format.entry;
  const field = pickOf(
    sample,
    placedFields.filter((one) => namelessValue(one) !== undefined),
  );
  if (field?.meaning?.kind !== 'values') return undefined;
  const entry = sample.prng.pick(sample.owned);
  put(field, entry.lanes, namelessValue(field)!);
  const isOpcode = field.meaning.moves !== undefined || placedVariants.some(({ by }) => by === field);
  return spoiled(isOpcode ? 'unknown-opcode' : 'unknown-value', entry, `${field.path} has no such value`);
};

const misaligned: Spoil = (sample) => {
  const chosen = pickOf(
    sample,
    dataFields(sample).filter(
      ({ field: { meaning, below } }) => meaning?.kind === 'address' && meaning.align > 2 ** below,
    ),
  );
  if (chosen === undefined) return undefined;
  addTo(chosen.field, chosen.entry.lanes, 1n << BigInt(chosen.field.below));
  return spoiled('misaligned', chosen.entry, `${chosen.field.path} a little further`);
};

const acrossBoundary: Spoil = (sample) => {
  const chosen = pickOf(
    sample,
    dataFields(sample).filter(
      ({ field: { meaning, below }, bytes }) =>
        meaning?.kind === 'address' && meaning.boundary > 0 && bytes > Math.max(meaning.align, 2 ** below),
    ),
  );
  if (chosen?.field.meaning?.kind !== 'address') return undefined;
  const { field, entry } = chosen;
  const { boundary, align } = chosen.field.meaning;
  const from = readWide(field, entry.lanes, 0);
  put(
    field,
    entry.lanes,
    (from / BigInt(boundary) + 1n) * BigInt(boundary) - BigInt(Math.max(align, 2 ** field.below)),
  );
  return spoiled('boundary', entry, `${field.path} just below a multiple of ${boundary}`);
};

const tooLong: Spoil = (sample) => {
  const field = sample.roles.lengthField('data');
  if (field?.meaning?.kind !== 'length' || typeof field.meaning.unit !== 'number') return undefined;
  const { max, unit, minusOne } = field.meaning;
  const raw = max / unit + (minusOne ? 0 : 1);
  const entry = pickOf(sample, dataFields(sample))?.entry;
  if (max === 0 || raw >= 2 ** field.bits || entry === undefined) return undefined;
  put(field, entry.lanes, raw);
  return spoiled('too-long', entry, `${field.path} one over its limit`);
};

const unmapped: Spoil = (sample) => {
  const chosen = pickOf(sample, dataFields(sample));
  if (chosen === undefined) return undefined;
  put(chosen.field, chosen.entry.lanes, sample.buffers.base + BUFFER_ROOM);
  return spoiled('unmapped', chosen.entry, `${chosen.field.path} past all buffers`);
};

const overlapping: Spoil = (sample) => {
  const written = dataFields(sample).filter(({ moves, bytes }) => moves === 'to-memory' && bytes > 0);
  const chosen = pickOf(sample, written);
  const other = pickOf(
    sample,
    written.filter((one) => one !== chosen && one.field === chosen?.field),
  );
  if (chosen === undefined || other === undefined) return undefined;
  put(chosen.field, chosen.entry.lanes, readWide(other.field, other.entry.lanes, 0));
  return spoiled('overlap', chosen.entry, `${chosen.field.path} is that of ${other.entry.where}`);
};

const lastGroup = ({ groups }: SampleBuilder): readonly Built[] => groups.at(-1)!.entries;

/** A list that leads back, one that ends nowhere, and one that never comes to its tail. */
const listWithoutEnd: Spoil = (sample) => {
  const { format, roles, prng, start } = sample;
  const { follow } = format;
  if (follow.kind !== 'linked') return undefined;
  const entry = lastGroup(sample).at(-1)!;
  const next = roles.addressField('next')!;
  if (follow.end === 'tail') {
    put(next, entry.lanes, start.at);
    start.tail = sample.base - 4096n;
    return spoiled('unterminated', entry, 'the tail is not among its entries');
  }
  setMark(roles.markField('last'), entry.lanes, false);
  if (follow.end === 'null' || (!follow.cyclic && prng.oneIn(2))) {
    put(next, entry.lanes, prng.pick(sample.owned).address);
    return spoiled('loop', entry, 'it leads back');
  }
  put(next, entry.lanes, 0n);
  return spoiled('unterminated', entry, 'it has no end mark, and leads to 0');
};

/** Whether entries make frames by their marks: those that the device writes to do not. */
const inFrames = (
  { format, roles, start }: Parameters<Spoil>[0],
  { lanes }: { readonly lanes: Int32Array },
): boolean => {
  const otherwise = format.moves === 'by-queue' ? (start.moves ?? 'unknown') : format.moves;
  return format.pieces.kind === 'frame' && roles.moves(lanes, otherwise) !== 'to-memory';
};

const chainWithoutEnd: Spoil = (sample) => {
  const { format, roles } = sample;
  const { pieces } = format;
  if (pieces.kind !== 'chain' && pieces.kind !== 'frame') return undefined;
  const group = lastGroup(sample);
  const entry = group.at(-1)!;
  if (format.indirect && roles.marked('indirect', entry.lanes)) return undefined;
  if (pieces.kind === 'frame' && !inFrames(sample, entry)) return undefined;
  if (pieces.kind === 'frame') setMark(roles.markField('last'), entry.lanes, false);
  else setMark(roles.markField('more'), entry.lanes, true);
  if (pieces.kind === 'frame' || pieces.next !== 'index') return spoiled('unterminated', entry, 'it goes on');
  put(roles.countField('next-index')!, entry.lanes, Number(group[0]!.where.replace('entry ', '')));
  return spoiled('loop', entry, 'it leads back to the head of its chain');
};

const wrongIndex: Spoil = (sample) => {
  const { header, elements, format, prng, start } = sample;
  if (format.follow.kind !== 'heads' || header === undefined) return undefined;
  if (prng.oneIn(2)) {
    const element = prng.pick(elements);
    put(format.follow.element.fieldsThat('count', 'id')[0]!, element.lanes, start.entries!);
    return spoiled('index', element, 'it leads past the table');
  }
  const [index] = format.follow.header.fieldsThat('count', 'index');
  put(index!, header.lanes, (start.from! + start.entries! + 1) % 2 ** index!.bits);
  return spoiled('index', header, 'it counts more heads than there are entries');
};

const wrongFrame: Spoil = (sample) => {
  const { format, roles, groups } = sample;
  if (format.pieces.kind !== 'frame') return undefined;
  const { entries } = sample.prng.pick(groups);
  const at = sample.prng.below(entries.length);
  if (!inFrames(sample, entries[at]!)) return undefined;
  setMark(roles.markField('first'), entries[at]!.lanes, at > 0);
  return spoiled('frame', entries[at]!, at > 0 ? 'it begins in a frame' : 'nothing begins the frame');
};

const wrongTable: Spoil = (sample) => {
  const { format, roles, groups, prng } = sample;
  const group = pickOf(
    sample,
    groups.filter(({ table }) => table.length > 0),
  );
  if (!format.indirect || group === undefined) return undefined;
  const entry = group.entries[0]!;
  if (prng.oneIn(2)) {
    const inner = group.table[0]!;
    setMark(roles.markField('indirect'), inner.lanes, true);
    return spoiled('indirect', inner, 'a table in a table');
  }
  const length = (roles.lengthField('table') ?? roles.lengthField('data'))!;
  const extent = roles.length('table', entry.lanes) ?? roles.length('data', entry.lanes)!;
  if (length.meaning?.kind !== 'length' || extent.bytes % format.entry.size !== 0) return undefined;
  const unit = roles.unitOf(length.meaning, entry.lanes);
  if (unit % format.entry.size === 0) return undefined;
  put(length, entry.lanes, (extent.bytes - unit) / unit);
  return spoiled('indirect', entry, 'its table is no whole number of entries');
};

/** A jump into itself, and one that leads between entries. */
const wrongJump: Spoil = (sample) => {
  const { roles, jumps, prng } = sample;
  const jump = pickOf(sample, jumps);
  if (jump === undefined) return undefined;
  const next = roles.addressField('next', jump.lanes)!;
  const { meaning, below } = next;
  if (meaning?.kind === 'address' && meaning.align > 2 ** below && prng.oneIn(2)) {
    addTo(next, jump.lanes, 1n << BigInt(below));
    return spoiled('misaligned', jump, 'it leads between entries');
  }
  put(next, jump.lanes, jump.address);
  return spoiled('loop', jump, 'it leads to itself');
};

/** Everything that can be wrong, one by one. */
export const SPOILS: readonly Spoil[] = [
  reservedBit,
  namelessIn,
  misaligned,
  acrossBoundary,
  tooLong,
  unmapped,
  overlapping,
  listWithoutEnd,
  chainWithoutEnd,
  wrongIndex,
  wrongFrame,
  wrongTable,
  wrongJump,
  offPage,
  wrongPages,
  shortSegments,
  wrongSegments,
  overMost,
  wrongOrder,
  stale,
  overrun,
];
