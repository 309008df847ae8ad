import {
  assemble,
  cells,
  cells64,
  DeviceTree,
  type NodeSource,
  property,
  type PropertySource,
  reference,
  strings,
} from '../base/fdt';
import {
  type BoardDescription,
  type FixedClock,
  hasRegisters,
  nodeName,
  type Region,
  type ReservedMemory,
} from './board';
import { gateNode, interruptControllerNode, iommuNode, memoryGuardNode } from './platform-nodes';
import { deviceNode } from './device-node';
import { dmaBusNodes } from './dma-bus';
import { validateBoard } from './validate-board';

/** Every address and size of the tree takes two cells, except in `/cpus`. */
const TWO_CELLS: readonly PropertySource[] = [property('#address-cells', cells(2)), property('#size-cells', cells(2))];

const chosenNode = (bootargs: string | undefined): NodeSource => ({
  name: 'chosen',
  properties: bootargs === undefined ? [] : [property('bootargs', strings(bootargs))],
});

const cpuInterruptController: NodeSource = {
  name: 'interrupt-controller',
  label: 'cpu0_intc',
  properties: [
    property('compatible', strings('riscv,cpu-intc')),
    property('interrupt-controller'),
    property('#interrupt-cells', cells(1)),
  ],
};

const cpusNode = ({ cpu }: BoardDescription): NodeSource => ({
  name: 'cpus',
  properties: [
    property('#address-cells', cells(1)),
    property('#size-cells', cells(0)),
    property('timebase-frequency', cells(cpu.timebaseFrequency)),
  ],
  children: [
    {
      name: 'cpu@0',
      properties: [
        property('device_type', strings('cpu')),
        property('compatible', strings('riscv')),
        property('reg', cells(0)),
        property('mmu-type', strings(cpu.mmuType)),
        property('riscv,isa-base', strings('rv64i')),
        property('riscv,isa-extensions', strings(...cpu.isaExtensions)),
        property('riscv,cbom-block-size', cells(cpu.cacheBlockSize)),
      ],
      children: [cpuInterruptController],
    },
  ],
});

const memoryNode = (bank: Region): NodeSource => ({
  name: nodeName('memory', bank),
  properties: [property('device_type', strings('memory')), property('reg', cells64(bank.base, bank.size))],
});

const reservedNode = (region: ReservedMemory): NodeSource => ({
  name: nodeName(region.name, region),
  label: region.label,
  properties: [
    ...(region.compatible === undefined ? [] : [property('compatible', strings(...region.compatible))]),
    property('reg', cells64(region.base, region.size)),
    ...(region.noMap === true ? [property('no-map')] : []),
    ...(region.properties ?? []),
  ],
});

const reservedMemoryNodes = (regions: readonly ReservedMemory[] = []): NodeSource[] =>
  regions.length === 0
    ? []
    : [
        {
          name: 'reserved-memory',
          properties: [...TWO_CELLS, property('ranges')],
          children: regions.map(reservedNode),
        },
      ];

const clockNode = ({ label, frequency }: FixedClock): NodeSource => ({
  name: `clock-${label.replaceAll('_', '-')}`,
  label,
  properties: [
    property('compatible', strings('fixed-clock')),
    property('#clock-cells', cells(0)),
    property('clock-frequency', cells(frequency)),
  ],
});

/**
 * The bus of everything with registers. An empty `dma-ranges` says that masters see physical addresses; the IOMMU's
 * binding asks for it on the bus above the IOMMU.
 */
const socNode = (board: BoardDescription): NodeSource => ({
  name: 'soc',
  properties: [...TWO_CELLS, property('compatible', strings('simple-bus')), property('ranges'), property('dma-ranges')],
  children: [
    interruptControllerNode(board.interruptController),
    ...(board.iommu === undefined ? [] : [iommuNode(board.iommu)]),
    ...(board.requesterGate === undefined ? [] : [gateNode(board.requesterGate)]),
    ...(board.memoryGuard === undefined ? [] : [memoryGuardNode(board.memoryGuard)]),
    ...board.devices.filter((each) => hasRegisters(each) && !each.dmaRanges).map((each) => deviceNode(each, board)),
    ...dmaBusNodes(board, TWO_CELLS),
  ],
});

/** Nodes without registers have no address, and therefore no place on a simple bus. */
const addresslessNodes = (board: BoardDescription): NodeSource[] =>
  board.devices.filter((each) => !hasRegisters(each) && !each.dmaRanges).map((each) => deviceNode(each, board));

/**
 * Describes a board as the kernel's bindings define its nodes. A board that makes no sense is a `LabError`; see
 * `validateBoard`. `encodeDeviceTree` makes the blob of it, `toDts` its source.
 */
export const buildDeviceTree = (board: BoardDescription): DeviceTree => {
  validateBoard(board);
  const root: NodeSource = {
    name: '',
    properties: [
      ...TWO_CELLS,
      property('compatible', strings('dmalab,board')),
      property('model', strings('dmalab')),
      property('interrupt-parent', reference(board.interruptController.label)),
    ],
    children: [
      chosenNode(board.bootargs),
      cpusNode(board),
      ...board.memory.map(memoryNode),
      ...reservedMemoryNodes(board.reservedMemory),
      ...(board.clocks ?? []).map(clockNode),
      socNode(board),
      ...addresslessNodes(board),
    ],
  };
  return new DeviceTree(assemble(root));
};
