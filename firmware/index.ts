/** What the board ships with: its device tree, and its hand-over to the kernel. */
export type {
  BoardDescription,
  CpuDescription,
  DeviceDescription,
  DmaChannelUse,
  DmaWindow,
  FixedClock,
  InterruptControllerDescription,
  IommuDescription,
  MemoryGuardDescription,
  Region,
  RequesterGateDescription,
  ReservedMemory,
} from './board';
export { buildDeviceTree } from './device-tree';
export { type HandOver, handOver, type MemoryWriter } from './hand-over';
export { validateBoard } from './validate-board';
