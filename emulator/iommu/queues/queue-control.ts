import type { Clock, Timer } from '../../clock';
import type { RegisterBlock } from '../../registers/register-block';
import type { Register } from '../../registers/register';
import { QCSR_BUSY, QCSR_ENABLE, QCSR_ON, type IOMMU_REGISTERS } from '../spec/registers';

/** What `cqb`, `cqcsr` and their siblings of the fault queue have in common. */
export interface QueueRegisters {
  readonly base: 'cqb' | 'fqb';
  readonly csr: 'cqcsr' | 'fqcsr';
  /** The index that the IOMMU advances: set to 0 when the queue is enabled. */
  readonly ownIndex: 'cqh' | 'fqt';
  /** The index that software advances: set to 0 when the base is written. */
  readonly softwareIndex: 'cqt' | 'fqh';
  /** Error and status bits of the CSR that enabling clears. */
  readonly statusBits: number;
}

/** The owner's part in what happens to a queue's registers. All are called after the registers have changed. */
export interface QueueOwner {
  /** The queue was turned on or off: `on` is set, `busy` is clear. */
  switched(): void;
  /** Software wrote the CSR. */
  controlled(): void;
  /** Software wrote its index. */
  advanced(): void;
}

/**
 * Switching a queue on and off, and who may write its registers when ("Command-queue CSR", "Fault queue CSR").
 *
 * Of what the specification leaves open: a write to a busy CSR, and a write to the base of a queue that is on or busy,
 * are ignored; turning off takes effect at once, `on` goes away with `busy`; writing the base sets the software's
 * index to 0.
 */
export class QueueControl {
  private readonly csr: Register;
  private readonly owner: QueueOwner;
  private readonly busyTime: number;
  private readonly timer: Timer;
  private wasEnabled = false;

  constructor(
    block: RegisterBlock<typeof IOMMU_REGISTERS>,
    names: QueueRegisters,
    owner: QueueOwner,
    clock: Clock,
    busyTime: number,
    highPpnBits: number,
  ) {
    const csr: Register = block.register(names.csr);
    const base: Register = block.register(names.base);
    const ownIndex: Register = block.register(names.ownIndex);
    const softwareIndex: Register = block.register(names.softwareIndex);
    this.csr = csr;
    this.owner = owner;
    this.busyTime = busyTime;
    this.timer = clock.timer(`${block.name}.${names.csr}`, () => this.settle());
    block.hook(names.csr, {
      acceptWrite: () => {
        this.wasEnabled = this.enabled;
        return (csr.lo & QCSR_BUSY) === 0;
      },
      afterWrite: () => this.controlled(ownIndex, names.statusBits),
    });
    block.hook(names.base, {
      acceptWrite: () => (csr.lo & (QCSR_BUSY | QCSR_ON)) === 0,
      afterWrite: () => {
        base.set(base.lo, base.hi & highPpnBits);
        softwareIndex.set(0);
      },
    });
    block.hook(names.softwareIndex, {
      afterWrite: () => {
        softwareIndex.set(softwareIndex.lo % (2 * 2 ** (base.lo & 0x1f)));
        owner.advanced();
      },
    });
  }

  private get enabled(): boolean {
    return (this.csr.lo & QCSR_ENABLE) !== 0;
  }

  /** Whether the queue works: it is on, and has not been told to go off. */
  get active(): boolean {
    return (this.csr.lo & (QCSR_ON | QCSR_ENABLE)) === (QCSR_ON | QCSR_ENABLE);
  }

  private controlled(ownIndex: Register, statusBits: number): void {
    const { csr, enabled } = this;
    if (enabled !== this.wasEnabled) {
      if (enabled) {
        ownIndex.set(0);
        csr.set(csr.lo & ~statusBits);
      }
      csr.set(csr.lo | QCSR_BUSY);
      if (this.busyTime === 0) this.settle();
      else this.timer.armAfter(this.busyTime);
    }
    this.owner.controlled();
  }

  private settle(): void {
    const { csr } = this;
    csr.set((csr.lo & ~(QCSR_BUSY | QCSR_ON)) | (this.enabled ? QCSR_ON : 0));
    this.owner.switched();
  }

  /** Forgets a switch that is under way. The registers are reset by their block. */
  reset(): void {
    this.timer.cancel();
  }
}
