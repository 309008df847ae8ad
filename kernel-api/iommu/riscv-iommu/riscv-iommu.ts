import { EBUSY, EINVAL, ENODEV } from '../../../base/errno';
import { u64 } from '../../../base/u64';
import { dev_err, dev_warn } from '../../base/dev-printk';
import { devm_add_action_or_reset } from '../../base/devres';
import type { StructDevice } from '../../base/struct-device';
import { __GFP_ZERO, GFP_KERNEL } from '../../gfp';
import type { Kernel } from '../../kernel';
import type { OfNode } from '../../of/of-node';
import type { IommuDevice } from '../iommu-ops';
import { CommandQueue } from './command-queue';
import { DeviceDirectory } from './directory';
import { FaultQueue } from './fault-queue';
import type { RiscvIommuOps } from './ops';
import type { RiscvIommuRegisters } from './registers';
import {
  CAP_END,
  CAP_IGS_MASK,
  CAP_IGS_SHIFT,
  CAP_SV39,
  CAP_SV48,
  CAP_SV57,
  CAP_SVPBMT,
  CAP_VERSION,
  CAUSES,
  DDTP_BUSY,
  DDTP_MODE,
  FCTL_BE,
  FCTL_WSI,
  ICVEC_FIELD_BITS,
  ICVEC_FIELD_MASK,
  IGS_BOTH,
  IGS_WSI,
  MODE_3LVL,
  MODE_BARE,
  MODE_OFF,
  REG_CAPABILITIES,
  REG_CQCSR,
  REG_DDTP,
  REG_FCTL,
  REG_FQCSR,
  REG_ICVEC,
  REG_PQCSR,
  VERSION_1_0,
} from './regs';

/** `DEFAULT_RATELIMIT_BURST` and `_INTERVAL`: so many messages in so many nanoseconds. */
const RATELIMIT_BURST = 10;
const RATELIMIT_INTERVAL = 5e9;

/** A RISC-V IOMMU in operation. */
export class RiscvIommu implements IommuDevice {
  readonly kernel: Kernel;
  readonly dev: StructDevice;
  readonly of_node: OfNode;
  readonly ops: RiscvIommuOps;
  readonly regs: RiscvIommuRegisters;
  readonly commands: CommandQueue;
  readonly faults: FaultQueue;
  readonly directory: DeviceDirectory;
  ready = false;
  /** `capabilities`, as halves. */
  capLo = 0;
  capHi = 0;
  private irqs: readonly number[] = [];
  private icvec = 0;
  private readonly devices = new Map<number, StructDevice>();
  private readonly said = new Set<string>();
  private warnings = 0;
  private warningsSince = 0;

  constructor(dev: StructDevice, of_node: OfNode, ops: RiscvIommuOps, regs: RiscvIommuRegisters) {
    this.kernel = dev.kernel;
    this.dev = dev;
    this.of_node = of_node;
    this.ops = ops;
    this.regs = regs;
    this.commands = new CommandQueue(this);
    this.faults = new FaultQueue(this);
    this.directory = new DeviceDirectory(this);
  }

  /**
   * Checks the hardware and brings it into operation: interrupts, directory, queues, mode.
   * @param irqs the wires there are, at least one
   * @returns 0; `-ENODEV` (capabilities that do not fit); `-EBUSY`; `-EINVAL`; `-ENOMEM`. On failure it is off again.
   */
  async start(irqs: readonly number[]): Promise<number> {
    this.irqs = irqs;
    const error =
      this.checkCapabilities() ||
      this.useWires() ||
      this.checkState() ||
      this.directory.alloc() ||
      this.commands.queue.alloc() ||
      this.faults.queue.alloc() ||
      (await this.commands.enable()) ||
      (await this.faults.enable()) ||
      this.directory.setMode(MODE_3LVL);
    if (error !== 0) await this.stopQueues();
    return error;
  }

  /** Nothing passes any more; queues off. What was allocated goes with the device's managed resources. */
  async stop(): Promise<void> {
    this.directory.setMode(MODE_OFF);
    await this.stopQueues();
  }

  private async stopQueues(): Promise<void> {
    await this.faults.disable();
    await this.commands.queue.disable();
  }

  /** At power-off: everything passes untranslated, queues off, without waiting. */
  shutdown(): void {
    this.regs.writeq(REG_DDTP, MODE_BARE, 0);
    this.regs.writel(REG_CQCSR, 0);
    this.regs.writel(REG_FQCSR, 0);
    this.regs.writel(REG_PQCSR, 0);
  }

  private checkCapabilities(): number {
    const caps = this.regs.readq(REG_CAPABILITIES);
    this.capLo = caps.lo;
    this.capHi = caps.hi;
    if ((caps.lo & CAP_VERSION) !== VERSION_1_0) {
      this.error(`version 0x${(caps.lo & CAP_VERSION).toString(16)} of the specification is not supported`);
      return -ENODEV;
    }
    return 0;
  }

  /** Interrupts come over wires: there is no interrupt controller for messages. */
  private useWires(): number {
    const igs = (this.capLo >>> CAP_IGS_SHIFT) & CAP_IGS_MASK;
    if (igs !== IGS_WSI && igs !== IGS_BOTH) {
      this.error('the IOMMU has no interrupt wires');
      return -ENODEV;
    }
    const fctl = this.regs.readl(REG_FCTL);
    if ((fctl & FCTL_WSI) === 0) this.regs.writel(REG_FCTL, fctl | FCTL_WSI);
    return 0;
  }

  /** `riscv_iommu_init_check`: off or passing through, little-endian, and a wire for every cause. */
  private checkState(): number {
    const ddtp = this.regs.readq(REG_DDTP).lo;
    if ((ddtp & DDTP_BUSY) !== 0 || (ddtp & DDTP_MODE) > MODE_BARE) {
      this.error('the IOMMU is in use by somebody else');
      return -EBUSY;
    }
    return this.useLittleEndian() || this.distributeInterrupts();
  }

  private useLittleEndian(): number {
    const fctl = this.regs.readl(REG_FCTL);
    if ((fctl & FCTL_BE) === 0) return 0;
    if ((this.capLo & CAP_END) === 0) return -EINVAL;
    this.regs.writel(REG_FCTL, fctl ^ FCTL_BE);
    return (this.regs.readl(REG_FCTL) & FCTL_BE) === 0 ? 0 : -EINVAL;
  }

  private distributeInterrupts(): number {
    const count = Math.min(this.irqs.length, CAUSES);
    if (count === 0) return -EINVAL;
    let icvec = 0;
    for (let cause = 0; cause < CAUSES; cause++) icvec |= (cause % count) << (ICVEC_FIELD_BITS * cause);
    this.regs.writeq(REG_ICVEC, icvec, 0);
    this.icvec = this.regs.readq(REG_ICVEC, u64()).lo;
    for (let cause = 0; cause < CAUSES; cause++) {
      if (this.vectorOf(cause) >= count) return -EINVAL;
    }
    return 0;
  }

  private vectorOf(cause: number): number {
    return (this.icvec >>> (ICVEC_FIELD_BITS * cause)) & ICVEC_FIELD_MASK;
  }

  /** The interrupt that a cause raises. */
  irqOf(cause: number): number {
    return this.irqs[this.vectorOf(cause)]!;
  }

  /** Levels of the deepest first-stage tables it can walk; 0 if none. */
  get levels(): 0 | 3 | 4 | 5 {
    if ((this.capLo & CAP_SV57) !== 0) return 5;
    if ((this.capLo & CAP_SV48) !== 0) return 4;
    return (this.capLo & CAP_SV39) !== 0 ? 3 : 0;
  }

  /** Whether it walks first-stage tables of so many levels. */
  supportsLevels(levels: 3 | 4 | 5): boolean {
    const bit = levels === 5 ? CAP_SV57 : levels === 4 ? CAP_SV48 : CAP_SV39;
    return (this.capLo & bit) !== 0;
  }

  /** Whether table entries have memory types. */
  get memoryTypes(): boolean {
    return (this.capLo & CAP_SVPBMT) !== 0;
  }

  /** Zeroed pages that go when the driver is unbound; the page frame, -1 without memory. */
  allocPages(order: number): number {
    const { mm } = this.kernel;
    const pfn = mm.allocPfn(GFP_KERNEL | __GFP_ZERO, order);
    if (pfn < 0) return -1;
    return devm_add_action_or_reset(this.dev, () => mm.freePfn(pfn, order), null) === 0 ? pfn : -1;
  }

  /** Remembers which device has an id. */
  addDevice(id: number, dev: StructDevice): void {
    if (!this.devices.has(id)) this.devices.set(id, dev);
  }

  /** Forgets that a device has an id. */
  removeDevice(id: number, dev: StructDevice): void {
    if (this.devices.get(id) === dev) this.devices.delete(id);
  }

  /** The device that has an id. */
  deviceOf(id: number): StructDevice | undefined {
    return this.devices.get(id);
  }

  /** `dev_err`. */
  error(message: string): void {
    dev_err(this.dev, message);
  }

  /** `dev_err_once`. */
  errorOnce(message: string): void {
    if (this.said.has(message)) return;
    this.said.add(message);
    this.error(message);
  }

  /** `dev_warn`. */
  warn(message: string): void {
    dev_warn(this.dev, message);
  }

  /** `dev_warn_ratelimited`. */
  warnRatelimited(message: string): void {
    const { now } = this.kernel.cpu;
    if (now - this.warningsSince >= RATELIMIT_INTERVAL) {
      this.warnings = 0;
      this.warningsSince = now;
    }
    if (this.warnings++ < RATELIMIT_BURST) this.warn(message);
  }
}
