import type { DmaAddr, VirtAddr } from '../../../base/address';
import { virtAddr } from '../../../base/address';
import { out } from '../../err';
import { GFP_NOWAIT } from '../../gfp';
import { dma_pool_free, dma_pool_zalloc, type DmaPool } from '../../dma/dmapool';
import type { Kernel } from '../../kernel';
import {
  CH_CTL_H_IOC_BLKTFR,
  CH_CTL_H_LLI_LAST,
  CH_CTL_H_LLI_VALID,
  LLI_BLOCK_TS,
  LLI_CTL_HI,
  LLI_CTL_LO,
  LLI_DAR,
  LLI_LLP,
  LLI_SAR,
} from './regs';

/** What a block is to do. */
export interface BlockPlan {
  readonly sar: DmaAddr;
  readonly dar: DmaAddr;
  /** Source items, 1 or more. */
  readonly items: number;
  readonly bytes: number;
  readonly ctlLo: number;
  /** Without the valid and last bits. */
  readonly ctlHi: number;
}

/** One linked-list item in coherent memory: where the CPU sees it, where the controller does, and its share of bytes. */
export class HwDesc {
  readonly lli: VirtAddr;
  readonly llp: DmaAddr;
  readonly bytes: number;
  /** Bytes of a source item, to turn the hardware's item count into bytes. */
  readonly itemBytes: number;
  private readonly kernel: Kernel;
  private ctlHi: number;

  private constructor(kernel: Kernel, lli: VirtAddr, llp: DmaAddr, plan: BlockPlan) {
    this.kernel = kernel;
    this.lli = lli;
    this.llp = llp;
    this.bytes = plan.bytes;
    this.itemBytes = plan.bytes / plan.items;
    this.ctlHi = (plan.ctlHi | CH_CTL_H_LLI_VALID) >>> 0;
    this.write64(LLI_SAR, plan.sar);
    this.write64(LLI_DAR, plan.dar);
    kernel.mm.store32(virtAddr(lli + LLI_BLOCK_TS), plan.items - 1);
    kernel.mm.store32(virtAddr(lli + LLI_CTL_LO), plan.ctlLo);
    this.release();
  }

  /** Takes an item from the pool and fills it in, valid and not linked. NULL if the pool has none. */
  static create(kernel: Kernel, pool: DmaPool, plan: BlockPlan): HwDesc | null {
    const handle = out(0n as DmaAddr);
    const lli = dma_pool_zalloc(pool, GFP_NOWAIT, handle);
    return lli === 0 ? null : new HwDesc(kernel, lli, handle.value, plan);
  }

  private write64(offset: number, value: bigint): void {
    this.kernel.mm.store64(virtAddr(this.lli + offset), Number(value & 0xffff_ffffn), Number(value >> 32n));
  }

  /** The item after this one. */
  link(next: HwDesc): void {
    this.write64(LLI_LLP, next.llp);
  }

  /** The transfer ends with this item. */
  setLast(): void {
    this.ctlHi |= CH_CTL_H_LLI_LAST;
    this.release();
  }

  /** The end of this item's block raises an interrupt. */
  setInterrupt(): void {
    this.ctlHi |= CH_CTL_H_IOC_BLKTFR;
    this.release();
  }

  /** Whether the controller has finished with the item: it clears the valid bit when it writes the item back. */
  get consumed(): boolean {
    return (this.kernel.mm.load32(virtAddr(this.lli + LLI_CTL_HI)) & CH_CTL_H_LLI_VALID) === 0;
  }

  /** Hands the item to the controller: the word with the valid bit is written last. */
  release(): void {
    this.kernel.mm.store32(virtAddr(this.lli + LLI_CTL_HI), this.ctlHi >>> 0);
  }

  /** Gives the item back to the pool. */
  free(pool: DmaPool): void {
    dma_pool_free(pool, this.lli, this.llp);
  }
}
