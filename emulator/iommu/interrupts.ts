import { LabError } from '../../base/errors';
import type { InterruptLine } from '../interrupts/interrupt-line';
import type { Register } from '../registers/register';
import type { RegisterBlock } from '../registers/register-block';
import {
  CQCSR_CMD_ILL,
  CQCSR_CMD_TO,
  CQCSR_FENCE_W_IP,
  FQCSR_OVERFLOW,
  IPSR_CIP,
  IPSR_FIP,
  QCSR_INTERRUPT_ENABLE,
  QCSR_MEMORY_FAULT,
  type IOMMU_REGISTERS,
} from './spec/registers';

const COMMAND_CONDITIONS = QCSR_MEMORY_FAULT | CQCSR_CMD_TO | CQCSR_CMD_ILL | CQCSR_FENCE_W_IP;
const FAULT_CONDITIONS = QCSR_MEMORY_FAULT | FQCSR_OVERFLOW;
/** Width of a vector field of `icvec`. */
const VECTOR_BITS = 4;
const CAUSES = 4;

/**
 * Interrupts by wire ("Interrupt pending status register", "Interrupt-cause-to-vector register").
 *
 * A pending bit is set as long as its condition holds, and stays set until software clears it. Each drives the wire that
 * `icvec` gives it; `icvec` implements as many bits as there are wires to number.
 */
export class InterruptSignals {
  private readonly lines: readonly InterruptLine[];
  private readonly ipsr: Register;
  private readonly icvec: Register;
  private readonly cqcsr: Register;
  private readonly fqcsr: Register;

  /** @param lines 1, 2, 4, 8 or 16 wires, by vector; another number is a `LabError` */
  constructor(block: RegisterBlock<typeof IOMMU_REGISTERS>, lines: readonly InterruptLine[]) {
    if (![1, 2, 4, 8, 16].includes(lines.length)) {
      throw new LabError(`the IOMMU has ${lines.length} interrupt wires; it can have 1, 2, 4, 8 or 16`);
    }
    this.lines = lines;
    this.ipsr = block.register('ipsr');
    this.icvec = block.register('icvec');
    this.cqcsr = block.register('cqcsr');
    this.fqcsr = block.register('fqcsr');
    const vectorMask = 0x1111 * (lines.length - 1);
    block.hook('ipsr', { afterWrite: () => this.refresh() });
    block.hook('icvec', {
      afterWrite: (register) => {
        register.set(register.lo & vectorMask, 0);
        this.refresh();
      },
    });
  }

  /** A record is in the fault queue. */
  faultRecorded(): void {
    if ((this.fqcsr.lo & QCSR_INTERRUPT_ENABLE) !== 0) this.ipsr.set(this.ipsr.lo | IPSR_FIP);
    this.refresh();
  }

  /** Brings pending bits and wires up to date with the queues' CSRs. */
  refresh(): void {
    if (holds(this.cqcsr, COMMAND_CONDITIONS)) this.ipsr.set(this.ipsr.lo | IPSR_CIP);
    if (holds(this.fqcsr, FAULT_CONDITIONS)) this.ipsr.set(this.ipsr.lo | IPSR_FIP);
    const wires = this.pendingWires();
    for (let vector = 0; vector < this.lines.length; vector++) this.lines[vector]!.set(((wires >>> vector) & 1) !== 0);
  }

  private pendingWires(): number {
    let wires = 0;
    for (let cause = 0; cause < CAUSES; cause++) {
      if (((this.ipsr.lo >>> cause) & 1) !== 0) wires |= 1 << ((this.icvec.lo >>> (cause * VECTOR_BITS)) & 0xf);
    }
    return wires;
  }
}

const holds = (csr: Register, conditions: number): boolean =>
  (csr.lo & QCSR_INTERRUPT_ENABLE) !== 0 && (csr.lo & conditions) !== 0;
