/** Flattened device trees: a tree model, the blob format in both directions, and source text for people. */
export { decodeDeviceTree } from './decode';
export { toDts } from './dts';
export { encodeDeviceTree, replaceReservation } from './encode';
export { assemble, property, reference } from './source';
export type { LabelReference, NodeSource, PropertySource, ValuePart } from './source';
export { DeviceTree, DeviceTreeNode } from './tree';
export type { DeviceTreeNodeParts, DeviceTreeProperty, MemoryReservation, PhandleUse } from './tree';
export {
  cells,
  cells64,
  readCell,
  readCells,
  readHalves,
  readNumber,
  readString,
  readStrings,
  strings,
} from './values';
