import { virtAddr } from '../../base/address';
import { BytesMemory, type LayoutMemory } from '../../base/layout';
import type { Kernel } from '../kernel';

/** Throws if the memory may not be used any more: its owner was dropped, split or moved. */
export type AliveCheck = () => void;

/**
 * A range of memory that `VmReader` and `VmWriter` go over: kernel memory at a virtual address, or an array of bytes. In
 * Rust a lifetime keeps it from being used for too long; here every use asks.
 */
export interface VmSpan {
  readonly memory: LayoutMemory;
  /** The kernel whose memory it is; null for an array of bytes. */
  readonly kernel: Kernel | null;
  readonly start: number;
  readonly length: number;
  readonly check: AliveCheck;
}

const always: AliveCheck = () => undefined;

/** Kernel memory. */
export const kernelSpan = (kernel: Kernel, start: number, length: number, check: AliveCheck): VmSpan => ({
  memory: kernel.mm,
  kernel,
  start,
  length,
  check,
});

/** An array of bytes. */
export const bytesSpan = (bytes: Uint8Array): VmSpan => ({
  memory: new BytesMemory(bytes),
  kernel: null,
  start: 0,
  length: bytes.length,
  check: always,
});

/** Copies between two spans, at addresses that were checked to be theirs. */
export const copySpan = (to: VmSpan, toAddress: number, from: VmSpan, fromAddress: number, length: number): void => {
  if (to.kernel !== null && to.kernel === from.kernel) {
    to.kernel.mm.copy(virtAddr(toAddress), virtAddr(fromAddress), length);
    return;
  }
  const bytes = new Uint8Array(length);
  from.memory.readInto(fromAddress, bytes, 0, length);
  to.memory.write(toAddress, bytes);
};
