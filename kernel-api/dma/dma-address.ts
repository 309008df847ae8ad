import { dmaAddr, type DmaAddr } from '../../base/address';
import { ENOMEM } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';

/** What a mapping call returns when it failed: all ones. Drivers test for it with `dma_mapping_error`. */
export const DMA_MAPPING_ERROR: DmaAddr = dmaAddr(0xffff_ffff_ffff_ffffn);
/** `DMA_MAPPING_ERROR` as a page number … */
export const MAPPING_ERROR_PAGE = 2 ** 52 - 1;
/** … and an offset, for code that handles no bigint. */
export const MAPPING_ERROR_OFFSET = 0xfff;

/** A mask of the lowest `n` bits, 0 to 64: what a device with `n` address wires can reach. */
export const DMA_BIT_MASK = (n: number): bigint => (1n << BigInt(n)) - 1n;

/** Whether a mapping call failed: `-ENOMEM` if so, else 0. */
export const dma_mapping_error = (dev: StructDevice, address: DmaAddr): number => {
  const { trace } = dev.kernel;
  if (trace.active) trace.emit({ type: 'dma-mapping-error', device: dev.name, address });
  return address === DMA_MAPPING_ERROR ? -ENOMEM : 0;
};

/** The smaller of two limits of which 0 means none (`min_not_zero`). */
export const minNotZero = (a: bigint, b: bigint): bigint => {
  if (a === 0n) return b;
  return b === 0n || a < b ? a : b;
};
