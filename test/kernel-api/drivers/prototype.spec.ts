import { expect } from 'chai';
import type { VirtAddr } from '../../../base/address';
import type { AnyCursor, Format } from '../../../base/descriptor';
import { EBUSY, EINVAL, EIO, ENODEV } from '../../../base/errno';
import * as formats from '../../../devices/formats';
import { PrototypeEngine, prototypePatternByte, type PrototypeOptions } from '../../../devices/prototype';
import { platform_driver_register, platform_get_drvdata, to_platform_device } from '../../../kernel-api/base/platform';
import { prototypeDriver, type PrototypePort } from '../../../kernel-api/drivers/prototype/prototype';
import type { PrototypeQueueOptions } from '../../../kernel-api/drivers/prototype/queue';
import type { TransferLists, TransferResult } from '../../../kernel-api/drivers/prototype/transfer';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import type { BootedKernel } from '../../../kernel-api/boot/boot';
import type { Kernel } from '../../../kernel-api/kernel';
import { kfree, kmalloc } from '../../../kernel-api/mm/kmalloc';
import { sg_next, sg_set_buf } from '../../../kernel-api/scatterlist/scatterlist';
import { SgTable, sg_alloc_table, sg_free_table } from '../../../kernel-api/scatterlist/sg-table';
import { usleep_range } from '../../../kernel-api/sched/delay';
import type { Machine } from '../../../lab/machine';
import type { MachineOptions } from '../../../lab/machine-options';
import { patternBytes } from '../../../lab/pattern';
import { Sanitizer } from '../../../lab/sanitizer/sanitizer';
import { transferRing } from '../../base/descriptor/formats';
import { PREPARED } from '../../base/descriptor/queue-formats';
import { THOROUGH } from '../../seeds/lib/thorough';
import { onMachine } from '../../support/on-machine';

/** The formats that ship, one with jumps, and what the driver has to fill in besides. */
const SHIPPED: readonly (readonly [Format, ((entry: AnyCursor) => void)?])[] = [
  [formats.virtioSplit],
  [formats.virtioPacked],
  [formats.nvmeIo],
  [formats.nvmeIo, (entry) => (entry['PSDT'] = 1)],
  [formats.xilinxAxiDmaMm2s],
  [formats.xilinxAxiDmaS2mm],
  [transferRing, PREPARED['transfer-ring']!],
  [
    formats.dwAxiDmacList,
    (item) => {
      item['SRC_TR_WIDTH'] = 2;
      item['DST_TR_WIDTH'] = 2;
    },
  ],
];

const MACHINES: Readonly<Record<string, MachineOptions>> = {
  'behind an IOMMU': {},
  'without one': { iommu: false },
  'not coherent': { coherent: false },
  'in adverse circumstances': { coherent: false, cache: { adversarial: true } },
  bounced: { iommu: false, bootargs: 'swiotlb=force' },
};

const PAGE = 4096;
const ROUNDS = THOROUGH ? 6 : 4;

/** Memory in pieces, with its list. */
class Pieces {
  readonly sgt: SgTable;
  readonly parts: { at: VirtAddr; length: number }[] = [];
  private readonly kernel: Kernel;

  constructor(kernel: Kernel, lengths: readonly number[], fill: number | undefined) {
    this.kernel = kernel;
    this.sgt = new SgTable(kernel);
    expect(sg_alloc_table(this.sgt, lengths.length, GFP_KERNEL)).to.equal(0);
    let sg = this.sgt.sgl;
    let position = 0;
    for (const length of lengths) {
      const at = kmalloc(kernel, Math.max(length, PAGE), GFP_KERNEL);
      if (fill === undefined) kernel.mm.fill(at, 0xee, Math.max(length, PAGE));
      else kernel.mm.write(at, patternBytes(fill, position, length));
      position += length;
      sg_set_buf(sg!, at, length);
      this.parts.push({ at, length });
      sg = sg_next(sg!);
    }
  }

  bytes(): number[] {
    return this.parts.flatMap(({ at, length }) => [...this.kernel.mm.read(at, length)]);
  }

  /** Bytes behind the pieces that are still what they were. */
  get guards(): boolean {
    return this.parts.every(({ at, length }) =>
      this.kernel.mm.read((at + length) as VirtAddr, Math.max(length, PAGE) - length).every((byte) => byte === 0xee),
    );
  }

  free(): void {
    sg_free_table(this.sgt);
    for (const { at } of this.parts) kfree(this.kernel, at);
  }
}

interface Bench {
  readonly kernel: Kernel;
  readonly machine: Machine;
  readonly engine: PrototypeEngine;
  readonly port: PrototypePort;
}

const onEngine = (
  format: Format,
  queue: PrototypeQueueOptions,
  options: MachineOptions,
  body: (bench: Bench) => Promise<void>,
  engineOptions: Partial<PrototypeOptions> = {},
): Promise<void> => {
  const device = () => new PrototypeEngine('engine', { format, keepBytes: 1 << 22, ...engineOptions });
  const node = { label: 'engine', compatible: ['dmalab,prototype'], device };
  const sanitizer = new Sanitizer({ site: () => () => [] });
  const run = async (kernel: BootedKernel, machine: Machine): Promise<void> => {
    await platform_driver_register(kernel, prototypeDriver({ format, queues: [queue] }));
    const dev = kernel.drivers.devices.find(({ driver }) => driver?.name === `prototype-${format.name}`)!;
    const port = platform_get_drvdata<PrototypePort>(to_platform_device(dev));
    await body({ kernel, machine, engine: machine.hardware.device('engine', PrototypeEngine), port });
    expect(kernel.warnings, 'warnings').to.equal(0);
    // What only the engine knows of, its own limit of length, it finds itself.
    const reports = sanitizer.reports.filter(({ id }) => id !== 'DMA-CHAIN' || engineOptions.maxLength === undefined);
    expect(reports.map(({ id, message }) => `${id}: ${message}`)).to.deep.equal([]);
  };
  return onMachine({ ...options, nodes: [node] }, run, 1, sanitizer);
};

/** Lists for a request of a format, by the pieces of its data. */
const listsFor = (kernel: Kernel, { name, moves }: Format, lengths: readonly number[], seed: number) => {
  const writes = moves === 'to-memory';
  const from = writes ? undefined : new Pieces(kernel, lengths, seed);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const to = writes
    ? new Pieces(kernel, lengths, undefined)
    : name === 'dw-axi-dmac'
      ? new Pieces(kernel, [total], undefined)
      : undefined;
  const lists: TransferLists = { ...(from && { out: from.sgt }), ...(to && { in: to.sgt }) };
  return { lists, from, to, total };
};

const until = async (kernel: Kernel, condition: () => boolean): Promise<void> => {
  for (let i = 0; i < 10_000 && !condition(); i++) await usleep_range(kernel, 1, 2);
  expect(condition(), 'it took too long').to.equal(true);
};

/** `npm test` takes every other machine, others for each format; `npm run sweep:seeds` all. */
const machinesFor = (format: number): readonly (readonly [string, MachineOptions])[] =>
  Object.entries(MACHINES).filter((_, i) => THOROUGH || (format + i) % 2 === 0);

describe('prototype driver', () => {
  for (const [index, [format, prepare]] of SHIPPED.entries()) {
    for (const [what, options] of machinesFor(index)) {
      const shape = format === formats.nvmeIo && prepare !== undefined ? ' with segments' : '';
      it(`${format.name}${shape}, ${what}: every byte of many requests, a full queue and many laps`, () => {
        const queue: PrototypeQueueOptions = { entries: 8, pieces: 8, ...(prepare && { prepare }) };
        return onEngine(format, queue, options, async ({ kernel, engine, port }) => {
          const [first] = port.queues;
          const sent: number[] = [];
          let position = 0;
          for (let round = 0; round < ROUNDS; round++) {
            const batch = [];
            for (let i = 0; i < 20; i++) {
              const lengths = i % 3 === 0 ? [512] : i % 3 === 1 ? [PAGE, 1024] : [PAGE, PAGE, 512];
              const made = listsFor(kernel, format, lengths, round * 16 + i);
              const results: TransferResult[] = [];
              const error = first!.submit(made.lists, (result) => results.push(result), i % 2 === 0);
              if (error !== 0) {
                expect(error).to.equal(-EBUSY);
                made.from?.free();
                made.to?.free();
                break;
              }
              batch.push({ ...made, results });
            }
            expect(batch.length).to.be.greaterThan(1);
            first!.kick();
            await until(kernel, () => first!.outstanding === 0);
            for (const { results, from, to, total } of batch) {
              expect(results.map(({ error, status }) => ({ error, status }))).to.deep.equal([{ error: 0, status: 0 }]);
              if (from !== undefined && to !== undefined) expect(to.bytes()).to.deep.equal(from.bytes());
              else if (from !== undefined) sent.push(...from.bytes());
              else {
                const start = position;
                expect(to!.bytes()).to.deep.equal(
                  Array.from({ length: total }, (_, i) => prototypePatternByte(0, start + i)),
                );
                position += total;
              }
              expect(to?.guards ?? true, 'bytes behind the buffer').to.equal(true);
              from?.free();
              to?.free();
            }
          }
          if (sent.length > 0 && format.name !== 'dw-axi-dmac') {
            const received = engine.stream(0).received();
            expect(received.length).to.equal(sent.length);
            expect(received.findIndex((byte, i) => byte !== sent[i])).to.equal(-1);
          }
        });
      });
    }

    it(`${format.name}: unbound with requests under way, which fail, and nothing is left`, () => {
      const queue: PrototypeQueueOptions = { entries: 16, ...(prepare && { prepare }) };
      return onEngine(format, queue, {}, async ({ kernel, port }) => {
        const [first] = port.queues;
        const results: number[] = [];
        const made = Array.from({ length: 4 }, (_, i) => listsFor(kernel, format, [PAGE, PAGE], i));
        for (const { lists } of made) expect(first!.submit(lists, ({ error }) => results.push(error))).to.equal(0);
        const { name } = first!.dev;
        expect(await kernel.drivers.unbind(`prototype-${format.name}`, name)).to.equal(0);
        expect(results.length).to.equal(4);
        expect(results.filter((error) => error === 0).length).to.be.lessThan(4);
        expect(new Set(results.filter((error) => error !== 0))).to.deep.equal(new Set([-ENODEV]));
        expect(first!.submit(made[0]!.lists, () => undefined)).to.equal(-ENODEV);
        await usleep_range(kernel, 1000, 1000);
        expect(kernel.iommu.faults).to.deep.equal([]);
        const before = kernel.mm.statistics();
        expect(await kernel.drivers.bind(`prototype-${format.name}`, name)).to.equal(0);
        expect(await kernel.drivers.unbind(`prototype-${format.name}`, name)).to.equal(0);
        await usleep_range(kernel, 1000, 1000);
        expect(kernel.mm.statistics()).to.deep.equal(before);
      });
    });
  }

  it('what a format cannot carry is -EINVAL, and leaves nothing mapped', () =>
    onEngine(formats.nvmeIo, {}, {}, async ({ kernel, port }) => {
      const { lists } = listsFor(kernel, formats.nvmeIo, [100], 1);
      expect(port.queues[0]!.submit(lists, () => expect.fail())).to.equal(-EINVAL);
      expect(port.queues[0]!.outstanding).to.equal(0);
    }));

  it('a queue that halts fails what is under way and goes on afresh', () =>
    onEngine(
      formats.virtioSplit,
      {},
      {},
      async ({ kernel, port }) => {
        const [first] = port.queues;
        const results: number[] = [];
        const long = listsFor(kernel, formats.virtioSplit, [1024], 1);
        const short = listsFor(kernel, formats.virtioSplit, [256], 2);
        expect(first!.submit(long.lists, ({ error }) => results.push(error))).to.equal(0);
        await until(kernel, () => results.length === 1);
        expect(first!.submit(short.lists, ({ error }) => results.push(error))).to.equal(0);
        await until(kernel, () => results.length === 2);
        expect(results).to.deep.equal([-EIO, 0]);
      },
      { maxLength: 512 },
    ));

  it('an engine that was built for another format is left alone', () =>
    onMachine(
      {
        nodes: [
          {
            label: 'engine',
            compatible: ['dmalab,prototype'],
            device: () => new PrototypeEngine('engine', { format: formats.virtioSplit }),
          },
        ],
      },
      async (kernel) => {
        await platform_driver_register(kernel, prototypeDriver({ format: formats.virtioPacked }));
        expect(kernel.drivers.devices.some(({ driver }) => driver?.name.startsWith('prototype'))).to.equal(false);
      },
    ));
});
