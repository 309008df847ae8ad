import type { PhysAddr } from '../../base/address';
import { hex } from '../../base/u64';
import type { Kernel } from '../kernel';
import { IoMem } from './io-mem';

/** Maps registers into the kernel's address space. NULL if there is no room, or nothing to map. */
export const ioremap = (kernel: Kernel, physical: PhysAddr, size: number): IoMem | null => {
  const base = kernel.mm.mapMmio(physical, size);
  return base === 0 ? null : new IoMem(kernel, { base, physical, size, live: true }, base);
};

/** Removes a mapping; pointers into it are wild afterwards. */
export const iounmap = (io: IoMem): void => {
  const { kernel, mapping } = io;
  if (!mapping.live) {
    kernel.warn('iounmap', `trying to unmap ${hex(mapping.base)}, which is not mapped registers`);
    return;
  }
  mapping.live = false;
  kernel.mm.unmapMmio(mapping.base);
};
