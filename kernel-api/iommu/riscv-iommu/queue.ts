import { PAGE_SHIFT, physAddr, type PhysAddr } from '../../../base/address';
import { EBUSY, ENODEV, ENOMEM } from '../../../base/errno';
import { u64 } from '../../../base/u64';
import {
  free_irq,
  IRQF_ONESHOT,
  IRQF_SHARED,
  IRQ_NONE,
  IRQ_WAKE_THREAD,
  request_threaded_irq,
  type IrqReturn,
} from '../../irq/request-irq';
import { pollUntil } from './poll';
import {
  CSR_BUSY,
  CSR_EN,
  CSR_IE,
  CSR_MF,
  CSR_ON,
  PPN_SHIFT,
  QUEUE_HEAD,
  QUEUE_LOG2SZ,
  QUEUE_TAIL,
  REG_IPSR,
} from './regs';
import type { RiscvIommu } from './riscv-iommu';

const CSR_TIMEOUT_US = 150_000;

/** Where a queue's registers are, and what is in it. */
export interface QueueLayout {
  readonly name: string;
  /** Its bit in `ipsr` and its field in `icvec`. */
  readonly cause: number;
  readonly base: number;
  readonly csr: number;
  readonly entryBytes: number;
  /** log2 of the entries wanted; the hardware may allow fewer. */
  readonly log2Entries: number;
  /** The driver produces (commands) or consumes (faults). */
  readonly producer: boolean;
}

/** The ring in memory behind a command or fault queue, and the registers that control it. */
export class Queue {
  readonly iommu: RiscvIommu;
  readonly layout: QueueLayout;
  /** Physical address of entry 0. */
  base: PhysAddr = physAddr(0);
  /** Number of entries minus one. */
  mask = 0;
  /** Whether the hardware processes it. */
  active = false;
  private irq = 0;

  constructor(iommu: RiscvIommu, layout: QueueLayout) {
    this.iommu = iommu;
    this.layout = layout;
  }

  get headRegister(): number {
    return this.layout.base + QUEUE_HEAD;
  }

  get tailRegister(): number {
    return this.layout.base + QUEUE_TAIL;
  }

  /** Its bit in `ipsr`. */
  get pendingBit(): number {
    return 1 << this.layout.cause;
  }

  /** The physical address of an entry, by a running index. */
  entry(index: number): PhysAddr {
    return physAddr(this.base + (index & this.mask) * this.layout.entryBytes);
  }

  /**
   * Finds out how long the queue may be and whether it has a place of its own (both are WARL), allocates its memory,
   * and tells the hardware. 0, `-ENOMEM`, or `-ENODEV` if the hardware does not take it.
   */
  alloc(): number {
    const { iommu, layout } = this;
    const word = u64();
    iommu.regs.writeq(layout.base, QUEUE_LOG2SZ, 0);
    iommu.regs.readq(layout.base, word);
    let log2 = Math.min(layout.log2Entries - 1, word.lo & QUEUE_LOG2SZ);
    let pfn = pageNumberOf(word.lo, word.hi);
    if (pfn === 0) {
      for (pfn = -1; pfn < 0 && log2 >= 0;) {
        pfn = iommu.allocPages(orderOf(layout.entryBytes, log2));
        if (pfn < 0) log2--;
      }
      if (pfn < 0) return -ENOMEM;
    }
    const lo = ((pfn << PPN_SHIFT) | log2) >>> 0;
    const hi = Math.floor(pfn / 2 ** 22);
    iommu.regs.writeq(layout.base, lo, hi);
    iommu.regs.readq(layout.base, word);
    if (word.lo !== lo || word.hi !== hi) {
      iommu.error(`queue #${layout.cause} allocation failed`);
      return -ENODEV;
    }
    this.base = physAddr(pfn * 2 ** PAGE_SHIFT);
    this.mask = 2 ** (log2 + 1) - 1;
    return 0;
  }

  /**
   * Switches the queue on, empty, with its interrupt.
   * 0, `-EBUSY` (already on, or the hardware does not start it), or the error of `request_threaded_irq`.
   */
  async enable(thread: () => IrqReturn | Promise<IrqReturn>): Promise<number> {
    const { iommu, layout } = this;
    if (this.active) return -EBUSY;
    const irq = iommu.irqOf(layout.cause);
    const error = request_threaded_irq(
      iommu.kernel,
      irq,
      () => this.checkPending(),
      thread,
      IRQF_ONESHOT | IRQF_SHARED,
      iommu.dev.name,
      this,
    );
    if (error !== 0) return error;
    this.irq = irq;
    iommu.regs.writel(layout.producer ? this.tailRegister : this.headRegister, 0);
    iommu.regs.writel(layout.csr, CSR_EN | CSR_IE | CSR_MF);
    const csr = this.waitIdle();
    if ((csr & (CSR_ON | CSR_BUSY | CSR_MF)) !== CSR_ON) {
      iommu.regs.writel(layout.csr, 0);
      await free_irq(iommu.kernel, irq, this);
      iommu.error(`queue #${layout.cause} failed to start`);
      return -EBUSY;
    }
    this.active = true;
    iommu.regs.writel(REG_IPSR, this.pendingBit);
    return 0;
  }

  /** Switches the queue off. Harmless if it is not on. */
  async disable(): Promise<void> {
    if (!this.active) return;
    const { iommu, layout } = this;
    await free_irq(iommu.kernel, this.irq, this);
    iommu.regs.writel(layout.csr, 0);
    const csr = this.waitIdle();
    if ((csr & (CSR_ON | CSR_BUSY)) !== 0) {
      iommu.error(`cannot be stopped: queue ${layout.cause}, csr 0x${csr.toString(16)}`);
    }
    this.active = false;
  }

  private waitIdle(): number {
    const { iommu, layout } = this;
    let csr = 0;
    pollUntil(iommu.kernel, CSR_TIMEOUT_US, () => {
      csr = iommu.regs.readl(layout.csr);
      return (csr & CSR_BUSY) === 0;
    });
    return csr;
  }

  /** The line may be shared: is it this queue that wants something? */
  private checkPending(): IrqReturn {
    return (this.iommu.regs.readl(REG_IPSR) & this.pendingBit) !== 0 ? IRQ_WAKE_THREAD : IRQ_NONE;
  }
}

const pageNumberOf = (lo: number, hi: number): number => (hi & 0x3f_ffff) * 2 ** 22 + (lo >>> PPN_SHIFT);

/** The order of the pages for `2^(log2 + 1)` entries: naturally aligned, and at least one page. */
const orderOf = (entryBytes: number, log2: number): number =>
  Math.max(0, Math.log2(entryBytes) + log2 + 1 - PAGE_SHIFT);
