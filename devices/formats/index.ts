/** Descriptor formats as data: those of this machine's devices, and those of specifications. */
export { dwAxiDmacList, lliDescriptor } from '../dw-axi-dmac/lli-format';
export { nvmeAdmin, nvmeAdminSqe, nvmeCqe, nvmeIo, nvmeIoSqe } from './nvme';
export { nvmePrp, nvmeSglDesc } from './nvme-sgl';
export { pvirtqDesc, pvirtqEventSuppress, virtioPacked } from './virtio-packed';
export {
  virtioSplit,
  virtqAvail,
  virtqAvailElem,
  virtqDesc,
  virtqUsed,
  virtqUsedElem,
  virtqUsedEvent,
} from './virtio-split';
export { axiDmaMm2sDesc, axiDmaS2mmDesc, xilinxAxiDmaMm2s, xilinxAxiDmaS2mm } from './xilinx-axi-dma';
