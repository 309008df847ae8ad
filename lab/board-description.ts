import { cells, property, strings, type PropertySource } from '../base/fdt';
import type { BoardDescription, DeviceDescription } from '../firmware';
import {
  GATE_BASE,
  GATE_SIZE,
  GUARD_BASE,
  GUARD_SIZE,
  IOMMU_BASE,
  IOMMU_INTERRUPTS,
  IOMMU_SIZE,
  PLIC_BASE,
  PLIC_SIZE,
  PLIC_SOURCES,
} from './board-layout';
import type { ExtraNode, MachineOptions, MemoryBank } from './machine-options';
import type { PlacedNode } from './placement';
import { placeReservedMemory } from './reserved-memory';

const IOMMU = 'iommu';
const GATE = 'gate';
const GUARD = 'guard';
/** `core-clk` and `cfgr-clk` of the DMA controller's binding: both always run. */
const CORE_CLOCK = 'core_clock';
const BUS_CLOCK = 'bus_clock';
/** The PLIC context of the hart drives its supervisor external interrupt. */
const SUPERVISOR_EXTERNAL = 9;

const ISA_EXTENSIONS = ['i', 'm', 'a', 'f', 'd', 'c', 'zicbom', 'zicntr', 'zicsr', 'zifencei', 'svpbmt'];

const propertySource = (name: string, value: string | number | true | readonly number[]): PropertySource => {
  if (value === true) return property(name);
  if (typeof value === 'string') return property(name, strings(value));
  return property(name, cells(...(typeof value === 'number' ? [value] : value)));
};

/** A confidential guest has none unless it asks: its devices are the host's. */
export const hasIommu = ({ iommu, confidential = false }: MachineOptions): boolean =>
  (iommu ?? confidential === false) !== false;

/** Whether a bus master snoops the CPU's cache. */
export const isCoherent = ({ node }: PlacedNode, machine: MachineOptions): boolean =>
  node.bus?.coherent ?? machine.coherent ?? true;

const busMastering = (placed: PlacedNode, machine: MachineOptions): Partial<DeviceDescription> => {
  const { requesterId } = placed;
  if (requesterId === undefined) return {};
  const { dmaRanges, behindIommu = true, untrusted, pciLike = false, iommuGroup } = placed.node.bus ?? {};
  return {
    dmaCoherent: isCoherent(placed, machine),
    untrusted: untrusted ?? machine.untrusted ?? false,
    pciLike,
    ...(iommuGroup === undefined ? {} : { iommuGroup }),
    accessController: requesterId,
    ...(hasIommu(machine) && behindIommu ? { iommus: { label: IOMMU, ids: [requesterId] } } : {}),
    ...(dmaRanges === undefined ? {} : { dmaRanges }),
  };
};

const nodeProperties = ({ properties = {} }: ExtraNode): PropertySource[] =>
  Object.entries(properties).map(([name, value]) => propertySource(name, value));

const describe = (placed: PlacedNode, machine: MachineOptions): DeviceDescription => {
  const { node, reg, interrupts } = placed;
  const isController = node.properties?.['#dma-cells'] !== undefined;
  return {
    label: node.label,
    name: node.name ?? node.label.replaceAll('_', '-'),
    compatible: node.compatible,
    ...(reg.length === 0 ? {} : { reg }),
    ...(interrupts.length === 0 ? {} : { interrupts }),
    ...(isController ? { clocks: [CORE_CLOCK, BUS_CLOCK], clockNames: ['core-clk', 'cfgr-clk'] } : {}),
    ...busMastering(placed, machine),
    ...(node.bus?.memoryRegions === undefined ? {} : { memoryRegions: node.bus.memoryRegions }),
    ...(node.dmas === undefined ? {} : { dmas: node.dmas }),
    properties: nodeProperties(node),
  };
};

/** What the firmware's device tree has to say about the board. */
export const describeBoard = (
  memory: readonly MemoryBank[],
  placed: readonly PlacedNode[],
  machine: MachineOptions,
): BoardDescription => ({
  memory,
  reservedMemory: placeReservedMemory(machine.reservedMemory ?? [], memory),
  ...(machine.bootargs === undefined ? {} : { bootargs: machine.bootargs }),
  cpu: {
    mmuType: 'riscv,sv57',
    isaExtensions: ISA_EXTENSIONS.filter((name) => name !== 'zicbom' || machine.zicbom !== false),
    cacheBlockSize: 64,
    timebaseFrequency: 1_000_000_000,
  },
  interruptController: {
    label: 'plic',
    base: (machine.registerBase ?? 0) + PLIC_BASE,
    size: PLIC_SIZE,
    sources: PLIC_SOURCES,
    contexts: [SUPERVISOR_EXTERNAL],
  },
  ...(hasIommu(machine)
    ? {
        iommu: {
          label: IOMMU,
          base: (machine.registerBase ?? 0) + IOMMU_BASE,
          size: IOMMU_SIZE,
          interrupts: IOMMU_INTERRUPTS,
        },
      }
    : {}),
  ...((machine.confidential ?? false) === false
    ? {}
    : { memoryGuard: { label: GUARD, base: (machine.registerBase ?? 0) + GUARD_BASE, size: GUARD_SIZE } }),
  requesterGate: { label: GATE, base: (machine.registerBase ?? 0) + GATE_BASE, size: GATE_SIZE },
  clocks: [
    { label: CORE_CLOCK, frequency: 500_000_000 },
    { label: BUS_CLOCK, frequency: 100_000_000 },
  ],
  devices: placed.map((each) => describe(each, machine)),
});
