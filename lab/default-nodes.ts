import { DwAxiDmac } from '../devices/dw-axi-dmac';
import { dmacParameters, type DwAxiDmacOptions } from '../devices/dw-axi-dmac/options';
import { StreamFifo } from '../devices/stream-fifo';
import type { BusAttachment, ExtraNode, MachineOptions } from './machine-options';

/** Handshake numbers of the FIFO at the controller. */
const FIFO_RX_REQUEST = 0;
const FIFO_TX_REQUEST = 1;

/** Parts the options of the controller itself from those of its place on the bus. */
const splitOptions = (options: DwAxiDmacOptions & BusAttachment): { dmac: DwAxiDmacOptions; bus: BusAttachment } => {
  const { addressWires, dmaRanges, behindIommu, coherent, untrusted, pciLike, ...rest } = options;
  const { iommuGroup, memoryRegions, ...dmac } = rest;
  const bus = { addressWires, dmaRanges, behindIommu, coherent, untrusted, pciLike, iommuGroup, memoryRegions };
  const given = Object.entries(bus).filter(([, value]) => value !== undefined);
  return { dmac, bus: Object.fromEntries(given) };
};

/** The DMA controller, as `snps,dw-axi-dmac.yaml` describes it. */
const dmacNode = (options: DwAxiDmacOptions & BusAttachment): ExtraNode => {
  const { dmac, bus } = splitOptions(options);
  const parameters = dmacParameters(dmac);
  const channels = Array.from({ length: parameters.channels }, (_, index) => index);
  return {
    label: 'dmac',
    name: 'dma-controller',
    compatible: ['snps,axi-dma-1.01a'],
    device: () => new DwAxiDmac('dmac', dmac),
    bus,
    properties: {
      '#dma-cells': 1,
      'dma-channels': parameters.channels,
      'snps,dma-masters': 1,
      'snps,data-width': parameters.dataWidth,
      'snps,block-size': parameters.blockSize,
      'snps,priority': channels,
      'snps,axi-max-burst-len': parameters.maxBurstLength,
    },
  };
};

/** The nodes that every machine has unless its options leave them out. */
export const defaultNodes = ({ dmac = {}, fifo = {} }: MachineOptions): ExtraNode[] => {
  const nodes: ExtraNode[] = [];
  if (dmac !== false) nodes.push(dmacNode(dmac));
  if (dmac !== false && fifo !== false) {
    nodes.push({
      label: 'fifo',
      name: 'stream',
      compatible: ['dmalab,stream-fifo'],
      device: () => new StreamFifo('fifo', fifo),
      dmas: [
        { controller: 'dmac', request: FIFO_RX_REQUEST, name: 'rx' },
        { controller: 'dmac', request: FIFO_TX_REQUEST, name: 'tx' },
      ],
    });
  }
  return nodes;
};
