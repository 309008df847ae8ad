/** Descriptor formats as data: those of this machine's devices, and those of a specification. */
export { dwAxiDmacList, lliDescriptor } from '../dw-axi-dmac/lli-format';
export { virtioSplit, virtqAvail, virtqAvailElem, virtqDesc, virtqUsed, virtqUsedElem } from './virtio-split';
