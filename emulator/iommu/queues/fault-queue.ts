import { addressHigh, addressLow } from '../../../base/u64';
import { BUS_OK } from '../../../base/bus-outcome';
import type { PhysicalBus } from '../../bus/physical-bus';
import type { Clock } from '../../clock';
import type { Register } from '../../registers/register';
import type { RegisterBlock } from '../../registers/register-block';
import type { InterruptSignals } from '../interrupts';
import { FAULT_RECORD_SIZE, recordHigh, recordLow } from '../spec/fault';
import { FQCSR_OVERFLOW, QCSR_MEMORY_FAULT, type IOMMU_REGISTERS } from '../spec/registers';
import { QueueControl } from './queue-control';
import { Ring } from './ring';

/** A fault of a transaction without `process_id`. */
export interface FaultReport {
  readonly cause: number;
  readonly ttyp: number;
  readonly deviceId: number;
  /** Page number and offset of the IOVA (`iotval`). */
  readonly page: number;
  readonly offset: number;
}

/**
 * The fault queue ("Fault/Event-Queue"). A record is written, and its interrupt raised, at the moment of the fault;
 * while the queue is off, or one of its error bits is set, records are lost.
 */
export class FaultQueue {
  private readonly bus: PhysicalBus;
  private readonly interrupts: InterruptSignals;
  private readonly control: QueueControl;
  private readonly ring: Ring;
  private readonly csr: Register;
  private readonly head: Register;
  private readonly tail: Register;

  constructor(
    block: RegisterBlock<typeof IOMMU_REGISTERS>,
    bus: PhysicalBus,
    interrupts: InterruptSignals,
    clock: Clock,
    busyTime: number,
    highPpnBits: number,
  ) {
    this.bus = bus;
    this.interrupts = interrupts;
    this.ring = new Ring(block.register('fqb'), FAULT_RECORD_SIZE);
    this.csr = block.register('fqcsr');
    this.head = block.register('fqh');
    this.tail = block.register('fqt');
    const names = {
      base: 'fqb',
      csr: 'fqcsr',
      ownIndex: 'fqt',
      softwareIndex: 'fqh',
      statusBits: QCSR_MEMORY_FAULT | FQCSR_OVERFLOW,
    } as const;
    const owner = {
      switched: () => undefined,
      controlled: () => interrupts.refresh(),
      advanced: () => undefined,
    };
    this.control = new QueueControl(block, names, owner, clock, busyTime, highPpnBits);
  }

  /** Queues a record. @returns whether that was possible; if not, it is lost */
  report(fault: FaultReport): boolean {
    if (!this.control.active || (this.csr.lo & (QCSR_MEMORY_FAULT | FQCSR_OVERFLOW)) !== 0) return false;
    const index = this.tail.lo;
    const next = this.ring.after(index);
    if (next === this.head.lo) {
      this.fail(FQCSR_OVERFLOW);
    } else if (!this.store(this.ring.addressOf(index), fault)) {
      this.fail(QCSR_MEMORY_FAULT);
    } else {
      this.tail.set(next);
      this.interrupts.faultRecorded();
      return true;
    }
    return false;
  }

  private store(address: number, { cause, ttyp, deviceId, page, offset }: FaultReport): boolean {
    const { bus } = this;
    return (
      bus.store64(address, recordLow(cause), recordHigh(ttyp, deviceId)) === BUS_OK &&
      bus.store64(address + 8, 0, 0) === BUS_OK &&
      bus.store64(address + 16, addressLow(page, offset), addressHigh(page)) === BUS_OK &&
      bus.store64(address + 24, 0, 0) === BUS_OK
    );
  }

  private fail(bit: number): void {
    this.csr.set(this.csr.lo | bit);
    this.interrupts.refresh();
  }

  /** See `QueueControl.reset`. */
  reset(): void {
    this.control.reset();
  }
}
