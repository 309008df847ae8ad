import { physAddr, type DmaAddr, type PhysAddr } from '../../../base/address';
import { hex, u64, u64ToBigInt } from '../../../base/u64';
import { IRQ_HANDLED, type IrqReturn } from '../../irq/request-irq';
import { cond_resched } from '../../sched/delay';
import { IOMMU_FAULT_READ, IOMMU_FAULT_WRITE, report_iommu_fault, type IommuFault } from '../faults';
import { faultCauseName, isWriteTransaction, transactionTypeName } from './fault-causes';
import { Queue } from './queue';
import {
  CAUSE_FQ,
  CSR_MF,
  FAULT_CAUSE,
  FAULT_HI_DID_SHIFT,
  FAULT_HI_PV,
  FAULT_HI_TTYP_MASK,
  FAULT_HI_TTYP_SHIFT,
  FAULT_IOTVAL,
  FAULT_IOTVAL2,
  FAULT_PID_SHIFT,
  FAULT_RECORD_BYTES,
  FQCSR_FQOF,
  REG_FQB,
  REG_FQCSR,
  REG_IPSR,
} from './regs';
import type { RiscvIommu } from './riscv-iommu';

const LOG2_ENTRIES = 12;
/**
 * How many records are read before other tasks get a turn. Linux's thread can be preempted at any moment; nothing can be here,
 * and a device may fault as fast as records are read, for ever.
 */
const RECORDS_PER_TURN = 64;

/**
 * The fault queue: drained on interrupt, each record decoded, logged and handed on. When it overflows, what is in it is
 * read first and the hardware told after that to go on; what happened meanwhile is lost.
 */
export class FaultQueue {
  readonly queue: Queue;
  private readonly iommu: RiscvIommu;
  private head = 0;
  /** It is being switched off: what is still in it stays unread. */
  private stopping = false;

  constructor(iommu: RiscvIommu) {
    this.iommu = iommu;
    this.queue = new Queue(iommu, {
      name: 'fault',
      cause: CAUSE_FQ,
      base: REG_FQB,
      csr: REG_FQCSR,
      entryBytes: FAULT_RECORD_BYTES,
      log2Entries: LOG2_ENTRIES,
      producer: false,
    });
  }

  /** Switches it on; see `Queue.enable`. */
  enable(): Promise<number> {
    this.head = 0;
    this.stopping = false;
    return this.queue.enable(() => this.handleInterrupt());
  }

  /** Switches it off, also while records come in faster than they are read; see `Queue.disable`. */
  disable(): Promise<void> {
    this.stopping = true;
    return this.queue.disable();
  }

  private async handleInterrupt(): Promise<IrqReturn> {
    const { regs, kernel } = this.iommu;
    regs.writel(REG_IPSR, this.queue.pendingBit);
    let left = RECORDS_PER_TURN;
    for (let count = this.drain(left); count > 0 && !this.stopping; count = this.drain(left)) {
      left -= count;
      if (left > 0) continue;
      await cond_resched(kernel);
      left = RECORDS_PER_TURN;
    }
    this.clearErrors();
    return IRQ_HANDLED;
  }

  /** While an error stands the hardware queues nothing. */
  private clearErrors(): void {
    const { regs, kernel } = this.iommu;
    const csr = regs.readl(REG_FQCSR);
    if ((csr & (CSR_MF | FQCSR_FQOF)) === 0) return;
    regs.writel(REG_FQCSR, csr);
    if ((csr & FQCSR_FQOF) !== 0) kernel.iommu.faultOverflows++;
    this.iommu.warn(
      `Queue #${CAUSE_FQ} error; memory fault:${(csr & CSR_MF) === 0 ? 0 : 1} ` +
        `overflow:${(csr & FQCSR_FQOF) === 0 ? 0 : 1}`,
    );
  }

  /** Consumes what is in the queue, but no more than so many. @returns how many records that were. */
  private drain(most: number): number {
    const { regs } = this.iommu;
    const { mask } = this.queue;
    const tail = regs.readl(this.queue.tailRegister);
    if (tail > mask) {
      this.iommu.errorOnce('the fault queue does not answer');
      return 0;
    }
    const count = Math.min((tail - this.head) & mask, most);
    for (let i = 0; i < count; i++) this.report(this.queue.entry(this.head + i));
    this.head = (this.head + count) & mask;
    if (count > 0) regs.writel(this.queue.headRegister, this.head);
    return count;
  }

  private report(at: PhysAddr): void {
    const { iommu } = this;
    const fault = decodeFault(iommu, at);
    if (fault.cause === 0) return;
    iommu.kernel.iommu.reportFault(fault);
    const dev = iommu.deviceOf(fault.deviceId);
    const domain = dev?.iommu?.domain;
    if (dev !== undefined && domain !== null && domain !== undefined) {
      report_iommu_fault(domain, dev, fault.iova, fault.write ? IOMMU_FAULT_WRITE : IOMMU_FAULT_READ);
    }
    iommu.warnRatelimited(
      `Fault ${fault.cause} devid: ${hex(fault.deviceId)} iotval: ${hex(fault.iova)} iotval2: ${hex(fault.iotval2)}` +
        ` (${fault.causeName}, ${fault.ttypName}${fault.device === null ? '' : `, ${fault.device}`})`,
    );
  }
}

/** Decodes the record at a physical address (specification, "Fault/Event-Queue"). */
export const decodeFault = (iommu: RiscvIommu, at: PhysAddr): IommuFault => {
  const { cpu } = iommu.kernel;
  const word = u64();
  cpu.load64(at, word);
  const { lo, hi } = word;
  cpu.load64(physAddr(at + FAULT_IOTVAL), word);
  const iotval = u64ToBigInt(word.lo, word.hi);
  cpu.load64(physAddr(at + FAULT_IOTVAL2), word);
  const cause = lo & FAULT_CAUSE;
  const ttyp = (hi >>> FAULT_HI_TTYP_SHIFT) & FAULT_HI_TTYP_MASK;
  const deviceId = hi >>> FAULT_HI_DID_SHIFT;
  return {
    time: cpu.now,
    iommu: iommu.dev.name,
    device: ttyp === 0 ? null : (iommu.deviceOf(deviceId)?.name ?? null),
    deviceId,
    cause,
    causeName: faultCauseName(cause),
    ttyp,
    ttypName: transactionTypeName(ttyp),
    write: isWriteTransaction(ttyp),
    processId: (hi & FAULT_HI_PV) === 0 ? null : lo >>> FAULT_PID_SHIFT,
    iova: iotval as DmaAddr,
    iotval2: u64ToBigInt(word.lo, word.hi),
  };
};
