import { PAGE_SIZE, dmaPageOf, type DmaAddr, type VirtAddr } from '../base/address';
import { PrototypeEngine } from '../devices/prototype';
import type { DevicePort } from '../emulator/bus/device-port';
import type { DeviceHost } from '../emulator/device';
import { platform_driver_register } from '../kernel-api/base/platform';
import type { StructDevice } from '../kernel-api/base/struct-device';
import { DMA_BIDIRECTIONAL } from '../kernel-api/dma/direction';
import { dma_map_single } from '../kernel-api/dma/mapping';
import { GFP_KERNEL } from '../kernel-api/gfp';
import type { Kernel } from '../kernel-api/kernel';
import { __get_free_pages } from '../kernel-api/mm/page-alloc';
import type { Machine } from '../lab/machine';
import { onMachine } from './host';
import { compare, figure, wallTime, type Figure } from './measure';
import { SUBJECTS, type Subject } from './prototype-formats';

/** Entries of a ring, each with pages of its own. */
const COUNT = 1024;
/** Pages of physically contiguous memory for rings: 2^4 pages. */
const RING_ORDER = 4;
const RING_BYTES = PAGE_SIZE << RING_ORDER;
/** Where queue 0's registers are, by docs/prototype.md. */
const Q = {
  CONTROL: 0x100,
  CONFIG: 0x108,
  SIZE: 0x10c,
  BASE: 0x110,
  HEADS: 0x118,
  DONE: 0x120,
  DONE_SIZE: 0x128,
  DOORBELL: 0x130,
};
const Q_INDEX = 0x138;
const Q_DONE_TAIL = 0x13c;
const Q_REQUESTS = 0x168;
const Q_ERROR = 0x150;
const CONTROL = 0x10;

/** An engine that lets the bench use its port for the baseline. */
class BenchEngine extends PrototypeEngine {
  port!: DevicePort;

  override connect(host: DeviceHost): void {
    this.port = host.dma;
    super.connect(host);
  }
}

/** A queue in memory that the device reaches. */
interface Bed {
  readonly machine: Machine;
  readonly kernel: Kernel;
  readonly engine: BenchEngine;
  readonly subject: Subject;
  /** Kernel and I/O address of the ring, the heads behind it, the completions behind them. */
  readonly ring: readonly [VirtAddr, bigint];
  readonly heads: readonly [VirtAddr, bigint];
  readonly done: readonly [VirtAddr, bigint];
  readonly from: readonly bigint[];
  readonly to: readonly bigint[];
}

const mapped = (kernel: Kernel, dev: StructDevice, order: number): readonly [VirtAddr, bigint] => {
  const at = __get_free_pages(kernel, GFP_KERNEL, order);
  if (at === 0) throw new Error('no memory for the bench');
  return [at, dma_map_single(dev, at, PAGE_SIZE << order, DMA_BIDIRECTIONAL)];
};

const makeBed = (kernel: Kernel, machine: Machine, subject: Subject, engine: BenchEngine): Bed => {
  const dev = kernel.drivers.devices.find(({ driver }) => driver?.name === 'bench')!;
  const pages = (): bigint[] => Array.from({ length: COUNT }, () => mapped(kernel, dev, 0)[1]);
  return {
    machine,
    kernel,
    engine,
    subject,
    ring: mapped(kernel, dev, RING_ORDER),
    heads: mapped(kernel, dev, 2),
    done: mapped(kernel, dev, 4),
    from: pages(),
    to: pages(),
  };
};

/** What a driver does before it rings: entries, heads, registers. */
const prepare = (bed: Bed): void => {
  const { kernel, subject, ring, heads, done, engine, from, to } = bed;
  const { entry } = subject.format;
  kernel.mm.fill(ring[0], 0, RING_BYTES);
  kernel.mm.fill(done[0], 0, PAGE_SIZE << 4);
  const cursor = entry.anyCursor();
  for (let i = 0; i < COUNT; i++) {
    cursor.lanes.fill(0);
    const at = ring[1] + BigInt(i * entry.size);
    subject.fill(cursor, i, COUNT, from[i]!, to[i]!, at);
    entry.save(kernel.mm, ring[0] + i * entry.size, cursor.lanes);
  }
  for (let i = 0; i < COUNT; i++) kernel.mm.store16((heads[0] + 4 + 2 * i) as VirtAddr, i);
  kernel.mm.store32(heads[0], COUNT << 16);
  const [block] = engine.mmio;
  const writeq = (offset: number, value: bigint): void =>
    void block.write(offset, 8, Number(value & 0xffff_ffffn), Number(value >> 32n));
  block.write(CONTROL, 4, 1, 0);
  while (bed.machine.clock.fireNext());
  block.write(CONTROL, 4, 2, 0);
  block.write(Q.CONFIG, 4, 6 | 8 | (subject.toMemory ? 1 : 0), 0);
  block.write(Q.SIZE, 4, subject.format.follow.kind === 'linked' ? 0 : COUNT, 0);
  writeq(Q.BASE, ring[1]);
  writeq(Q.HEADS, heads[1]);
  writeq(Q.DONE, done[1]);
  block.write(Q.DONE_SIZE, 4, 2 * COUNT, 0);
  block.write(Q_INDEX, 4, 0, 0);
  block.write(Q_DONE_TAIL, 4, 0, 0);
  block.write(Q.CONTROL, 4, 1, 0);
};

const doorbellOf = ({ subject, ring }: Bed): bigint => {
  const { value } = subject.format.doorbell;
  if (value === 'tail-index') return BigInt(COUNT);
  if (value === 'tail-address') return ring[1] + BigInt((COUNT - 1) * subject.format.entry.size);
  return value === 'head-address' ? ring[1] : 0n;
};

/** Times that the ring is worked off for one sample. */
const LAPS = 16;

/** Nanoseconds for each descriptor: the ring is filled again between laps, which does not count. */
const sample = (lap: () => number): number => {
  let sum = 0;
  for (let i = 0; i < LAPS; i++) sum += lap();
  return sum / LAPS;
};

/** From the doorbell until nothing moves, in nanoseconds for each descriptor. */
const run = (bed: Bed): number => {
  prepare(bed);
  const [block] = bed.engine.mmio;
  const doorbell = doorbellOf(bed);
  const { clock } = bed.machine;
  const start = wallTime();
  block.write(Q.DOORBELL, 8, Number(doorbell & 0xffff_ffffn), Number(doorbell >> 32n));
  while (clock.fireNext());
  const ns = wallTime() - start;
  const result = { lo: 0, hi: 0 };
  block.read(Q_REQUESTS, 4, result);
  if (result.lo !== COUNT) {
    const requests = result.lo;
    block.read(Q_ERROR, 4, result);
    throw new Error(`${bed.subject.name}: ${requests} of ${COUNT} requests done, error ${result.lo}`);
  }
  return ns / COUNT;
};

/** The same bytes through the same port, without descriptors. */
const runPlain = ({ engine: { port }, subject, from, to }: Bed): number => {
  const source = from.map((address) => dmaPageOf(address as DmaAddr));
  const target = to.map((address) => dmaPageOf(address as DmaAddr));
  const buffer = new Uint8Array(PAGE_SIZE).fill(5);
  const start = wallTime();
  for (let i = 0; i < COUNT; i++) {
    if (subject.copies) port.copy(source[i]!, 0, target[i]!, 0, PAGE_SIZE);
    else if (subject.toMemory) port.write(source[i]!, 0, buffer, 0, PAGE_SIZE);
    else port.read(source[i]!, 0, buffer, 0, PAGE_SIZE);
  }
  return (wallTime() - start) / COUNT;
};

const measure = (subject: Subject): Promise<Figure[]> => {
  const engine = new BenchEngine('engine', { format: subject.format, keepBytes: 0 });
  const node = { label: 'engine', compatible: ['bench,engine'], device: () => engine };
  const options = { iommu: {}, nodes: [node], memory: [{ base: 0x8000_0000, size: 64 << 20 }] };
  return onMachine(options, async (kernel, machine) => {
    await platform_driver_register(kernel, {
      driver: { name: 'bench', of_match_table: [{ compatible: 'bench,engine' }] },
      probe: () => 0,
    });
    const bed = makeBed(kernel, machine, subject, engine);
    const { value, baseline } = await compare(
      () => sample(() => run(bed)),
      () => sample(() => runPlain(bed)),
    );
    const against = 'the same bytes through the same port, without descriptors';
    return [
      figure(`prototype-${subject.name}`, 'desc/s', 1e9 / value, 1e9 / baseline, against),
      figure(`prototype-${subject.name}-bytes`, 'GB/s', PAGE_SIZE / value, PAGE_SIZE / baseline, against),
    ];
  });
};

/** Descriptors of 4 KiB each through the IOMMU, for each format. */
export const prototype = async (): Promise<Figure[]> => {
  const figures: Figure[] = [];
  for (const subject of SUBJECTS) figures.push(...(await measure(subject)));
  return figures;
};
