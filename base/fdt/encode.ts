import { ADDRESS_LIMIT } from '../address';
import { LabError } from '../errors';
import {
  alignToken,
  FDT_BEGIN_NODE,
  FDT_END,
  FDT_END_NODE,
  FDT_HEADER_SIZE,
  FDT_LAST_COMP_VERSION,
  FDT_MAGIC,
  FDT_PROP,
  FDT_RESERVATION_SIZE,
  FDT_VERSION,
  HEADER,
  isNodeName,
  isPropertyName,
  MAX_DEPTH,
  MAX_NAME_LENGTH,
  SPEC_NAME_LENGTH,
} from './format';
import { StringTable } from './string-table';
import type { DeviceTree, DeviceTreeNode, DeviceTreeProperty, MemoryReservation } from './tree';
import { cells, cells64, strings } from './values';

/** Pieces of the structure block, in order, and how long they are together. */
class Chunks {
  readonly pieces: Uint8Array[] = [];
  size = 0;

  /** Adds bytes and pads to the next token. */
  add(bytes: Uint8Array): void {
    const padded = alignToken(bytes.length);
    if (padded === bytes.length) {
      this.pieces.push(bytes);
    } else {
      const copy = new Uint8Array(padded);
      copy.set(bytes);
      this.pieces.push(copy);
    }
    this.size += padded;
  }
}

const refuse = (sentence: string, path: string): never => {
  throw new LabError(sentence, { what: path });
};

const checkNodeName = (node: DeviceTreeNode, names: Set<string>): void => {
  const { name, path } = node;
  const [bare = ''] = name.split('@');
  if (!isNodeName(name)) refuse(`"${name}" (${path}) is not a valid device tree node name.`, path);
  if (bare.length > SPEC_NAME_LENGTH || name.length > MAX_NAME_LENGTH) {
    refuse(`The device tree node name "${name}" is longer than ${SPEC_NAME_LENGTH} characters.`, path);
  }
  if (names.has(name)) refuse(`The device tree has two nodes ${path}.`, path);
  names.add(name);
};

const checkPropertyName = (node: DeviceTreeNode, name: string, names: Set<string>): void => {
  const { path } = node;
  if (!isPropertyName(name)) refuse(`"${name}" (in ${path}) is not a valid device tree property name.`, path);
  if (name.length > SPEC_NAME_LENGTH) {
    refuse(`The property name "${name}" (in ${path}) is longer than ${SPEC_NAME_LENGTH} characters.`, path);
  }
  if (names.has(name)) refuse(`The device tree node ${path} has two properties "${name}".`, path);
  names.add(name);
};

class StructureWriter {
  readonly chunks = new Chunks();
  readonly names = new StringTable();

  node(node: DeviceTreeNode, depth: number): void {
    if (depth > MAX_DEPTH) refuse(`Device tree node ${node.path} is nested more than ${MAX_DEPTH} deep.`, node.path);
    this.chunks.add(cells(FDT_BEGIN_NODE));
    this.chunks.add(strings(node.name));
    const propertyNames = new Set<string>();
    for (const property of node.properties) {
      checkPropertyName(node, property.name, propertyNames);
      this.property(property);
    }
    const childNames = new Set<string>();
    for (const child of node.children) {
      checkNodeName(child, childNames);
      this.node(child, depth + 1);
    }
    this.chunks.add(cells(FDT_END_NODE));
  }

  private property({ name, value }: DeviceTreeProperty): void {
    this.chunks.add(cells(FDT_PROP, value.length, this.names.add(name)));
    this.chunks.add(value);
  }
}

const reservationBlock = (reservations: readonly MemoryReservation[]): Uint8Array => {
  const block = new Uint8Array((reservations.length + 1) * FDT_RESERVATION_SIZE);
  reservations.forEach(({ address, size }, i) => {
    // A size of 0 would end the list if the address is 0 too, and reserves nothing otherwise.
    if (size <= 0 || address + size > ADDRESS_LIMIT) {
      throw new LabError(`Memory reservation ${i} (address ${address}, size ${size}) is empty or ends past 2^52.`);
    }
    block.set(cells64(address, size), i * FDT_RESERVATION_SIZE);
  });
  return block;
};

/**
 * Flattens a device tree: header, memory reservation block, structure block, strings block, as version 17. Names that
 * are not valid, are longer than the specification allows or occur twice, and nodes that are nested too deep, are a `LabError`.
 */
export const encodeDeviceTree = (tree: DeviceTree): Uint8Array => {
  if (tree.root.name !== '') refuse('The root of a device tree has no name.', tree.root.name);
  const writer = new StructureWriter();
  writer.node(tree.root, 1);
  writer.chunks.add(cells(FDT_END));
  const reservations = reservationBlock(tree.reservations);
  const names = writer.names.bytes();
  const structureAt = FDT_HEADER_SIZE + reservations.length;
  const namesAt = structureAt + writer.chunks.size;
  const blob = new Uint8Array(namesAt + names.length);
  const word = (offset: number, value: number): void => blob.set(cells(value), offset);
  word(HEADER.magic, FDT_MAGIC);
  word(HEADER.totalsize, blob.length);
  word(HEADER.off_dt_struct, structureAt);
  word(HEADER.off_dt_strings, namesAt);
  word(HEADER.off_mem_rsvmap, FDT_HEADER_SIZE);
  word(HEADER.version, FDT_VERSION);
  word(HEADER.last_comp_version, FDT_LAST_COMP_VERSION);
  word(HEADER.boot_cpuid_phys, tree.bootCpu);
  word(HEADER.size_dt_strings, names.length);
  word(HEADER.size_dt_struct, writer.chunks.size);
  blob.set(reservations, FDT_HEADER_SIZE);
  let at = structureAt;
  for (const piece of writer.chunks.pieces) {
    blob.set(piece, at);
    at += piece.length;
  }
  blob.set(names, namesAt);
  return blob;
};
