import { PAGE_SIZE } from '../base/address';
import { LabError } from '../base/errors';
import type { Device } from '../emulator/device';
import {
  alloc_pages,
  GFP_KERNEL,
  type Kernel,
  type Page,
  platform_driver_register,
  type StructDevice,
} from '../kernel-api';
import { Machine } from '../lab/machine';
import type { MachineOptions } from '../lab/machine-options';
import { BLOCK_ORDER, type Mode } from './answers';

/** What answers are asked of: a device whose driver does nothing, and memory for it. */
export interface Subject {
  readonly mode: Mode;
  readonly kernel: Kernel;
  readonly dev: StructDevice;
  /** The first page of 4 MiB that are contiguous in physical memory. */
  readonly block: Page;
}

const MIB = 0x10_0000;
const COMPATIBLE = 'dmalab,conformance';
/** 64 MiB in slots of 2 KiB. */
const SWIOTLB_SLOTS = 32_768;
const TIME_LIMIT_MS = 3_600_000;

/** Hardware that only has a place on the bus: nothing is transferred. */
const silentMaster = (): Device => ({
  name: 'master',
  mmio: [],
  interruptCount: 0,
  busMaster: true,
  connect: () => undefined,
  reset: () => undefined,
});

/** The machine that the answers were measured on, as far as mapping can tell. */
export const machineOf = (mode: Mode): MachineOptions => ({
  memory: [{ base: 0, size: 1024 * MIB }],
  registerBase: 1024 * MIB,
  zoneDma: 16 * MIB,
  zicbom: false,
  iommu: mode === 'iommu-strict',
  bootargs: mode === 'iommu-strict' ? `swiotlb=${SWIOTLB_SLOTS} iommu.strict=1` : `swiotlb=${SWIOTLB_SLOTS},force`,
  dmac: false,
  fifo: false,
  nodes: [{ label: 'master', compatible: [COMPATIBLE], device: silentMaster, bus: { coherent: true, pciLike: true } }],
  timeLimit: TIME_LIMIT_MS,
});

/** Binds a driver that leaves the device as it found it. */
const bind = async (kernel: Kernel): Promise<StructDevice> => {
  let found: StructDevice | undefined;
  await platform_driver_register(kernel, {
    driver: { name: 'conformance', of_match_table: [{ compatible: COMPATIBLE }] },
    probe: ({ dev }) => {
      found = dev;
      return 0;
    },
  });
  if (found === undefined) throw new LabError('the machine for the replay has no device to map for');
  return found;
};

/** Runs `body` on a machine that has just booted. @param hostTurn lets the host run pending promise callbacks once */
export const withSubject = <T>(mode: Mode, hostTurn: () => Promise<void>, body: (subject: Subject) => T): Promise<T> =>
  new Machine(machineOf(mode), { hostTurn }).run(async (kernel) => {
    const dev = await bind(kernel);
    const block = alloc_pages(kernel, GFP_KERNEL, BLOCK_ORDER);
    if (block === null) throw new LabError(`the machine for the replay has no ${2 ** BLOCK_ORDER * PAGE_SIZE} bytes`);
    return body({ mode, kernel, dev, block });
  });
