import { PAGE_SIZE } from '../../../base/address';
import type { AnyDescriptor, Format } from '../../../base/descriptor';
import { valueOf } from '../../../base/descriptor/meaning';
import { ENODEV } from '../../../base/errno';
import {
  devm_platform_ioremap_resource,
  platform_get_drvdata,
  platform_get_irq,
  platform_irq_count,
  platform_set_drvdata,
  type PlatformDevice,
  type PlatformDriver,
} from '../../base/platform';
import {
  DMA_BIT_MASK,
  dma_set_mask_and_coherent,
  dma_set_max_seg_size,
  dma_set_min_align_mask,
} from '../../dma/mapping';
import { IS_ERR } from '../../err';
import type { IoMem } from '../../io/io-mem';
import {
  devm_free_irq,
  devm_request_irq,
  IRQ_HANDLED,
  IRQ_NONE,
  IRQF_SHARED,
  type IrqReturn,
} from '../../irq/request-irq';
import { PrototypeQueue, type PrototypeQueueOptions } from './queue';
import {
  CAPABILITY_QUEUES_MASK,
  CONTROL_INT_EN,
  CONTROL_MASTER,
  formatHash,
  PROTO_CAPABILITY,
  PROTO_CONTROL,
  PROTO_FORMAT,
  PROTO_ID,
  PROTO_ID_VALUE,
  QUEUE_REGS,
  QUEUE_REGS_STRIDE,
} from './regs';

/** What the driver is built for: a format, and how it sets each queue up. */
export interface PrototypeDriverOptions {
  readonly format: Format;
  /** By index of the queue; default: those of `queue` for all. */
  readonly queues?: readonly PrototypeQueueOptions[];
}

/** A bound engine: what the rest of the kernel uses it by. */
export class PrototypePort {
  readonly queues: readonly PrototypeQueue[];
  readonly irqs: readonly number[];
  private readonly regs: IoMem;

  constructor(regs: IoMem, queues: readonly PrototypeQueue[], irqs: readonly number[]) {
    this.regs = regs;
    this.queues = queues;
    this.irqs = irqs;
  }

  /** The registers of a queue, for what the driver leaves alone: its stream. */
  queueRegs(index: number): IoMem {
    return this.regs.add(QUEUE_REGS + index * QUEUE_REGS_STRIDE);
  }
}

/** Address bits that all addresses of a descriptor can hold. */
const addressBits = (descriptors: readonly AnyDescriptor[]): number => {
  const fields = descriptors.flatMap(({ placedFields, variantFields }) => [...placedFields, ...variantFields]);
  return Math.min(
    64,
    ...fields.flatMap(({ meaning, bits, below }) => (meaning?.kind === 'address' ? [bits + below] : [])),
  );
};

/** The largest page in which a queue describes data; 1 where none does. */
const pageBytes = ({ pieces }: Format, queues: readonly PrototypeQueueOptions[]): number => {
  const pages = pieces.kind === 'by-shape' ? pieces.pages : pieces;
  if (pages.kind !== 'pages') return 1;
  return Math.max(
    ...[{}, ...queues].map(({ parameters = {} }: PrototypeQueueOptions) => valueOf(pages.page, parameters)),
  );
};

const requestInterrupts = (pdev: PlatformDevice, queues: readonly PrototypeQueue[]): number[] | number => {
  const count = platform_irq_count(pdev);
  if (count < 0) return count;
  const irqs: number[] = [];
  const handler = (): IrqReturn =>
    queues.map((queue) => queue.handleInterrupt()).includes(true) ? IRQ_HANDLED : IRQ_NONE;
  for (let index = 0; index < count; index++) {
    const irq = platform_get_irq(pdev, index);
    if (irq < 0) return irq;
    const error = devm_request_irq(pdev.dev, irq, handler, IRQF_SHARED, 'prototype', queues);
    if (error !== 0) return error;
    irqs.push(irq);
  }
  return irqs;
};

/** Opens all queues, or none. */
const openQueues = (queues: readonly PrototypeQueue[]): number => {
  for (const [i, queue] of queues.entries()) {
    const error = queue.open();
    if (error === 0) continue;
    for (const opened of queues.slice(0, i)) opened.close();
    return error;
  }
  return 0;
};

const probe = (pdev: PlatformDevice, { format, queues: options = [] }: PrototypeDriverOptions): number => {
  const { dev } = pdev;
  const regs = devm_platform_ioremap_resource(pdev, 0);
  if (IS_ERR(regs)) return regs;
  if (regs.readl(PROTO_ID) !== PROTO_ID_VALUE || regs.readl(PROTO_FORMAT) !== formatHash(format.name)) return -ENODEV;
  let error = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(addressBits(format.descriptors)));
  if (error !== 0) return error;
  // Entries that are too long are cut when they are posted.
  dma_set_max_seg_size(dev, 0xffff_ffff);
  // A bounce buffer must keep the offset in the page: pages of a list leave no gaps.
  dma_set_min_align_mask(dev, Math.min(pageBytes(format, options), PAGE_SIZE) - 1);
  const count = Math.min(regs.readl(PROTO_CAPABILITY) & CAPABILITY_QUEUES_MASK, Math.max(1, options.length));
  const queues = Array.from(
    { length: count },
    (_, i) => new PrototypeQueue(dev, format, regs.add(QUEUE_REGS + i * QUEUE_REGS_STRIDE), i, options[i] ?? {}),
  );
  regs.writel(PROTO_CONTROL, CONTROL_MASTER);
  error = openQueues(queues);
  if (error !== 0) return error;
  const irqs = requestInterrupts(pdev, queues);
  if (typeof irqs === 'number') {
    for (const queue of queues) queue.close();
    return irqs;
  }
  platform_set_drvdata(pdev, new PrototypePort(regs, queues, irqs));
  regs.writel(PROTO_CONTROL, CONTROL_MASTER | CONTROL_INT_EN);
  return 0;
};

/** Interrupts go first, so that no handler meets a queue that is being ended; then each queue is stopped and freed. */
const remove = async (pdev: PlatformDevice): Promise<void> => {
  const { queues, irqs } = platform_get_drvdata<PrototypePort>(pdev);
  const regs = platform_get_drvdata<PrototypePort>(pdev).queueRegs(0).add(-QUEUE_REGS);
  regs.writel(PROTO_CONTROL, CONTROL_MASTER);
  for (const irq of irqs) await devm_free_irq(pdev.dev, irq, queues);
  for (const queue of queues) queue.close();
  regs.writel(PROTO_CONTROL, 0);
};

/** A driver of the prototype engine (`docs/prototype.md`) for one format. An engine that was built for another is left alone. */
export const prototypeDriver = (options: PrototypeDriverOptions): PlatformDriver => ({
  driver: { name: `prototype-${options.format.name}`, of_match_table: [{ compatible: 'dmalab,prototype' }] },
  probe: (pdev) => probe(pdev, options),
  remove,
});
