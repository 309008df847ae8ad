import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import type { DmaAddr, VirtAddr } from '../../../base/address';
import type { Format } from '../../../base/descriptor';
import { PrototypeEngine } from '../../../devices/prototype';
import { CONTROL, QUEUE_STRIDE, Q_CONTROL } from '../../../devices/prototype/spec';
import { devm_platform_ioremap_resource, platform_driver_register } from '../../../kernel-api/base/platform';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import { dma_alloc_coherent } from '../../../kernel-api/dma/coherent';
import { DMA_TO_DEVICE, type DmaDataDirection } from '../../../kernel-api/dma/direction';
import {
  DMA_BIT_MASK,
  dma_map_single,
  dma_mapping_error,
  dma_set_mask_and_coherent,
} from '../../../kernel-api/dma/mapping';
import { IS_ERR, out } from '../../../kernel-api/err';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { dma_wmb } from '../../../kernel-api/io/barriers';
import type { IoMem } from '../../../kernel-api/io/io-mem';
import type { Kernel } from '../../../kernel-api/kernel';
import { kzalloc } from '../../../kernel-api/mm/kmalloc';
import { usleep_range } from '../../../kernel-api/sched/delay';
import type { MachineOptions } from '../../../lab/machine-options';
import type { MatrixCase } from '../../../lab/matrix/axes';
import { runScenario } from '../../../lab/run-scenario';
import type { SanitizerReport } from '../../../lab/sanitizer/report';
import { scenario } from '../../../lab/scenario';
import { hostTurn, ramPool, SMALL_MEMORY } from '../../support/on-machine';

/** Offsets of the engine's registers. */
export const Q = { CONTROL: 0x100, SIZE: 0x10c, BASE: 0x110, HEADS: 0x118, DONE: 0x120, DOORBELL: 0x130 };
const ENTRIES = 8;
/** Bytes of a buffer. */
export const LENGTH = 256;

/** A driver that does everything by hand, and so can do it wrong. */
export class Hand {
  readonly kernel: Kernel;
  readonly dev: StructDevice;
  readonly regs: IoMem;
  readonly cpu: VirtAddr;
  readonly ring: DmaAddr;

  constructor(dev: StructDevice, regs: IoMem) {
    this.kernel = dev.kernel;
    this.dev = dev;
    this.regs = regs;
    const handle = out(0n as DmaAddr);
    this.cpu = dma_alloc_coherent(dev, 4096, handle, GFP_KERNEL);
    this.ring = handle.value;
    this.start();
  }

  /** A queue begins, at a ring of its own: `queue` times 512 bytes past the first. The first one has begun. */
  start(queue = 0): void {
    const { regs } = this;
    const at = QUEUE_STRIDE * queue;
    regs.writel(0x10, CONTROL.MASTER);
    regs.writel(at + Q.SIZE, ENTRIES);
    regs.writeq(at + Q.BASE, this.ring + BigInt(0x200 * queue));
    regs.writeq(at + Q.HEADS, this.ring + BigInt(0x400 + 0x40 * queue));
    regs.writeq(at + Q.DONE, this.ring + BigInt(0x800 + 0x100 * queue));
    regs.writel(at + Q.CONTROL, Q_CONTROL.ENABLE);
  }

  map(
    length = LENGTH,
    direction: DmaDataDirection = DMA_TO_DEVICE,
    buffer: VirtAddr = kzalloc(this.kernel, length, GFP_KERNEL),
  ): DmaAddr {
    const at = dma_map_single(this.dev, buffer, length, direction);
    expect(dma_mapping_error(this.dev, at)).to.equal(0);
    return at;
  }

  put32(offset: number, value: number): void {
    this.kernel.mm.store32((this.cpu + offset) as VirtAddr, value);
  }

  put64(offset: number, value: bigint): void {
    this.put32(offset, Number(value & 0xffff_ffffn));
    this.put32(offset + 4, Number(value >> 32n));
  }

  /** As one store. */
  putLink(offset: number, value: bigint): void {
    this.kernel.mm.store64((this.cpu + offset) as VirtAddr, Number(value & 0xffff_ffffn), Number(value >> 32n));
  }

  wmb(): void {
    dma_wmb(this.kernel);
  }

  go(value = 0n, queue = 0): void {
    this.regs.writeq(QUEUE_STRIDE * queue + Q.DOORBELL, value);
  }

  /** Until the device is done with everything. */
  async rest(): Promise<void> {
    await usleep_range(this.kernel, 50, 50);
  }
}

/** Runs a hand-written driver of an engine for a format, and tells what is reported. */
export const reportsOf = async (
  of: Format,
  machine: MachineOptions,
  make: (hand: Hand) => Promise<void> | void,
  where: MatrixCase = {},
  queues = 1,
): Promise<readonly SanitizerReport[]> => {
  const device = () => new PrototypeEngine('engine', { format: of, queues });
  const node = { label: 'engine', compatible: ['test,hand'], device };
  const one = scenario({
    name: 'hand',
    machine: { memory: SMALL_MEMORY, ...machine, nodes: [node] },
    run: async ({ kernel }) => {
      let hand: Hand | undefined;
      await platform_driver_register(kernel, {
        driver: { name: 'hand', of_match_table: [{ compatible: 'test,hand' }] },
        probe: (pdev) => {
          const regs = devm_platform_ioremap_resource(pdev, 0);
          if (IS_ERR(regs)) return regs;
          dma_set_mask_and_coherent(pdev.dev, DMA_BIT_MASK(64));
          hand = new Hand(pdev.dev, regs);
          return 0;
        },
      });
      await make(hand!);
      await usleep_range(kernel, 50, 50);
    },
  });
  const { failure, reports } = await runScenario(one, { seed: 1, hostTurn, ramPool, sanitizer: true, case: where });
  if (failure !== null && failure.kind !== 'report') throw new Error(failure.message);
  return reports;
};

/** Lines of a file by the comment that they end with: `// at fault: overlap` is that of `overlap` in `linesOf(file, 'at fault')`. */
export const linesOf = (file: string, mark: string): ((name: string) => number) => {
  const lines = readFileSync(file, 'utf8').split('\n');
  return (name) => lines.findIndex((line) => line.endsWith(`// ${mark}: ${name}`)) + 1;
};

/** The lines of the driver that a report names for what happened, the innermost first. */
export const linesAt = (report: SanitizerReport, what?: string): (string | undefined)[] => {
  const { site, callers } =
    what === undefined ? report.places[report.at]! : report.places.find((at) => at.what === what)!;
  return [site, ...callers].map((line) => line?.split(':').at(-1));
};
