import { ADDRESS_LIMIT, physAddr } from '../address';
import { hex, u64ToNumber } from '../u64';
import { badBlob } from './blob-error';
import {
  FDT_HEADER_SIZE,
  FDT_MAGIC,
  FDT_RESERVATION_ALIGNMENT,
  FDT_RESERVATION_SIZE,
  FDT_VERSION,
  HEADER,
} from './format';
import type { MemoryReservation } from './tree';

/** A part of a blob, in bytes. */
export interface Block {
  readonly name: string;
  readonly at: number;
  readonly size: number;
}

/** A header that has been checked against the bytes that are there. */
export interface FdtHeader {
  readonly totalSize: number;
  readonly reservationsAt: number;
  readonly structure: Block;
  readonly strings: Block;
  readonly bootCpu: number;
}

const checkIdentity = (view: DataView): void => {
  if (view.byteLength < FDT_HEADER_SIZE) {
    badBlob(0, `${view.byteLength} bytes cannot hold its header of ${FDT_HEADER_SIZE}`);
  }
  const magic = view.getUint32(HEADER.magic);
  if (magic !== FDT_MAGIC) badBlob(HEADER.magic, `it starts with ${hex(magic)} instead of ${hex(FDT_MAGIC)}`);
  const version = view.getUint32(HEADER.version);
  const compatible = view.getUint32(HEADER.last_comp_version);
  if (version < FDT_VERSION) badBlob(HEADER.version, `its format version ${version} is older than ${FDT_VERSION}`);
  if (compatible > FDT_VERSION) {
    badBlob(
      HEADER.last_comp_version,
      `it is readable from format version ${compatible} on, and this reads ${FDT_VERSION}`,
    );
  }
};

const checkedSize = (view: DataView): number => {
  const size = view.getUint32(HEADER.totalsize);
  if (size > view.byteLength)
    badBlob(HEADER.totalsize, `it says it is ${size} bytes long, and ${view.byteLength} are there`);
  if (size < FDT_HEADER_SIZE) badBlob(HEADER.totalsize, `it says it is ${size} bytes long, less than its header`);
  return size;
};

const checkedOffset = (view: DataView, field: number, name: string, alignment: number, totalSize: number): number => {
  const at = view.getUint32(field);
  if (at < FDT_HEADER_SIZE || at > totalSize)
    badBlob(field, `the ${name} block starts at ${hex(at)}, outside the blob`);
  if (at % alignment !== 0) badBlob(field, `the ${name} block starts at ${hex(at)}, not a multiple of ${alignment}`);
  return at;
};

/** Reads and checks the header: identity, version, and that every block lies inside, aligned. */
export const readHeader = (view: DataView): FdtHeader => {
  checkIdentity(view);
  const totalSize = checkedSize(view);
  const block = (name: string, offset: number, size: number, alignment: number): Block => {
    const at = checkedOffset(view, offset, name, alignment, totalSize);
    const length = view.getUint32(size);
    if (length > totalSize - at) badBlob(size, `the ${name} block of ${length} bytes ends outside the blob`);
    return { name, at, size: length };
  };
  return {
    totalSize,
    reservationsAt: checkedOffset(view, HEADER.off_mem_rsvmap, 'reservation', FDT_RESERVATION_ALIGNMENT, totalSize),
    structure: block('structure', HEADER.off_dt_struct, HEADER.size_dt_struct, 4),
    strings: block('strings', HEADER.off_dt_strings, HEADER.size_dt_strings, 1),
    bootCpu: view.getUint32(HEADER.boot_cpuid_phys),
  };
};

const u64At = (view: DataView, at: number): number => u64ToNumber(view.getUint32(at + 4), view.getUint32(at));

/** Reads the memory reservation block up to the entry of zeros that ends it. */
export const readReservations = (view: DataView, { reservationsAt, totalSize }: FdtHeader): MemoryReservation[] => {
  const reservations: MemoryReservation[] = [];
  for (let at = reservationsAt; ; at += FDT_RESERVATION_SIZE) {
    if (at + FDT_RESERVATION_SIZE > totalSize) badBlob(at, 'the list of memory reservations has no end');
    const address = u64At(view, at);
    const size = u64At(view, at + 8);
    if (address === 0 && size === 0) return reservations;
    if (size === 0) badBlob(at, 'a memory reservation is empty');
    if (address + size > ADDRESS_LIMIT) badBlob(at, 'a memory reservation ends past 2^52');
    reservations.push({ address: physAddr(address), size });
  }
};

/** Refuses blocks that share bytes: writing one would corrupt the other. */
export const checkOverlap = (header: FdtHeader, reservations: readonly MemoryReservation[]): void => {
  const size = (reservations.length + 1) * FDT_RESERVATION_SIZE;
  const blocks = [{ name: 'reservation', at: header.reservationsAt, size }, header.structure, header.strings]
    .filter((block) => block.size > 0)
    .sort((a, b) => a.at - b.at);
  blocks.reduce((before, block) => {
    if (block.at < before.at + before.size)
      badBlob(block.at, `the ${block.name} block starts inside the ${before.name} block`);
    return block;
  });
};
