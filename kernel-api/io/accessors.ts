import { u64FromBigInt, u64ToBigInt, type U64 } from '../../base/u64';
import type { IoMem } from './io-mem';

/**
 * Register accessors under the kernel's names (`include/asm-generic/io.h`, `arch/riscv/include/asm/mmio.h`).
 *
 * A write is preceded by a fence: what was stored to memory before is there for the device to see. The `_relaxed` writes
 * are not; they are in order only with other accesses to registers. Reads are the same in both forms, since this CPU
 * carries out loads in program order.
 */

export const readb = (addr: IoMem): number => addr.readb();
export const readw = (addr: IoMem): number => addr.readw();
export const readl = (addr: IoMem): number => addr.readl();
/** 64 bits in one access. */
export const readq = (addr: IoMem): bigint => addr.readq();
/** 64 bits in one access, as halves. */
export const readqHalves = (addr: IoMem, into: U64): void => addr.readqHalves(0, into);

export const writeb = (value: number, addr: IoMem): void => addr.writeb(0, value);
export const writew = (value: number, addr: IoMem): void => addr.writew(0, value);
export const writel = (value: number, addr: IoMem): void => addr.writel(0, value);
/** 64 bits in one access. */
export const writeq = (value: bigint, addr: IoMem): void => addr.writeq(0, value);
/** 64 bits in one access, given as halves. */
export const writeqHalves = (lo: number, hi: number, addr: IoMem): void => addr.writeqHalves(0, lo, hi);

export const readb_relaxed = readb;
export const readw_relaxed = readw;
export const readl_relaxed = readl;
export const readq_relaxed = readq;
export const writeb_relaxed = (value: number, addr: IoMem): void => addr.writeb_relaxed(0, value);
export const writew_relaxed = (value: number, addr: IoMem): void => addr.writew_relaxed(0, value);
export const writel_relaxed = (value: number, addr: IoMem): void => addr.writel_relaxed(0, value);
/** 64 bits in one access. */
export const writeq_relaxed = (value: bigint, addr: IoMem): void => addr.writeq_relaxed(0, value);

/** 64 bits as two accesses of 32, low half first (`io-64-nonatomic-lo-hi.h`). */
export const lo_hi_readq = (addr: IoMem): bigint => {
  const lo = addr.readl(0);
  return u64ToBigInt(lo, addr.readl(4));
};

/** 64 bits as two accesses of 32, low half first. */
export const lo_hi_writeq = (value: bigint, addr: IoMem): void => {
  const { lo, hi } = u64FromBigInt(value);
  addr.writel(0, lo);
  addr.writel(4, hi);
};

/** 64 bits as two accesses of 32, high half first (`io-64-nonatomic-hi-lo.h`). */
export const hi_lo_readq = (addr: IoMem): bigint => {
  const hi = addr.readl(4);
  return u64ToBigInt(addr.readl(0), hi);
};

/** 64 bits as two accesses of 32, high half first. */
export const hi_lo_writeq = (value: bigint, addr: IoMem): void => {
  const { lo, hi } = u64FromBigInt(value);
  addr.writel(4, hi);
  addr.writel(0, lo);
};
