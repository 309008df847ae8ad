import type { AnyDescriptor } from './any-descriptor';
import type { LengthTarget } from './meaning';
import type { EntryRoles } from './roles';
import { writeNumber, writeWide, type PlacedField } from './placed';

/** Puts a value where it belongs, whatever kind of field it is. */
export const put = (field: PlacedField, lanes: Int32Array, value: bigint | number): void => {
  if (field.kind === 'wide') writeWide(field, lanes, 0, BigInt(value));
  else writeNumber(field, lanes, 0, Number(value));
};

/** A value that does not say what a mark says. */
export const unmarked = (when: number): number => (when === 0 ? 1 : 0);

/** Makes a mark say what it says, or not. */
export const setMark = (field: PlacedField | undefined, lanes: Int32Array, on: boolean): void => {
  if (field?.meaning?.kind !== 'mark') return;
  const { when } = field.meaning;
  put(field, lanes, on ? when : unmarked(when));
};

/** Puts a length that the format can count, in bytes. */
export const putLength = (roles: EntryRoles, of: LengthTarget, lanes: Int32Array, bytes: number): void => {
  const field = roles.lengthField(of, lanes);
  if (field?.meaning?.kind !== 'length') return;
  const { minusOne, zeroMeans } = field.meaning;
  const count = bytes / roles.unitOf(field.meaning, lanes);
  put(field, lanes, minusOne ? count - 1 : zeroMeans > 0 && count === zeroMeans ? 0 : count);
};

/** Makes an entry lead to a table of entries. */
export const putTable = (roles: EntryRoles, lanes: Int32Array, at: bigint, bytes: number): void => {
  setMark(roles.markField('indirect', lanes), lanes, true);
  setMark(roles.markField('device-writes', lanes), lanes, false);
  putLength(roles, roles.lengthField('table', lanes) === undefined ? 'data' : 'table', lanes, bytes);
  put((roles.addressField('table', lanes) ?? roles.addressField('data', lanes))!, lanes, at);
};

/** The marks of entry `index` of a run of `count`: which one is first, last, and goes on. */
export const markRun = (roles: EntryRoles, kind: string, lanes: Int32Array, index: number, count: number): void => {
  if (kind === 'chain') setMark(roles.markField('more'), lanes, index + 1 < count);
  if (kind !== 'frame') return;
  setMark(roles.markField('first'), lanes, index === 0);
  setMark(roles.markField('last'), lanes, index + 1 === count);
};

/** Clears an entry, and makes it say nothing: marks unset, names known. */
export const clearEntry = (descriptor: AnyDescriptor, lanes: Int32Array): void => {
  lanes.fill(0);
  for (const field of descriptor.placedFields) {
    const { meaning } = field;
    if (meaning?.kind === 'mark') put(field, lanes, unmarked(meaning.when));
    else if (meaning?.kind === 'values' && !Object.values(meaning.names).includes(0)) {
      put(field, lanes, Object.values(meaning.names)[0]!);
    }
  }
};
