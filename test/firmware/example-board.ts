import { cells, property } from '../../base/fdt';
import type { BoardDescription, DeviceDescription } from '../../firmware';

const MIB = 0x10_0000;

const dmaController: DeviceDescription = {
  label: 'dmac',
  name: 'dma-controller',
  compatible: ['snps,axi-dma-1.01a'],
  reg: [{ base: 0x5000_0000, size: 0x1000 }],
  regNames: ['axidma_ctrl_regs'],
  interrupts: [27],
  clocks: ['core_clock', 'bus_clock'],
  clockNames: ['core-clk', 'cfgr-clk'],
  iommus: { label: 'iommu', ids: [0x10] },
  accessController: 0x10,
  dmaCoherent: false,
  properties: [
    property('#dma-cells', cells(1)),
    property('dma-channels', cells(4)),
    property('snps,dma-masters', cells(2)),
    property('snps,data-width', cells(3)),
    property('snps,priority', cells(0, 1, 2, 3)),
    property('snps,block-size', cells(0x20_0000, 0x20_0000, 0x20_0000, 0x20_0000)),
    property('snps,axi-max-burst-len', cells(16)),
  ],
};

const fifo: DeviceDescription = {
  label: 'fifo',
  name: 'stream',
  compatible: ['dmalab,stream-fifo'],
  reg: [{ base: 0x5001_0000, size: 0x1000 }],
  interrupts: [28],
  dmas: [
    { controller: 'dmac', request: 2, name: 'tx' },
    { controller: 'dmac', request: 3, name: 'rx' },
  ],
};

const narrowMaster = (label: string, base: number, id: number): DeviceDescription => ({
  label,
  name: 'bus-master',
  compatible: ['dmalab,bus-master'],
  reg: [{ base, size: 0x1000 }],
  interrupts: [id],
  accessController: id,
  dmaRanges: [
    { deviceAddress: 0, physicalAddress: 0x8000_0000, size: 64 * MIB },
    { deviceAddress: 64 * MIB, physicalAddress: 0x1_0000_0000, size: 64 * MIB },
  ],
});

/** A board with something of everything, shown in `docs/device-tree.md`. */
export const exampleBoard: BoardDescription = {
  memory: [
    { base: 0x8000_0000, size: 64 * MIB },
    { base: 0x1_0000_0000, size: 64 * MIB },
  ],
  reservedMemory: [
    { label: 'vault', name: 'secure', base: 0x8000_0000, size: 0x8_0000, noMap: true },
    { label: 'pool', name: 'pool', base: 0x8100_0000, size: MIB, compatible: ['restricted-dma-pool'] },
  ],
  bootargs: 'iommu.strict=1',
  cpu: {
    mmuType: 'riscv,sv48',
    isaExtensions: ['i', 'm', 'a', 'f', 'd', 'c', 'zicbom', 'zicntr', 'zicsr', 'zifencei'],
    cacheBlockSize: 64,
    timebaseFrequency: 10_000_000,
  },
  interruptController: { label: 'plic', base: 0x0c00_0000, size: 0x40_0000, sources: 63, contexts: [11, 9] },
  iommu: { label: 'iommu', base: 0x0300_0000, size: 0x1000, interrupts: [32, 33, 34, 35] },
  requesterGate: { label: 'gate', base: 0x0301_0000, size: 0x1000 },
  clocks: [
    { label: 'core_clock', frequency: 500_000_000 },
    { label: 'bus_clock', frequency: 100_000_000 },
  ],
  devices: [
    dmaController,
    fifo,
    narrowMaster('left', 0x5002_0000, 0x11),
    narrowMaster('right', 0x5003_0000, 0x12),
    {
      label: 'dmatest',
      name: 'dmatest',
      compatible: ['dmalab,dmatest'],
      dmas: [{ controller: 'dmac', request: 4, name: 'copy' }],
    },
  ],
};
