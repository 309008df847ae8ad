import { expect } from 'chai';
import { format, linked, type Format } from '../../../base/descriptor';
import { EBUSY, EINVAL } from '../../../base/errno';
import { PrototypeEngine } from '../../../devices/prototype';
import { platform_driver_register, platform_get_drvdata, to_platform_device } from '../../../kernel-api/base/platform';
import { prototypeDriver, type PrototypePort } from '../../../kernel-api/drivers/prototype/prototype';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import type { Kernel } from '../../../kernel-api/kernel';
import { kzalloc } from '../../../kernel-api/mm/kmalloc';
import { sg_next, sg_set_buf } from '../../../kernel-api/scatterlist/scatterlist';
import { SgTable, sg_alloc_table } from '../../../kernel-api/scatterlist/sg-table';
import { usleep_range } from '../../../kernel-api/sched/delay';
import { DescriptorWatches } from '../../../lab/descriptor-watches';
import type { MachineOptions } from '../../../lab/machine-options';
import { Sanitizer } from '../../../lab/sanitizer/sanitizer';
import { PREPARED, QUEUE_FORMATS } from '../../base/descriptor/queue-formats';
import { familyFormat, KINDS } from '../../devices/prototype/family';
import { THOROUGH } from '../../seeds/lib/thorough';
import { onMachine } from '../../support/on-machine';

/** Lists that run around, with owner bits, whose devices are only told that there is something. */
const circleOf = (pieces: Format['pieces']): Format => {
  const { entry, ...spec } = familyFormat({ follow: 'last', ownership: 'bit', pieces: 'own', completion: 'in-place' })!;
  const name = `circle-${pieces.kind}`;
  const doorbell = { register: 'BELL', value: 'notify' } as const;
  return format({ ...spec, entry, name, pieces, follow: linked('last', { cyclic: true }), doorbell });
};
const CIRCLES = [circleOf({ kind: 'own' }), circleOf({ kind: 'chain', next: 'consecutive', limit: 8 })];

const MACHINES: readonly MachineOptions[] = [
  { coherent: false, cache: { adversarial: true } },
  { iommu: false, coherent: true, cache: { adversarial: true }, eventOrder: 'seeded' },
];
const ROUNDS = 5;

const tableOf = (kernel: Kernel, lengths: readonly number[]): SgTable => {
  const table = new SgTable(kernel);
  expect(sg_alloc_table(table, lengths.length, GFP_KERNEL)).to.equal(0);
  let sg = table.sgl;
  for (const length of lengths) {
    sg_set_buf(sg!, kzalloc(kernel, length, GFP_KERNEL), length);
    sg = sg_next(sg!);
  }
  return table;
};

/** Both ways, as far as the format can: requests that fill the queue many times, with several at one doorbell. */
const drive = async (of: Format, options: MachineOptions): Promise<{ requests: number; seen: number }> => {
  const sanitizer = new Sanitizer({ site: () => () => [] });
  const node = {
    label: 'engine',
    compatible: ['dmalab,prototype'],
    device: () => new PrototypeEngine('engine', { format: of, queues: 2 }),
  };
  const done = { requests: 0, seen: 0 };
  await onMachine(
    { ...options, nodes: [node] },
    async (kernel, machine) => {
      const prepare = PREPARED[of.name];
      const common = { entries: 8, ...(prepare && { prepare }) };
      const queues = [common, { ...common, moves: 'to-memory' }] as const;
      await platform_driver_register(kernel, prototypeDriver({ format: of, queues }));
      const dev = kernel.drivers.devices.find(({ driver }) => driver?.name === `prototype-${of.name}`)!;
      const port = platform_get_drvdata<PrototypePort>(to_platform_device(dev));
      const isCopy = of.entry.placedFields.some(
        ({ meaning }) => meaning?.kind === 'address' && meaning.of === 'source',
      );
      const watches = new DescriptorWatches(machine.hardware);
      for (let round = 0; round < ROUNDS; round++) {
        for (const [index, queue] of port.queues.entries()) {
          for (let i = 0; i < 6; i++) {
            const list = tableOf(kernel, i % 2 === 0 ? [512] : [512, 1024]);
            const isIn = of.moves === 'to-memory' || (of.moves === 'by-queue' && index === 1);
            const lists = isCopy
              ? { out: list, in: tableOf(kernel, [512, 1024].slice(0, 1 + (i % 2))) }
              : isIn
                ? { in: list }
                : { out: list };
            const error = queue.submit(
              lists,
              ({ error: failed }) => (done.requests += failed === 0 ? 1 : 0),
              i % 3 !== 2,
            );
            expect(error).to.be.oneOf([0, -EBUSY, -EINVAL]);
            for (const { walk } of watches.look()) {
              // In the middle of a frame, and in entries that are just being filled in, a dump may see what looks odd.
              const odd = walk.findings.filter(({ kind }) => kind !== 'frame' && kind !== 'overrun');
              expect(odd, 'in a dump').to.deep.equal([]);
              done.seen += walk.requests.length;
            }
          }
          queue.kick();
        }
        await usleep_range(kernel, 40, 40);
      }
    },
    3,
    sanitizer,
  );
  expect(sanitizer.reports.map(({ id, message, picture }) => [`${id}: ${message}`, ...picture])).to.deep.equal([]);
  return done;
};

/** `npm test` takes every fourth format, `npm run sweep:seeds` all. */
const STEP = THOROUGH ? 1 : 4;

describe('nothing is reported about a driver that is right', () => {
  const formats = [...QUEUE_FORMATS, ...KINDS.map((kind) => familyFormat(kind)!), ...CIRCLES];
  formats.forEach((of, i) => {
    if (i % STEP !== 0 && !CIRCLES.includes(of)) return;
    it(of.name, async () => {
      const { requests, seen } = await drive(of, MACHINES[(i / STEP) % MACHINES.length]!);
      expect(requests, 'requests').to.be.above(2);
      expect(seen, 'requests in dumps').to.be.above(0);
    });
  });
});
