import type { AnyDescriptor } from './any-descriptor';
import { coverLanes, readNumber, type PlacedField } from './placed';
import type { PlacedCase, PlacedNested, PlacedVariants, Placement } from './placed-members';

/** The shape that an entry's opcode chooses; undefined if none fits. */
export const chosenCase = ({ by, cases }: PlacedVariants, lanes: Int32Array): PlacedCase | undefined => {
  const opcode = readNumber(by, lanes, 0);
  return cases.find(({ when }) => when.includes(opcode));
};

/** A place with variants, and the shape chosen for it. */
export interface Chosen {
  readonly variants: PlacedVariants;
  readonly shape: PlacedCase | undefined;
}

const chosenOf = (variants: readonly PlacedVariants[], lanes: Int32Array): Chosen[] =>
  variants.flatMap((one) => {
    const shape = chosenCase(one, lanes);
    return [{ variants: one, shape }, ...chosenOf(shape?.placement.variants ?? [], lanes)];
  });

/** Every place with variants that an entry has, those within chosen shapes included. */
export const chosenShapes = ({ placedVariants }: AnyDescriptor, lanes: Int32Array): Chosen[] =>
  chosenOf(placedVariants, lanes);

/** All fields that an entry has: those of the shapes that its opcodes choose among them. */
export const activeFields = (descriptor: AnyDescriptor, lanes: Int32Array): PlacedField[] => [
  ...descriptor.placedFields,
  ...chosenShapes(descriptor, lanes).flatMap(({ shape }) => shape?.placement.fields ?? []),
];

/** Every shape of some places, and of the places within them. */
export const allCases = (variants: readonly PlacedVariants[]): { within: PlacedVariants; shape: PlacedCase }[] =>
  variants.flatMap((within) =>
    within.cases.flatMap((shape) => [{ within, shape }, ...allCases(shape.placement.variants)]),
  );

/** The descriptors that lie in an entry of this shape. */
export const activeNested = (descriptor: AnyDescriptor, lanes: Int32Array): PlacedNested[] => [
  ...descriptor.placedNested,
  ...chosenShapes(descriptor, lanes).flatMap(({ shape }) => shape?.placement.nested ?? []),
];

/** Marks the bytes of a range. */
const coverBytes = (offset: number, size: number, lanes: Int32Array): void => {
  for (let byte = offset; byte < offset + size; byte++) lanes[byte >>> 2]! |= 0xff << (8 * (byte & 3));
};

/** Clears the bytes of a range. */
export const clearBytes = (offset: number, size: number, lanes: Int32Array): void => {
  for (let byte = offset; byte < offset + size; byte++) lanes[byte >>> 2]! &= ~(0xff << (8 * (byte & 3)));
};

/** Bits of a range of bytes that lie in no field, in nothing that is ignored, and in no place with variants. */
export const uncovered = (
  { fields, ignored, variants }: Pick<Placement, 'fields' | 'ignored' | 'variants'>,
  offset: number,
  size: number,
  count: number,
): Int32Array => {
  const covered = new Int32Array(count);
  coverLanes(fields, covered);
  coverLanes(ignored, covered);
  for (const place of variants) coverBytes(place.offset, place.size, covered);
  const range = new Int32Array(count);
  coverBytes(offset, size, range);
  return range.map((lane, i) => lane & ~covered[i]!);
};
