import { EINVAL } from '../../base/errno';
import { LabError } from '../../base/errors';
import type { Kernel } from '../kernel';
import { of_find_node_with_property } from '../of/device-tree';
import type { OfNode } from '../of/of-node';
import { of_device_is_compatible } from '../of/property';
import { handleIrq } from './handle';
import { IrqDesc, type IrqChip } from './irq-desc';
import { initPlic, PLIC_COMPATIBLE } from './plic';

/** An interrupt controller that the kernel drives: how to name its inputs, and which number each has (`struct irq_domain`). */
export interface IrqDomain {
  readonly node: OfNode;
  readonly chip: IrqChip;
  /** The input that the cells of an interrupt specifier name, or an error number. */
  translate(args: readonly number[]): number;
  /** Kernel interrupt numbers by input. */
  readonly mapped: Map<number, number>;
}

/** What takes an external interrupt: claims at the root controller and calls `handle` for each. */
export type RootHandler = () => void;

/** Interrupt numbers, their descriptors and controllers, and the trap handlers (`kernel/irq/`). */
export class InterruptSubsystem {
  readonly kernel: Kernel;
  private readonly descs: (IrqDesc | undefined)[] = [undefined];
  private readonly domains = new Map<OfNode, IrqDomain>();
  private rootHandler: RootHandler | null = null;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /**
   * Takes the machine's interrupts: drives the interrupt controllers that the device tree has, and installs the trap
   * handlers. A controller whose node makes no sense is a `LabError`.
   */
  init(): void {
    const { kernel } = this;
    let node = of_find_node_with_property(kernel, null, 'interrupt-controller');
    for (; node !== null; node = of_find_node_with_property(kernel, node, 'interrupt-controller')) {
      if (PLIC_COMPATIBLE.some((compatible) => of_device_is_compatible(node!, compatible))) initPlic(kernel, node);
    }
    kernel.cpu.setTrapHandlers({
      external: () => kernel.sched.context.interrupt(() => this.external()),
      timer: () => kernel.sched.context.interrupt(() => kernel.sched.timers.expire()),
    });
  }

  /** Names what serves the CPU's external interrupt input. There is one CPU, so there can be only one. */
  setRootHandler(handler: RootHandler, node: OfNode): void {
    if (this.rootHandler !== null) throw new LabError(`a second interrupt controller at the CPU: ${node.path}`);
    this.rootHandler = handler;
  }

  /** Makes a controller known. */
  addDomain(domain: IrqDomain): void {
    this.domains.set(domain.node, domain);
  }

  /** The controller of a node, if it is driven (`irq_find_host`). */
  domainOf(node: OfNode): IrqDomain | undefined {
    return this.domains.get(node);
  }

  /** The kernel's number for an input of a controller, made on first use (`irq_create_of_mapping`); `-EINVAL` for a bad specifier. */
  map(domain: IrqDomain, args: readonly number[]): number {
    const hwirq = domain.translate(args);
    if (hwirq < 0) return -EINVAL;
    const known = domain.mapped.get(hwirq);
    if (known !== undefined) return known;
    const irq = this.descs.length;
    this.descs.push(new IrqDesc(irq, hwirq, domain.chip));
    domain.mapped.set(hwirq, irq);
    return irq;
  }

  /** The descriptor of an interrupt number; undefined if there is no such number. */
  desc(irq: number): IrqDesc | undefined {
    return this.descs[irq];
  }

  /** Calls the handlers of an input that a controller's driver has claimed, and ends the interrupt. */
  handle(domain: IrqDomain, hwirq: number): void {
    const irq = domain.mapped.get(hwirq);
    const desc = irq === undefined ? undefined : this.descs[irq];
    if (desc === undefined) {
      this.kernel.warn('plic_handle_irq', `can't find mapping for hwirq ${hwirq}`);
      domain.chip.disable(hwirq);
      domain.chip.eoi(hwirq);
      return;
    }
    handleIrq(this.kernel, desc);
  }

  private external(): void {
    if (this.rootHandler !== null) {
      this.rootHandler();
      return;
    }
    throw new LabError('the CPU is interrupted, and the device tree has no interrupt controller to ask why');
  }
}
