/**
 * The DMA abstractions of Rust-for-Linux (`rust/kernel/{dma,scatterlist,devres}.rs`) in TypeScript. docs/typed-apis.md shows
 * both side by side.
 */
export { attrs, Attrs } from './attrs';
export { UserSliceWriter, type BinaryWriter } from './binary-writer';
export { Coherent } from './coherent';
export { CoherentBox } from './coherent-box';
export { CoherentHandle } from './coherent-handle';
export { DataDirection } from './data-direction';
export { asBound, asCore, type Bound, type Core, type Device, type Normal } from './device';
export { Devres, devresRegister } from './devres';
export { buildIndex, dmaRead, dmaWrite, panicIndex } from './dma-access';
export { dmaSetCoherentMask, dmaSetMask, dmaSetMaskAndCoherent, dmaSetMaxSegSize, type DmaAddress } from './dma-device';
export { DmaMask, type DmaMaskBits } from './dma-mask';
export { fromResult, KernelError, toResult } from './kernel-error';
export { VmallocPageIter, type AsPageIter } from './page-iter';
export type { Init, Place } from './place';
export type { RevocableGuard } from './revocable';
export { SGEntry } from './sg-entry';
export { SGTable, type Borrowed, type Owned } from './sg-table';
export { VVec } from './vvec';
