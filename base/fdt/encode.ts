import { ADDRESS_LIMIT } from '../address';
import { LabError } from '../errors';
import { BlobWriter } from './blob-writer';
import {
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
import { SeenNames } from './seen-names';
import { StringTable } from './string-table';
import type { DeviceTree, DeviceTreeNode, DeviceTreeProperty, MemoryReservation } from './tree';
import { cells64 } from './values';

const refuse = (sentence: string, path: string): never => {
  throw new LabError(sentence, { what: path });
};

const checkNodeName = (node: DeviceTreeNode, names: SeenNames): void => {
  const { name } = node;
  const at = name.indexOf('@');
  if (!isNodeName(name)) refuse(`"${name}" (${node.path}) is not a valid device tree node name.`, node.path);
  if ((at < 0 ? name.length : at) > SPEC_NAME_LENGTH || name.length > MAX_NAME_LENGTH) {
    refuse(`The device tree node name "${name}" is longer than ${SPEC_NAME_LENGTH} characters.`, node.path);
  }
  if (!names.add(name)) refuse(`The device tree has two nodes ${node.path}.`, node.path);
};

const checkPropertyName = (node: DeviceTreeNode, name: string, names: SeenNames): void => {
  if (!isPropertyName(name)) refuse(`"${name}" (in ${node.path}) is not a valid device tree property name.`, node.path);
  if (name.length > SPEC_NAME_LENGTH) {
    refuse(`The property name "${name}" (in ${node.path}) is longer than ${SPEC_NAME_LENGTH} characters.`, node.path);
  }
  if (!names.add(name)) refuse(`The device tree node ${node.path} has two properties "${name}".`, node.path);
};

class StructureWriter {
  readonly block = new BlobWriter();
  readonly names = new StringTable();

  node(node: DeviceTreeNode, depth: number): void {
    if (depth > MAX_DEPTH) refuse(`Device tree node ${node.path} is nested more than ${MAX_DEPTH} deep.`, node.path);
    this.block.word(FDT_BEGIN_NODE);
    this.block.text(node.name);
    const propertyNames = new SeenNames();
    for (const property of node.properties) {
      checkPropertyName(node, property.name, propertyNames);
      this.property(property);
    }
    const childNames = new SeenNames();
    for (const child of node.children) {
      checkNodeName(child, childNames);
      this.node(child, depth + 1);
    }
    this.block.word(FDT_END_NODE);
  }

  private property({ name, value }: DeviceTreeProperty): void {
    this.block.word(FDT_PROP);
    this.block.word(value.length);
    this.block.word(this.names.add(name));
    this.block.bytes(value);
  }
}

const putReservation = (
  into: Uint8Array,
  offset: number,
  { address, size }: MemoryReservation,
  index: number,
): void => {
  // A size of 0 would end the list if the address is 0 too, and reserves nothing otherwise.
  if (size <= 0 || address + size > ADDRESS_LIMIT) {
    throw new LabError(`Memory reservation ${index} (address ${address}, size ${size}) is empty or ends past 2^52.`);
  }
  into.set(cells64(address, size), offset);
};

const reservationBlock = (reservations: readonly MemoryReservation[]): Uint8Array => {
  const block = new Uint8Array((reservations.length + 1) * FDT_RESERVATION_SIZE);
  reservations.forEach((each, i) => putReservation(block, i * FDT_RESERVATION_SIZE, each, i));
  return block;
};

/** Changes one of the reservations of a blob that `encodeDeviceTree` has made. */
export const replaceReservation = (blob: Uint8Array, index: number, reservation: MemoryReservation): void =>
  putReservation(blob, FDT_HEADER_SIZE + index * FDT_RESERVATION_SIZE, reservation, index);

/**
 * Flattens a device tree: header, memory reservation block, structure block, strings block, as version 17. Names that
 * are not valid, are longer than the specification allows or occur twice, and nodes that are nested too deep, are a `LabError`.
 */
export const encodeDeviceTree = (tree: DeviceTree): Uint8Array => {
  if (tree.root.name !== '') refuse('The root of a device tree has no name.', tree.root.name);
  const writer = new StructureWriter();
  writer.node(tree.root, 1);
  writer.block.word(FDT_END);
  const structure = writer.block.written();
  const reservations = reservationBlock(tree.reservations);
  const names = writer.names.bytes();
  const structureAt = FDT_HEADER_SIZE + reservations.length;
  const namesAt = structureAt + structure.length;
  const blob = new Uint8Array(namesAt + names.length);
  const view = new DataView(blob.buffer);
  const word = (offset: number, value: number): void => view.setUint32(offset, value);
  word(HEADER.magic, FDT_MAGIC);
  word(HEADER.totalsize, blob.length);
  word(HEADER.off_dt_struct, structureAt);
  word(HEADER.off_dt_strings, namesAt);
  word(HEADER.off_mem_rsvmap, FDT_HEADER_SIZE);
  word(HEADER.version, FDT_VERSION);
  word(HEADER.last_comp_version, FDT_LAST_COMP_VERSION);
  word(HEADER.boot_cpuid_phys, tree.bootCpu);
  word(HEADER.size_dt_strings, names.length);
  word(HEADER.size_dt_struct, structure.length);
  blob.set(reservations, FDT_HEADER_SIZE);
  blob.set(structure, structureAt);
  blob.set(names, namesAt);
  return blob;
};
