import type { AnyDescriptor } from './any-descriptor';
import type { WalkedEntry } from './findings';
import { coverLanes, readWide, type PlacedField } from './placed';
import { activeFields } from './shapes';

/** The fields of an entry that two states of it have different bits in. Bits that may be anything are in none. */
export const changedFields = (descriptor: AnyDescriptor, before: Int32Array, after: Int32Array): PlacedField[] =>
  activeFields(descriptor, after).filter((field) => {
    const mask = new Int32Array(descriptor.lanes);
    coverLanes([field], mask);
    return mask.some((bits, lane) => ((before[lane]! ^ after[lane]!) & bits) !== 0);
  });

/** The addresses in an entry, whatever they lead to, with their fields. */
export const addressesIn = ({
  descriptor,
  lanes,
}: WalkedEntry): { readonly field: PlacedField; readonly address: bigint }[] =>
  activeFields(descriptor, lanes)
    .filter(({ meaning }) => meaning?.kind === 'address')
    .map((field) => ({ field, address: readWide(field, lanes, 0) }));
