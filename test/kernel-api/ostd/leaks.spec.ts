import { expect } from 'chai';
import fc from 'fast-check';
import {
  DmaCoherent,
  DmaStream,
  FrameAllocOptions,
  FromAndToDevice,
  FromDevice,
  OstdError,
  ToDevice,
  type DmaDirection,
  type ToDeviceDirection,
  type USegment,
} from '../../../kernel-api/ostd';
import { at, onRig, PAGE_SIZE, type Rig, type RigOptions } from './rig';

/**
 * Any order of creating, splitting, syncing, using and dropping, with allocations that fail: the data is what a plain model
 * says, no two live objects share a frame or an address, and afterwards everything is as it was before.
 */

const DIRECTIONS = [ToDevice, FromDevice, FromAndToDevice] as const;

const stepOf = fc.record({
  action: fc.constantFrom('alloc', 'uninit', 'map', 'coherent', 'split', 'use', 'use', 'drop', 'clone', 'rebind'),
  direction: fc.constantFrom(...DIRECTIONS),
  pages: fc.integer({ min: 1, max: 5 }),
  which: fc.nat(1000),
  offset: fc.nat(30_000),
  length: fc.nat(3000),
  /** Which allocation from here on fails; 0 for none. */
  fail: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 6 })),
  snoops: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, fc.constant(false)),
});
type Step = typeof stepOf extends fc.Arbitrary<infer T> ? T : never;

/** A live object. Its data is not modelled: each use writes what it reads. */
type Memory = DmaStream<DmaDirection> | DmaCoherent;

const create = ({ dev, kernel }: Rig, step: Step): Memory => {
  const { action, direction, pages, snoops } = step;
  if (action === 'coherent') return DmaCoherent.alloc(dev, pages, snoops);
  if (action === 'map') {
    return DmaStream.map<DmaDirection>(dev, direction, new FrameAllocOptions(kernel).allocSegment(pages), snoops);
  }
  return action === 'uninit' || !direction.canWriteToDevice
    ? DmaStream.allocUninit<DmaDirection>(dev, direction, pages, snoops)
    : DmaStream.alloc<ToDeviceDirection>(dev, direction, pages, snoops);
};

/** One way there, one way back, where the direction has them, over some bytes. */
const use = (rig: Rig, memory: Memory, { offset, length, which }: Step): void => {
  const start = offset % memory.size();
  const count = Math.min(length, memory.size() - start);
  const data = Array.from({ length: count }, (_, i) => (which + i * 7) & 0xff);
  const stream = memory instanceof DmaStream ? memory : null;
  if (stream === null || stream.direction.canWriteToDevice) {
    (memory as DmaCoherent).writeBytes(start, Uint8Array.from(data));
    (stream as DmaStream<ToDevice> | null)?.syncToDevice(start, start + count);
    expect(rig.deviceRead(at(memory.daddr(), start), count)).to.deep.equal(data);
  }
  if (stream === null || stream.direction.canReadFromDevice) {
    data.reverse();
    expect(rig.deviceWrite(at(memory.daddr(), start), data)).to.equal(0);
    (stream as DmaStream<FromDevice> | null)?.syncFromDevice(start, start + count);
    const bytes = new Uint8Array(count);
    (memory as DmaCoherent).readBytes(start, bytes);
    expect([...bytes]).to.deep.equal(data);
  }
};

const overlaps = (places: readonly { first: bigint; last: bigint }[]): boolean => {
  const sorted = places.toSorted((a, b) => (a.first < b.first ? -1 : 1));
  return sorted.some(({ first }, i) => i > 0 && first <= sorted[i - 1]!.last);
};

const checkApart = (live: readonly Memory[]): void => {
  const places = (start: (memory: Memory) => bigint) =>
    live.map((memory) => ({ first: start(memory), last: start(memory) + BigInt(memory.size() - 1) }));
  expect(overlaps(places((memory) => memory.daddr()))).to.equal(false);
  expect(overlaps(places((memory) => BigInt(memory.paddr())))).to.equal(false);
};

const act = async (rig: Rig, live: Memory[], kept: USegment[], step: Step): Promise<void> => {
  const index = live.length === 0 ? -1 : step.which % live.length;
  if (step.action === 'clone') {
    const segment = new FrameAllocOptions(rig.kernel).allocSegment(step.pages);
    kept.push(segment.clone());
    live.push(DmaStream.map<DmaDirection>(rig.dev, step.direction, segment));
  } else if (step.action === 'rebind') {
    expect([await rig.unbind(), await rig.bind()]).to.deep.equal([0, 0]);
    for (const memory of live.splice(0)) memory.drop();
  } else if (!['split', 'use', 'drop'].includes(step.action)) live.push(create(rig, step));
  else if (index < 0) return;
  else if (step.action === 'use') use(rig, live[index]!, step);
  else if (step.action === 'drop') live.splice(index, 1)[0]!.drop();
  else if (live[index]!.size() > PAGE_SIZE) {
    const [memory] = live.splice(index, 1);
    const cuts = memory!.size() / PAGE_SIZE - 1;
    live.push(...memory!.split(PAGE_SIZE * (1 + (step.offset % cuts))));
  }
};

const MACHINES: Readonly<Record<string, RigOptions>> = {
  snooping: {},
  'behind an IOMMU': { iommu: true },
  'behind an IOMMU with lazy invalidation': { iommu: true, bootargs: 'iommu.strict=0' },
  'not snooping': { coherent: false },
  'not snooping, behind an IOMMU': { coherent: false, iommu: true },
  confidential: { confidential: true },
  'confidential, not snooping': { confidential: true, coherent: false },
};

describe('kernel-api/ostd: nothing is left behind by any order of calls', () => {
  for (const [name, options] of Object.entries(MACHINES)) {
    it(name, async () => {
      let created = 0;
      const property = async (rig: Rig): Promise<void> => {
        const { warnings } = rig.kernel;
        const run = fc.asyncProperty(fc.array(stepOf, { minLength: 1, maxLength: 25 }), async (steps) => {
          const before = rig.inUse();
          const live: Memory[] = [];
          const kept: USegment[] = [];
          for (const step of steps) {
            if (step.fail > 0 && step.action !== 'rebind') rig.kernel.mm.failures.failNth(step.fail);
            try {
              await act(rig, live, kept, step);
            } catch (error) {
              if (!(error instanceof OstdError && error.kind === 'NoMemory' && step.fail > 0)) throw error;
            }
            rig.kernel.mm.failures.clear();
            checkApart(live);
            created = Math.max(created, live.length);
          }
          for (const memory of [...live, ...kept]) memory.drop();
          expect(rig.inUse()).to.deep.equal(before);
          expect(rig.dev.dma.ostdWindows.count).to.equal(0);
        });
        await fc.assert(run, { numRuns: 40, seed: 11 });
        expect(rig.kernel.warnings).to.equal(warnings);
      };
      await onRig(options, property);
      expect(created).to.be.greaterThan(3);
    });
  }
});
