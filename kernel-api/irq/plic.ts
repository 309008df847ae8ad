import { EINVAL } from '../../base/errno';
import { LabError } from '../../base/errors';
import type { Out } from '../err';
import type { IoMem } from '../io/io-mem';
import { ioremap } from '../io/ioremap';
import type { Kernel } from '../kernel';
import { of_address_to_resource, resource_size } from '../of/address';
import type { OfNode } from '../of/of-node';
import { of_device_is_compatible, of_parse_phandle_with_args, of_property_read_u32 } from '../of/property';
import type { IrqDomain } from './interrupt-subsystem';
import type { IrqChip } from './irq-desc';
import {
  CONTEXT_BASE,
  CONTEXT_CLAIM,
  CONTEXT_ENABLE_BASE,
  CONTEXT_ENABLE_SIZE,
  CONTEXT_SIZE,
  CONTEXT_THRESHOLD,
  PLIC_ENABLE_THRESHOLD,
  PRIORITY_BASE,
  PRIORITY_PER_ID,
  RV_IRQ_EXT,
} from './plic-regs';

/** What the driver answers to. */
export const PLIC_COMPATIBLE = ['sifive,plic-1.0.0', 'riscv,plic0'] as const;

/** A context of the controller's specifier cells tells at most so many. */
const MAX_CONTEXTS = 15_872;

/** The controller as one context sees it. */
class Plic implements IrqChip {
  readonly name = 'SiFive PLIC';
  private readonly regs: IoMem;
  private readonly enables: number;
  private readonly context: number;

  constructor(regs: IoMem, context: number) {
    this.regs = regs;
    this.enables = CONTEXT_ENABLE_BASE + context * CONTEXT_ENABLE_SIZE;
    this.context = CONTEXT_BASE + context * CONTEXT_SIZE;
  }

  /** Lets through every source that will be enabled, and none for now. */
  start(sources: number): void {
    this.regs.writel(this.context + CONTEXT_THRESHOLD, PLIC_ENABLE_THRESHOLD);
    for (let hwirq = 1; hwirq <= sources; hwirq++) {
      this.toggle(hwirq, false);
      this.regs.writel(PRIORITY_BASE + hwirq * PRIORITY_PER_ID, 1);
    }
  }

  /** The pending source of highest priority, 0 if there is none. */
  claim(): number {
    return this.regs.readl(this.context + CONTEXT_CLAIM);
  }

  enable(hwirq: number): void {
    this.toggle(hwirq, true);
    this.unmask(hwirq);
  }

  disable(hwirq: number): void {
    this.toggle(hwirq, false);
  }

  mask(hwirq: number): void {
    this.regs.writel(PRIORITY_BASE + hwirq * PRIORITY_PER_ID, 0);
  }

  unmask(hwirq: number): void {
    this.regs.writel(PRIORITY_BASE + hwirq * PRIORITY_PER_ID, 1);
  }

  /** The controller ignores the completion of a source that is not enabled, so it is enabled for that moment. */
  eoi(hwirq: number): void {
    const enabled = (this.regs.readl(this.enableWord(hwirq)) & (1 << (hwirq & 31))) !== 0;
    if (!enabled) this.toggle(hwirq, true);
    this.regs.writel(this.context + CONTEXT_CLAIM, hwirq);
    if (!enabled) this.toggle(hwirq, false);
  }

  private enableWord(hwirq: number): number {
    return this.enables + (hwirq >>> 5) * 4;
  }

  private toggle(hwirq: number, on: boolean): void {
    const word = this.enableWord(hwirq);
    const bit = 1 << (hwirq & 31);
    const value = this.regs.readl(word);
    this.regs.writel(word, on ? value | bit : value & ~bit);
  }
}

/** The context whose output is this CPU's supervisor external interrupt. */
const findContext = (node: OfNode): number => {
  for (let context = 0; context < MAX_CONTEXTS; context++) {
    const parent = of_parse_phandle_with_args(node, 'interrupts-extended', '#interrupt-cells', context);
    if (typeof parent === 'number') break;
    if (of_device_is_compatible(parent.np, 'riscv,cpu-intc') && parent.args[0] === RV_IRQ_EXT) return context;
  }
  throw new LabError(`interrupt controller ${node.path} is wired to no CPU (interrupts-extended)`, { what: node.path });
};

const mapRegisters = (kernel: Kernel, node: OfNode): IoMem => {
  const resource = of_address_to_resource(node, 0);
  const regs = typeof resource === 'number' ? null : ioremap(kernel, resource.start, resource_size(resource));
  if (regs === null)
    throw new LabError(`interrupt controller ${node.path} has no usable reg property`, { what: node.path });
  return regs;
};

/** Drives the controller of a node. A node that makes no sense is a `LabError`: the machine could not be used. */
export const initPlic = (kernel: Kernel, node: OfNode): void => {
  const sources: Out<number> = { value: 0 };
  if (of_property_read_u32(node, 'riscv,ndev', sources) !== 0 || sources.value === 0 || sources.value > 1023) {
    throw new LabError(`interrupt controller ${node.path} does not say how many sources it has (riscv,ndev)`, {
      what: node.path,
    });
  }
  const context = findContext(node);
  const plic = new Plic(mapRegisters(kernel, node), context);
  const domain: IrqDomain = {
    node,
    chip: plic,
    mapped: new Map(),
    translate: ([hwirq = 0]) => (hwirq >= 1 && hwirq <= sources.value ? hwirq : -EINVAL),
  };
  plic.start(sources.value);
  kernel.irq.addDomain(domain);
  kernel.irq.setRootHandler(() => {
    for (let hwirq = plic.claim(); hwirq !== 0; hwirq = plic.claim()) kernel.irq.handle(domain, hwirq);
  }, node);
};
