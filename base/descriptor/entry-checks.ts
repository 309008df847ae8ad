import { hex } from '../u64';
import type { AnyDescriptor } from './any-descriptor';
import type { DataPiece, FindingKind, WalkChecks } from './findings';
import { readNumber, type PlacedField } from './placed';
import type { PlacedWord } from './placed-members';
import { rawNumber, type EntryRoles } from './roles';
import { activeFields, chosenShapes, uncovered } from './shapes';
import { ADDRESS_LIMIT } from './words';

/** Takes what is wrong with one entry. */
export type Report = (kind: FindingKind, message: string, field?: string) => void;

const article = (bytes: number): string => `${bytes} byte${bytes === 1 ? '' : 's'}`;

const reportReserved = (words: readonly PlacedWord[], mask: Int32Array, lanes: Int32Array, report: Report): void => {
  for (let lane = 0; lane < mask.length; lane++) {
    const set = lanes[lane]! & mask[lane]!;
    if (set === 0) continue;
    const byte = 4 * lane + ((31 - Math.clz32(set & -set)) >>> 3);
    const word = words.find(({ offset, word: { bits } }) => byte >= offset && byte < offset + bits / 8)?.path;
    const what = word ?? `byte ${hex(byte)}`;
    report('reserved', `${what}: reserved bits ${hex(set >>> 0)} of the word at ${hex(4 * lane)} are not zero`, word);
  }
};

/** Reserved bits that are set, those of the chosen variants included. */
const checkReserved = (descriptor: AnyDescriptor, lanes: Int32Array, report: Report): void => {
  reportReserved(descriptor.words, descriptor.reservedMask, lanes, report);
  for (const { variants, shape } of chosenShapes(descriptor, lanes)) {
    if (shape === undefined) continue;
    const mask = uncovered(shape.placement, variants.offset, variants.size, descriptor.lanes);
    reportReserved(shape.placement.words, mask, lanes, report);
  }
};

const checkNames = (field: PlacedField, lanes: Int32Array, isOpcode: boolean, report: Report): void => {
  const { meaning, path } = field;
  if (meaning?.kind !== 'values' || field.kind === 'wide') return;
  const raw = readNumber(field, lanes, 0);
  if (Object.values(meaning.names).includes(raw)) return;
  const names = Object.entries(meaning.names).map(([name, value]) => `${value} (${name})`);
  report(
    isOpcode || meaning.moves !== undefined ? 'unknown-opcode' : 'unknown-value',
    `${path} is ${raw}, none of ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}`,
    path,
  );
};

/** Values without a name, and opcodes without a shape. */
const checkValues = (descriptor: AnyDescriptor, lanes: Int32Array, report: Report): void => {
  const chosen = chosenShapes(descriptor, lanes);
  const deciding = chosen.map(({ variants }) => variants.by);
  for (const field of activeFields(descriptor, lanes)) checkNames(field, lanes, deciding.includes(field), report);
  for (const {
    variants: { by, path, cases },
    shape,
  } of chosen) {
    if (shape !== undefined || cases.length === 0 || by.meaning?.kind === 'values') continue;
    report('unknown-opcode', `${by.path} is ${rawNumber(by, lanes)}, which ${path} has no shape for`, by.path);
  }
};

/** Whether an address is a multiple of what its field asks for. */
export const checkAlign = ({ path, meaning }: PlacedField, address: bigint, report: Report): void => {
  if (meaning?.kind !== 'address' || address % BigInt(meaning.align) === 0n) return;
  report('misaligned', `${path} is ${hex(address)}, no multiple of ${meaning.align}`, path);
};

/** Whether a range keeps within what its address may not cross. */
export const checkBoundary = ({ path, meaning }: PlacedField, address: bigint, bytes: number, report: Report): void => {
  if (meaning?.kind !== 'address' || meaning.boundary === 0 || bytes === 0) return;
  const within = BigInt(meaning.boundary);
  if (address / within === (address + BigInt(bytes) - 1n) / within) return;
  report(
    'boundary',
    `${path}: ${article(bytes)} at ${hex(address)} cross a multiple of ${hex(meaning.boundary)}`,
    path,
  );
};

/** Lengths over their limit. */
const checkLengths = (roles: EntryRoles, lanes: Int32Array, report: Report): void => {
  for (const field of roles.lengthFields(lanes)) {
    const extent = roles.extent(field, lanes);
    const { meaning } = field;
    if (extent === undefined || meaning?.kind !== 'length' || meaning.max === 0 || extent.bytes <= meaning.max)
      continue;
    const { path } = extent.field;
    report('too-long', `${path} says ${article(extent.bytes)}, and ${meaning.max} is the most`, path);
  }
};

/** What is wrong with an entry's words by themselves. @param hasData its lengths say something */
export const checkWords = (roles: EntryRoles, lanes: Int32Array, report: Report, hasData = true): void => {
  const { descriptor } = roles;
  checkReserved(descriptor, lanes, report);
  checkValues(descriptor, lanes, report);
  if (hasData) checkLengths(roles, lanes, report);
};

/** What is wrong with where an entry's data lies. */
export const checkPiece = (field: PlacedField, piece: DataPiece, checks: WalkChecks, report: Report): void => {
  const { address, moves, field: path } = piece;
  const bytes = piece.fixed ? 1 : piece.length;
  // A list that is a page itself has its own rule.
  if (piece.of !== 'list') checkAlign(field, address, report);
  checkBoundary(field, address, bytes, report);
  const range = `${article(bytes)} at ${hex(address)}`;
  if (address + BigInt(bytes) > ADDRESS_LIMIT) {
    report('unmapped', `${path}: ${range} reach past the end of the address space`, path);
    return;
  }
  if (checks.live?.(address, bytes, moves === 'to-memory') === false) {
    report('unmapped', `${path}: not all of ${range} may be ${moves === 'to-memory' ? 'written' : 'read'}`, path);
  }
  if (moves === 'from-memory' && checks.visible?.(address, bytes) === false) {
    report('too-early', `${path}: the device may look, and not all of ${range} is visible to it`, path);
  }
};
