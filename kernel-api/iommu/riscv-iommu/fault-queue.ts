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

/** The fault queue: drained on interrupt, each record decoded, logged and handed on. */
export class FaultQueue {
  readonly queue: Queue;
  private readonly iommu: RiscvIommu;
  private head = 0;

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
    return this.queue.enable(() => this.handleInterrupt());
  }

  /**
   * The thread of the queue's interrupt. A device may fault as fast as records are read, for ever: after each round everybody
   * else gets a turn, as a thread of Linux can be preempted.
   */
  private async handleInterrupt(): Promise<IrqReturn> {
    const { regs, kernel } = this.iommu;
    regs.writel(REG_IPSR, this.queue.pendingBit);
    while (this.drain() > 0) await cond_resched(kernel);
    const csr = regs.readl(REG_FQCSR);
    if ((csr & (CSR_MF | FQCSR_FQOF)) !== 0) {
      regs.writel(REG_FQCSR, csr);
      this.iommu.warn(
        `Queue #${CAUSE_FQ} error; memory fault:${(csr & CSR_MF) === 0 ? 0 : 1} ` +
          `overflow:${(csr & FQCSR_FQOF) === 0 ? 0 : 1}`,
      );
    }
    return IRQ_HANDLED;
  }

  /** Consumes what is in the queue. @returns how many records there were. */
  private drain(): number {
    const { regs } = this.iommu;
    const { mask } = this.queue;
    const tail = regs.readl(this.queue.tailRegister);
    if (tail > mask) {
      this.iommu.errorOnce('the fault queue does not answer');
      return 0;
    }
    const count = (tail - this.head) & mask;
    for (let i = 0; i < count; i++) this.report(this.queue.entry(this.head + i));
    this.head = tail;
    if (count > 0) regs.writel(this.queue.headRegister, tail);
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
