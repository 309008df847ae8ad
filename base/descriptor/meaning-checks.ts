import { isAlignment, show } from '../layout/layout';
import type { AnyDescriptor } from './any-descriptor';
import type { AddressMeaning, LengthMeaning, LengthTarget, ValuesMeaning } from './meaning';
import { contradiction } from './placement';
import type { PlacedField } from './placed';
import { allCases } from './shapes';

/** Roles and targets of which a descriptor can have one only. */
const roleOf = ({ meaning }: PlacedField): string | undefined => {
  if (meaning === undefined || meaning.kind === 'values') return undefined;
  if (meaning.kind === 'length') return `the length of ${meaning.of}`;
  if (meaning.kind === 'address') return meaning.of === 'list' ? undefined : `the address of ${meaning.of}`;
  if (meaning.kind === 'mark' && meaning.role === 'error') return undefined;
  return meaning.role;
};

const refuse = (name: string, field: PlacedField, problem: string) =>
  contradiction(`${name}.${field.path}`, `${name}.${field.path} (${field.where}) ${problem}`);

const isPowerOfTwo = (value: number): boolean => Number.isInteger(Math.log2(value));

const checkAddress = (name: string, field: PlacedField, { align, boundary }: AddressMeaning): void => {
  if (!isAlignment(align)) throw refuse(name, field, `is aligned to ${show(align)}, which is no alignment`);
  if (boundary !== 0 && (!isPowerOfTwo(boundary) || boundary < align)) {
    throw refuse(name, field, `may not cross ${boundary}, which is no power of two of at least its alignment ${align}`);
  }
};

const checkUnit = (made: AnyDescriptor, field: PlacedField, unit: LengthMeaning['unit']): void => {
  const name = made.typeName;
  if (typeof unit === 'object') {
    checkUnit(made, field, unit.otherwise);
    return;
  }
  if (typeof unit === 'number') {
    if (!Number.isInteger(unit) || unit < 1) throw refuse(name, field, `is in units of ${unit} bytes`);
    return;
  }
  const other = made.placedFields.find(({ path }) => path === unit);
  if (other === undefined) throw refuse(name, field, `takes its unit from ${name}.${unit}, which does not exist`);
  if (other.kind !== 'number' || other.bits > 5) {
    throw refuse(name, field, `takes its unit from ${name}.${unit} (${other.where}), which is no log2 of bytes`);
  }
};

const checkLength = (made: AnyDescriptor, field: PlacedField, length: LengthMeaning): void => {
  const name = made.typeName;
  checkUnit(made, field, length.unit);
  if (field.kind !== 'number') throw refuse(name, field, `is a length of ${field.bits} bits, and must be a number`);
  if (length.minusOne && length.zeroMeans !== 0) {
    throw refuse(name, field, `is one less than its count, and 0 means ${length.zeroMeans}: it cannot be both`);
  }
  if (typeof length.unit !== 'number' || length.max === 0) return;
  if (length.max % length.unit !== 0) {
    throw refuse(
      name,
      field,
      `counts ${length.unit} bytes, and its maximum is ${length.max} bytes: no multiple of them`,
    );
  }
  const most = (2 ** field.bits - (length.minusOne ? 0 : 1)) * length.unit;
  if (length.max > Math.max(most, length.zeroMeans * length.unit)) {
    throw refuse(name, field, `can hold ${most} bytes at most, and its maximum is ${length.max}`);
  }
};

const checkValues = (name: string, field: PlacedField, { names }: ValuesMeaning): void => {
  const seen = new Map<number, string>();
  for (const [key, value] of Object.entries(names)) {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** field.bits) {
      throw refuse(name, field, `cannot hold its value ${key}, which is ${value}`);
    }
    const twin = seen.get(value);
    if (twin !== undefined) throw refuse(name, field, `has two names for ${value}: ${twin} and ${key}`);
    seen.set(value, key);
  }
};

const checkOne = (made: AnyDescriptor, field: PlacedField): void => {
  const { meaning } = field;
  const name = made.typeName;
  if (meaning?.kind === 'address') checkAddress(name, field, meaning);
  else if (meaning?.kind === 'length') checkLength(made, field, meaning);
  else if (meaning?.kind === 'values') checkValues(name, field, meaning);
  else if (meaning?.kind === 'mark' && (meaning.when < 0 || meaning.when >= 2 ** field.bits)) {
    throw refuse(name, field, `can never hold ${meaning.when}, which is when it marks ${meaning.role}`);
  }
};

/** Fields of which two play a part that only one can. */
const refuseTwins = (name: string, fields: readonly PlacedField[]): void => {
  const seen = new Map<string, PlacedField>();
  for (const field of fields) {
    const role = roleOf(field);
    if (role === undefined) continue;
    const twin = seen.get(role);
    if (twin !== undefined && !isElement(field) && !isElement(twin)) {
      throw refuse(name, field, `and ${name}.${twin.path} (${twin.where}) are both ${role}`);
    }
    seen.set(role, field);
  }
};

/** Meanings that contradict each other, or what they hang on. A `LabError` that names both places. */
export const checkMeanings = (made: AnyDescriptor): void => {
  const { typeName, placedFields, variantFields, placedVariants } = made;
  for (const field of [...placedFields, ...variantFields]) {
    checkOne(made, field);
    if (field.meaning?.kind === 'length') checkBelongs(made, field, field.meaning.of);
  }
  refuseTwins(typeName, placedFields);
  for (const { shape } of allCases(placedVariants)) refuseTwins(typeName, [...placedFields, ...shape.placement.fields]);
};

/** Elements of an array share what they are. */
const isElement = ({ path }: PlacedField): boolean => path.includes('[');

const TARGETS: Readonly<Record<LengthTarget, readonly string[]>> = {
  data: ['data', 'source', 'destination', 'list', 'last-list'],
  table: ['table'],
  list: ['list', 'last-list'],
};

const checkBelongs = (made: AnyDescriptor, field: PlacedField, of: LengthTarget): void => {
  const targets = TARGETS[of];
  const all = [...made.placedFields, ...made.variantFields];
  if (all.some(({ meaning }) => meaning?.kind === 'address' && targets.includes(meaning.of))) return;
  throw refuse(made.typeName, field, `is the length of ${of}, and ${made.typeName} has no address of that`);
};
