import { physAddr } from '../../../base/address';
import { EIO, ENODEV, ETIMEDOUT } from '../../../base/errno';
import { bytesOfWords } from '../../../base/u64';
import { IRQ_HANDLED, type IrqReturn } from '../../irq/request-irq';
import { pollUntil } from './poll';
import { Queue } from './queue';
import {
  CAUSE_CQ,
  CMD_IODIR_HI_DID_SHIFT,
  CMD_IODIR_HI_DV,
  CMD_IODIR_INVAL_DDT,
  CMD_IOFENCE_C,
  CMD_IOFENCE_PR,
  CMD_IOFENCE_PW,
  CMD_IOTINVAL_ADDR_SHIFT,
  CMD_IOTINVAL_AV,
  CMD_IOTINVAL_HI_NL,
  CMD_IOTINVAL_HI_PSCV,
  CMD_IOTINVAL_PSCID_SHIFT,
  CMD_IOTINVAL_S,
  CMD_IOTINVAL_VMA,
  COMMAND_BYTES,
  CQCSR_CMD_ILL,
  CQCSR_CMD_TO,
  CQCSR_FENCE_W_IP,
  CSR_EN,
  CSR_MF,
  REG_CQB,
  REG_CQCSR,
  REG_IPSR,
} from './regs';
import type { RiscvIommu } from './riscv-iommu';

const QUEUE_TIMEOUT_US = 150_000;
const FENCE_TIMEOUT_US = 90_000_000;
const LOG2_ENTRIES = 13;
/** How often a command that stops the queue is tried again before the queue is given up. */
const RETRIES = 8;
/** How many commands are written in one go. */
const BATCH = 512;
const COMMAND_WORDS = COMMAND_BYTES / 4;
const ERRORS = CSR_MF | CQCSR_CMD_TO | CQCSR_CMD_ILL;
/** Any address space. */
export const ANY_PSCID = -1;

/**
 * The command queue: commands are put into the ring, and the hardware is told of them at the latest by `sync`, which
 * also waits until they are done. Callable from any context; a full queue is waited for.
 */
export class CommandQueue {
  readonly queue: Queue;
  private readonly iommu: RiscvIommu;
  /** Running indices: the next entry to fill, the one the hardware was told of, the one it has got to. */
  private tail = 0;
  private told = 0;
  private head = 0;
  /** Where the queue stopped at an error last, and how often in a row. */
  private stoppedAt = -1;
  private stops = 0;
  private givenUp = false;
  /** Where commands are put together, and the bytes of it. */
  private readonly words = new Int32Array(BATCH * COMMAND_WORDS);
  private readonly bytes = bytesOfWords(this.words);

  constructor(iommu: RiscvIommu) {
    this.iommu = iommu;
    this.queue = new Queue(iommu, {
      name: 'command',
      cause: CAUSE_CQ,
      base: REG_CQB,
      csr: REG_CQCSR,
      entryBytes: COMMAND_BYTES,
      log2Entries: LOG2_ENTRIES,
      producer: true,
    });
  }

  /** Switches it on; see `Queue.enable`. */
  enable(): Promise<number> {
    this.tail = 0;
    this.told = 0;
    this.head = 0;
    this.stops = 0;
    this.givenUp = false;
    return this.queue.enable(() => this.handleInterrupt());
  }

  /** `IOTINVAL.VMA` of everything that is cached for an address space, or for all. */
  invalidateSpace(pscid: number): void {
    if (pscid === ANY_PSCID) this.put(CMD_IOTINVAL_VMA, 0, 0, 0);
    else this.put(spaceLow(pscid), CMD_IOTINVAL_HI_PSCV, 0, 0);
  }

  /**
   * `IOTINVAL.VMA` of many leaves, a command for each, written in as few stores as the ring allows.
   * @param stride pages from one to the next
   * @param nonLeaf of the entries on the way to them as well (`NL`)
   */
  invalidatePages(pscid: number, page: number, stride: number, count: number, nonLeaf: boolean): void {
    const { queue } = this;
    const lo = spaceLow(pscid) | CMD_IOTINVAL_AV;
    const hi = nonLeaf ? CMD_IOTINVAL_HI_PSCV | CMD_IOTINVAL_HI_NL : CMD_IOTINVAL_HI_PSCV;
    for (let done = 0; done < count;) {
      if (!this.hasSpace()) return;
      const toEnd = queue.mask + 1 - (this.tail & queue.mask);
      const chunk = Math.min(count - done, queue.mask - (this.tail - this.head), toEnd, BATCH);
      encodePages(this.words, chunk, lo, hi, page + done * stride, stride);
      this.iommu.kernel.cpu.writeBytes(queue.entry(this.tail), this.bytes, 0, chunk * COMMAND_BYTES);
      this.tail += chunk;
      done += chunk;
    }
  }

  /**
   * `IOTINVAL.VMA` of a naturally aligned power of two of pages (address range invalidation extension).
   * @param log2Pages at least 1
   */
  invalidateRange(pscid: number, page: number, log2Pages: number, nonLeaf: boolean): void {
    const encoded = page + (2 ** (log2Pages - 1) - 1);
    const hi = nonLeaf ? CMD_IOTINVAL_HI_PSCV | CMD_IOTINVAL_HI_NL : CMD_IOTINVAL_HI_PSCV;
    const low = ((encoded << CMD_IOTINVAL_ADDR_SHIFT) | CMD_IOTINVAL_S) >>> 0;
    this.put(spaceLow(pscid) | CMD_IOTINVAL_AV, hi, low, addressHigh(encoded));
  }

  /** `IODIR.INVAL_DDT` of one device's context. */
  invalidateContext(deviceId: number): void {
    this.put(CMD_IODIR_INVAL_DDT, ((deviceId << CMD_IODIR_HI_DID_SHIFT) | CMD_IODIR_HI_DV) >>> 0, 0, 0);
  }

  /** `IODIR.INVAL_DDT` of all contexts. */
  invalidateAllContexts(): void {
    this.put(CMD_IODIR_INVAL_DDT, 0, 0, 0);
  }

  /**
   * `IOFENCE.C`, and waits until the hardware has executed it and so everything before it, and has committed the
   * accesses that it let through earlier. 0; `-ETIMEDOUT`; `-EIO` if the queue has stopped at an error, which its
   * interrupt handler then clears; `-ENODEV` if the queue is off. Failure is logged.
   */
  sync(): number {
    if (!this.put(CMD_IOFENCE_C | CMD_IOFENCE_PR | CMD_IOFENCE_PW, 0, 0, 0)) return this.givenUp ? -EIO : -ENODEV;
    const fence = this.tail;
    this.ring();
    if (!pollUntil(this.iommu.kernel, FENCE_TIMEOUT_US, () => this.reached(fence) || this.failed())) {
      this.iommu.errorOnce('a command does not come to its end');
      return -ETIMEDOUT;
    }
    if (this.head >= fence) return 0;
    this.iommu.errorOnce('Hardware error: the command queue has stopped');
    return -EIO;
  }

  /** Whether there is room for a command, after waiting for it if need be. */
  private hasSpace(): boolean {
    const { queue, iommu } = this;
    if (!queue.active || this.givenUp) return false;
    if (this.tail - this.head < queue.mask || this.waitForSpace()) return true;
    iommu.errorOnce('the command queue takes no commands');
    return false;
  }

  private put(lo0: number, hi0: number, lo1: number, hi1: number): boolean {
    if (!this.hasSpace()) return false;
    const { queue, iommu } = this;
    const at = queue.entry(this.tail);
    const { cpu } = iommu.kernel;
    cpu.store64(at, lo0, hi0);
    cpu.store64(physAddr(at + 8), lo1, hi1);
    this.tail++;
    return true;
  }

  /**
   * Tells the hardware of new commands. An interrupt in between may put commands of its own and tell of them; the older
   * index written after that would be taken for a queue that is nearly full. Hence with interrupts off.
   */
  private ring(): void {
    const { cpu } = this.iommu.kernel;
    const enabled = cpu.setInterruptsEnabled(false);
    if (this.told !== this.tail) {
      this.told = this.tail;
      this.iommu.regs.writel(this.queue.tailRegister, this.told & this.queue.mask);
    }
    cpu.setInterruptsEnabled(enabled);
  }

  private waitForSpace(): boolean {
    this.ring();
    const { kernel } = this.iommu;
    return pollUntil(kernel, QUEUE_TIMEOUT_US, () => {
      this.refreshHead();
      return this.tail - this.head < this.queue.mask;
    });
  }

  /** Advances our idea of the head to the hardware's. A head outside the queue is not believed. */
  private refreshHead(): void {
    const { mask } = this.queue;
    const { cpu } = this.iommu.kernel;
    const enabled = cpu.setInterruptsEnabled(false);
    const index = this.iommu.regs.readl(this.queue.headRegister);
    if (index <= mask) this.head += (index - (this.head & mask)) & mask;
    cpu.setInterruptsEnabled(enabled);
  }

  private reached(fence: number): boolean {
    if (this.head < fence) this.refreshHead();
    return this.head >= fence;
  }

  /**
   * Clearing an error makes the hardware try the command again. One that fails for good would keep the CPU in this
   * handler for ever: the queue is then left stopped, without its interrupt.
   */
  private countStop(head: number): void {
    this.stops = head === this.stoppedAt ? this.stops + 1 : 1;
    this.stoppedAt = head;
    if (this.stops <= RETRIES) return;
    this.givenUp = true;
    this.iommu.errorOnce('Hardware error: the command queue is out of order');
  }

  private failed(): boolean {
    return (this.iommu.regs.readl(REG_CQCSR) & ERRORS) !== 0;
  }

  /** `Guidelines for handling interrupts from IOMMU`: errors stop the queue until they are cleared. */
  private handleInterrupt(): IrqReturn {
    const { regs } = this.iommu;
    const csr = regs.readl(REG_CQCSR);
    if ((csr & (ERRORS | CQCSR_FENCE_W_IP)) !== 0) {
      if ((csr & ERRORS) !== 0) this.countStop(regs.readl(this.queue.headRegister));
      regs.writel(REG_CQCSR, this.givenUp ? CSR_EN : csr);
      this.iommu.warn(
        `Queue #${CAUSE_CQ} error; fault:${bit(csr, CSR_MF)} timeout:${bit(csr, CQCSR_CMD_TO)} ` +
          `illegal:${bit(csr, CQCSR_CMD_ILL)} fence_w_ip:${bit(csr, CQCSR_FENCE_W_IP)}`,
      );
    }
    regs.writel(REG_IPSR, this.queue.pendingBit);
    return IRQ_HANDLED;
  }
}

const spaceLow = (pscid: number): number => (CMD_IOTINVAL_VMA | (pscid << CMD_IOTINVAL_PSCID_SHIFT)) >>> 0;
const PAGES_BELOW_HIGH = 2 ** (32 - CMD_IOTINVAL_ADDR_SHIFT);
const addressHigh = (page: number): number => (page < PAGES_BELOW_HIGH ? 0 : Math.floor(page / PAGES_BELOW_HIGH));

/** Commands of the same first word for addresses at regular distances. */
const encodePages = (
  words: Int32Array,
  count: number,
  lo: number,
  hi: number,
  firstPage: number,
  stride: number,
): void => {
  let page = firstPage;
  for (let at = 0; at < count * COMMAND_WORDS; at += COMMAND_WORDS) {
    words[at] = lo;
    words[at + 1] = hi;
    words[at + 2] = page << CMD_IOTINVAL_ADDR_SHIFT;
    words[at + 3] = addressHigh(page);
    page += stride;
  }
};
const bit = (value: number, mask: number): number => ((value & mask) === 0 ? 0 : 1);
