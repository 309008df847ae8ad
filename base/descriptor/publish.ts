import type { LayoutMemory } from '../layout/memory';
import type { AnyDescriptor } from './any-descriptor';
import { contradiction } from './placement';
import { pieceMask } from './placed';

/** Bytes of an entry by which it changes hands. */
interface OwnerBytes {
  readonly from: number;
  readonly bytes: number;
}

/**
 * The word, or where the entry ends within it the byte, that holds an entry's owner and phase bits. A descriptor without
 * such bits, or with bits that no single store reaches, is a `LabError`.
 */
const ownerBytes = (descriptor: AnyDescriptor): OwnerBytes => {
  const { typeName, size } = descriptor;
  const fields = ['owner', 'phase', 'used-phase'].flatMap((role) => descriptor.fieldsThat('mark', role));
  const first = fields[0];
  if (first === undefined) throw contradiction(typeName, `${typeName} has no owner or phase bit to store last`);
  const places = fields.flatMap((field) =>
    field.pieces.map((piece) => {
      const { lane } = piece;
      const mask = pieceMask(piece);
      if (4 * lane + 4 <= size) return { field, from: 4 * lane, bytes: 4 };
      return { field, from: 4 * lane + ((31 - Math.clz32(mask & -mask)) >>> 3), bytes: 1 };
    }),
  );
  const { from, bytes } = places[0]!;
  const other = places.find((place) => place.from !== from);
  if (other === undefined) return { from, bytes };
  throw contradiction(
    typeName,
    `${typeName}: ${first.where} and ${other.field.where} decide who owns it, and no single store reaches both`,
  );
};

/** Stores the lanes of an entry into memory, the owner's word last. Made by `publisher`. */
export type Publish = (
  memory: LayoutMemory,
  address: number,
  lanes: Int32Array,
  barrier: () => void,
  at?: number,
) => void;

/** The two halves of giving an entry away: all words but the owner's, and the owner's word. */
interface EntryStores {
  readonly body: (memory: LayoutMemory, address: number, lanes: Int32Array, at: number) => void;
  readonly owner: (memory: LayoutMemory, address: number, lanes: Int32Array, at: number) => void;
}

const storeByte = (memory: LayoutMemory, address: number, lanes: Int32Array, at: number, byte: number): void =>
  memory.store8(address + byte, (lanes[at + (byte >>> 2)]! >>> (8 * (byte & 3))) & 0xff);

const entryStores = (descriptor: AnyDescriptor): EntryStores => {
  const { size } = descriptor;
  const { from, bytes } = ownerBytes(descriptor);
  const whole = size >>> 2;
  return {
    body: (memory, address, lanes, at) => {
      for (let i = 0; i < whole; i++) if (4 * i !== from) memory.store32(address + 4 * i, lanes[at + i]! >>> 0);
      for (let byte = 4 * whole; byte < size; byte++) {
        if (byte !== from) storeByte(memory, address, lanes, at, byte);
      }
    },
    owner: (memory, address, lanes, at) => {
      if (bytes === 4) memory.store32(address + from, lanes[at + (from >>> 2)]! >>> 0);
      else storeByte(memory, address, lanes, at, from);
    },
  };
};

/**
 * Makes what gives entries to a device: all words but the owner's are stored, then `barrier` is called (a `dma_wmb`, so
 * that the device cannot see the owner's word before the others), and then the owner's word is stored.
 *
 *     const publish = publisher(simple);
 *     publish(kernel.mm, entry, cursor.lanes, () => dma_wmb(kernel), cursor.base);
 */
export const publisher = (descriptor: AnyDescriptor): Publish => {
  const { body, owner } = entryStores(descriptor);
  return (memory, address, lanes, barrier, at = 0) => {
    body(memory, address, lanes, at);
    barrier();
    owner(memory, address, lanes, at);
  };
};

/** Stores a run of entries into memory, one at each address. Made by `runPublisher`. */
export type PublishRun = (
  memory: LayoutMemory,
  addresses: readonly number[],
  entries: readonly Int32Array[],
  barrier: () => void,
) => void;

/**
 * Makes what gives the entries of one request to a device: it may look at all of them as soon as it owns the first, and
 * fetch each ahead. So all words but the owners' come first, then the owners' of the later entries, the first one's last,
 * with barriers between.
 */
export const runPublisher = (descriptor: AnyDescriptor): PublishRun => {
  const { body, owner } = entryStores(descriptor);
  return (memory, addresses, entries, barrier) => {
    addresses.forEach((address, i) => body(memory, address, entries[i]!, 0));
    barrier();
    for (let i = addresses.length - 1; i > 0; i--) owner(memory, addresses[i]!, entries[i]!, 0);
    if (addresses.length > 1) barrier();
    owner(memory, addresses[0]!, entries[0]!, 0);
  };
};
