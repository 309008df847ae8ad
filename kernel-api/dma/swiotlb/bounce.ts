import { physAddr } from '../../../base/address';
import { hex } from '../../../base/u64';
import type { StructDevice } from '../../base/struct-device';
import { kernelFault } from '../../mm/kernel-fault';
import { PAGE_OFFSET } from '../../mm/layout';
import { dma_get_min_align_mask } from '../segments';
import { INVALID_PHYS_ADDR, type IoTlbPool } from './io-tlb-pool';
import { IO_TLB_SIZE } from './slots';

const overflow = (dev: StructDevice, room: number, size: number): void =>
  dev.kernel.dma.warnOnce(
    'swiotlb_bounce',
    `${dev.name}: an access beyond the mapping was cut off: ${size} bytes were asked for, ${Math.max(room, 0)} are left.`,
  );

/** Linux copies what lies in front of the buffer, as it cannot tell; here it can be told, and nothing is copied. */
const beforeMapping = (dev: StructDevice, tlbAddr: number): void =>
  dev.kernel.warn(
    'swiotlb_bounce',
    `${dev.name}: ${hex(tlbAddr)} lies in front of the mapping that begins in its slot`,
  );

/**
 * Copies between the bounce buffer and the memory that it stands in for (`swiotlb_bounce`): `size` bytes from any address
 * within a mapping on. More than the mapping has is cut off with a warning; where nothing is mapped, nothing happens.
 */
export const swiotlb_bounce = (
  dev: StructDevice,
  tlbAddr: number,
  size: number,
  toDevice: boolean,
  pool: IoTlbPool,
): void => {
  const slot = pool.slotAt(tlbAddr);
  const orig = pool.origAddr[slot]!;
  if (orig === INVALID_PHYS_ADDR) return;
  // Negative in the first bytes of a mapping's later slots, as the padding shifts the buffer against the slots.
  const shift = (tlbAddr & (IO_TLB_SIZE - 1)) - (orig & dma_get_min_align_mask(dev) & (IO_TLB_SIZE - 1));
  if (shift < 0 && pool.heads[slot] !== 0) {
    beforeMapping(dev, tlbAddr);
    return;
  }
  const room = pool.allocSize[slot]! - shift;
  if (size > room) overflow(dev, room, size);
  const length = Math.min(size, room);
  if (length > 0) copy(dev, tlbAddr, orig + shift, length, toDevice);
};

const copy = (dev: StructDevice, tlbAddr: number, orig: number, length: number, toDevice: boolean): void => {
  const to = physAddr(toDevice ? tlbAddr : orig);
  const outcome = dev.kernel.cpu.copyBytes(to, physAddr(toDevice ? orig : tlbAddr), length);
  if (outcome < 0) throw kernelFault(PAGE_OFFSET + orig, outcome);
};
