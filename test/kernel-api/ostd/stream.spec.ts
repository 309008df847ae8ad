import { expect } from 'chai';
import { physAddr } from '../../../base/address';
import { mb } from '../../../kernel-api/io/barriers';
import {
  DmaStream,
  FrameAllocOptions,
  FromAndToDevice,
  FromDevice,
  ToDevice,
  type DmaDirection,
  type FromDeviceDirection,
  type StreamShape,
  type ToDeviceDirection,
} from '../../../kernel-api/ostd';
import { at, onRig, PAGE_SIZE, pattern, type Rig, type RigOptions } from './rig';

/** What a machine makes of streams: the shapes of memory that is allocated and mapped, and whether each needs its syncs. */
interface Expected {
  readonly options: RigOptions;
  readonly alloc: readonly [shape: StreamShape, needsSync: boolean];
  readonly map: readonly [shape: StreamShape, needsSync: boolean];
}

const MACHINES: Readonly<Record<string, Expected>> = {
  snooping: { options: {}, alloc: ['segment', false], map: ['segment', false] },
  'not snooping': { options: { coherent: false }, alloc: ['segment', true], map: ['segment', true] },
  'not snooping, no cache operations': {
    options: { coherent: false, zicbom: false },
    alloc: ['kva', false],
    map: ['both', true],
  },
  'confidential, snooping': { options: { confidential: true }, alloc: ['kva', false], map: ['both', true] },
  'confidential, not snooping': {
    options: { confidential: true, coherent: false },
    alloc: ['kva', true],
    map: ['both', true],
  },
  'confidential, not snooping, no cache operations': {
    options: { confidential: true, coherent: false, zicbom: false },
    alloc: ['kva', false],
    map: ['both', true],
  },
};

type Make = <D extends DmaDirection>(rig: Rig, direction: D) => DmaStream<D>;

const PAGES = 3;
const START = 100;
const LENGTH = 9000;

const alloc: Make = ({ dev }, direction) => DmaStream.allocUninit(dev, direction, PAGES);
const map: Make = ({ dev, kernel }, direction) => {
  const segment = new FrameAllocOptions(kernel).allocSegment(PAGES);
  return DmaStream.map(dev, direction, segment);
};

/** A free frame, the next to be allocated, which the cache still holds changes of. */
const dirtyFrame = ({ kernel }: Rig): number => {
  using segment = new FrameAllocOptions(kernel).zeroed(false).allocSegment(1);
  segment.writeBytes(0, Uint8Array.from(pattern(9, PAGE_SIZE)));
  return segment.paddr();
};

const cpuRead = (stream: DmaStream<FromDeviceDirection>, offset = START, length = LENGTH): number[] => {
  const bytes = new Uint8Array(length);
  stream.readBytes(offset, bytes);
  return [...bytes];
};

const toDevice = (rig: Rig, stream: DmaStream<ToDeviceDirection>, needsSync: boolean): void => {
  const seen = (): unknown => {
    mb(rig.kernel);
    return rig.deviceRead(at(stream.daddr(), START), LENGTH);
  };
  for (const salt of [1, 2]) {
    const data = pattern(salt, LENGTH);
    const old = seen();
    stream.writeBytes(START, Uint8Array.from(data));
    expect(seen(), 'before the sync').to.deep.equal(needsSync ? old : data);
    stream.syncToDevice(START, START + 1000);
    expect((seen() as number[]).slice(0, 1000), 'what was synchronised').to.deep.equal(data.slice(0, 1000));
    if (needsSync) expect(seen(), 'a part was synchronised').to.not.deep.equal(data);
    stream.syncToDevice(START, START + LENGTH);
    expect(seen(), 'after the sync').to.deep.equal(data);
  }
};

const fromDevice = (rig: Rig, stream: DmaStream<FromDeviceDirection>, needsSync: boolean): void => {
  for (const salt of [3, 4]) {
    const data = pattern(salt, LENGTH);
    stream.syncFromDevice(0, stream.size());
    const old = cpuRead(stream);
    expect(rig.deviceWrite(at(stream.daddr(), START), data)).to.equal(0);
    expect(cpuRead(stream), 'before the sync').to.deep.equal(needsSync ? old : data);
    stream.syncFromDevice(START, START + 1000);
    expect(cpuRead(stream, START, 1000), 'what was synchronised').to.deep.equal(data.slice(0, 1000));
    if (needsSync) expect(cpuRead(stream), 'a part was synchronised').to.not.deep.equal(data);
    stream.syncFromDevice(START, START + LENGTH);
    expect(cpuRead(stream), 'after the sync').to.deep.equal(data);
  }
};

for (const [name, { options, ...expected }] of Object.entries(MACHINES)) {
  for (const iommu of [false, true]) {
    describe(`kernel-api/ostd: DmaStream, ${name}${iommu ? ', behind an IOMMU' : ''}`, () => {
      for (const [how, make] of Object.entries({ alloc, map })) {
        const [shape, needsSync] = expected[how as 'alloc' | 'map'];

        it(`${how}: a ${shape}, ${needsSync ? 'stale until synchronised' : 'never stale'}, each way`, () =>
          onRig({ ...options, iommu }, (rig) => {
            const before = rig.inUse();
            const { warnings } = rig.kernel;
            {
              using to = make(rig, ToDevice);
              using from = make(rig, FromDevice);
              using both = make(rig, FromAndToDevice);
              expect([to.shape, from.shape, both.shape]).to.deep.equal([shape, shape, shape]);
              toDevice(rig, to, needsSync);
              toDevice(rig, both, needsSync);
              fromDevice(rig, from, needsSync);
              fromDevice(rig, both, needsSync);
            }
            expect(rig.inUse()).to.deep.equal(before);
            expect(rig.kernel.warnings).to.equal(warnings);
          }));
      }

      it('alloc: zeroes, for the CPU and without a sync for the device', () =>
        onRig({ ...options, iommu }, (rig) => {
          // What the frames held before must not show.
          const frame = dirtyFrame(rig);
          rig.kernel.cpu.flushLines(physAddr(frame), PAGE_SIZE);
          using stream = DmaStream.alloc(rig.dev, FromAndToDevice, 1);
          expect(stream.paddr(), 'the same frame').to.equal(frame);
          const zeroes = new Array<number>(stream.size()).fill(0);
          mb(rig.kernel);
          expect(rig.deviceRead(stream.daddr(), stream.size())).to.deep.equal(zeroes);
          stream.syncFromDevice(0, stream.size());
          expect(cpuRead(stream, 0, stream.size())).to.deep.equal(zeroes);
        }));

      it('map: what the device leaves out is still there after a sync of all', () =>
        onRig({ ...options, iommu }, (rig) => {
          const data = pattern(5, 2 * PAGE_SIZE);
          for (const direction of [FromDevice, FromAndToDevice]) {
            const segment = new FrameAllocOptions(rig.kernel).allocSegment(2);
            segment.writeBytes(0, Uint8Array.from(data));
            using stream = DmaStream.map<FromDevice | FromAndToDevice>(rig.dev, direction, segment);
            rig.deviceWrite(at(stream.daddr(), 1000), pattern(6, 200));
            stream.syncFromDevice(0, stream.size());
            const wanted = [...data.slice(0, 1000), ...pattern(6, 200), ...data.slice(1200)];
            expect(cpuRead(stream, 0, stream.size())).to.deep.equal(wanted);
          }
        }));

      it('map: a dirty line is not written back on top of what the device wrote', () =>
        onRig({ ...options, iommu }, (rig) => {
          const mapOne = (): DmaStream<FromDevice> =>
            DmaStream.map(rig.dev, FromDevice, new FrameAllocOptions(rig.kernel).allocSegment(1));
          for (const make of [() => DmaStream.allocUninit(rig.dev, FromDevice, 1), mapOne]) {
            const frame = dirtyFrame(rig);
            // Without cache operations nothing can get a dirty line out of the way of an uncached mapping.
            if (options.zicbom === false) rig.kernel.cpu.flushLines(physAddr(frame), PAGE_SIZE);
            using stream = make();
            rig.deviceWrite(stream.daddr(), pattern(7, 500));
            rig.kernel.cpu.flushLines(physAddr(stream.paddr()), stream.size());
            stream.syncFromDevice(0, 500);
            expect(cpuRead(stream, 0, 500)).to.deep.equal(pattern(7, 500));
          }
        }));

      it('map: a device that only reads finds nothing that was not meant for it', () =>
        onRig({ ...options, iommu }, (rig) => {
          const secret = new FrameAllocOptions(rig.kernel).allocSegment(8);
          secret.writeBytes(0, new Uint8Array(secret.size()).fill(0x5e));
          rig.kernel.cpu.flushLines(physAddr(secret.paddr()), secret.size());
          const segment = secret.slice(0, PAGE_SIZE);
          segment.fillZeros(0, PAGE_SIZE);
          rig.kernel.cpu.flushLines(physAddr(segment.paddr()), PAGE_SIZE);
          const [, rest] = secret.split(PAGE_SIZE);
          rest.drop();
          using stream = DmaStream.map(rig.dev, ToDevice, segment);
          expect((rig.deviceRead(stream.daddr(), PAGE_SIZE) as number[]).includes(0x5e)).to.equal(false);
        }));
    });
  }
}

describe('kernel-api/ostd: DmaStream behind an IOMMU', () => {
  // RISC-V's tables cannot say "writes only": a device may read a FromDevice stream.
  it('a device cannot write what only goes to it', () =>
    onRig({ iommu: true }, (rig) => {
      using to = DmaStream.alloc(rig.dev, ToDevice, 1);
      expect(rig.deviceWrite(to.daddr(), [1])).to.be.below(0);
      expect(rig.deviceRead(to.daddr(), 1)).to.deep.equal([0]);
    }));
});

describe('kernel-api/ostd: DmaStream under adversarial caches', () => {
  for (const [name, { options }] of Object.entries(MACHINES)) {
    if (options.zicbom === false) continue;
    it(`${name}: the data is right wherever the syncs are`, async () => {
      for (let seed = 1; seed <= 4; seed++) {
        const cache = { sets: 8, ways: 2, adversarial: { interval: 3 } };
        const run = (rig: Rig): void => {
          for (const make of [alloc, map]) {
            using stream = make(rig, FromAndToDevice);
            for (let round = 0; round < 4; round++) {
              const there = pattern(seed + round, 700);
              stream.writeBytes(60, Uint8Array.from(there));
              stream.syncToDevice(60, 760);
              mb(rig.kernel);
              expect(rig.deviceRead(at(stream.daddr(), 60), 700)).to.deep.equal(there);
              const back = pattern(seed + round + 50, 700);
              rig.deviceWrite(at(stream.daddr(), 60), back);
              stream.syncFromDevice(60, 760);
              expect(cpuRead(stream, 60, 700)).to.deep.equal(back);
            }
          }
        };
        await onRig({ ...options, cache }, run, seed);
      }
    });
  }
});

describe('kernel-api/ostd: DmaStream told a lie about coherence', () => {
  it('a device that does not snoop, said to snoop: no sync does anything, and the data is stale', () =>
    onRig({ coherent: false }, (rig) => {
      using stream = DmaStream.alloc(rig.dev, FromAndToDevice, 1, true);
      expect(stream.shape).to.equal('segment');
      const old = rig.deviceRead(stream.daddr(), 100);
      stream.writeBytes(0, Uint8Array.from(pattern(1, 100)));
      stream.syncToDevice(0, 100);
      expect(rig.deviceRead(stream.daddr(), 100)).to.deep.equal(old);
    }));

  it('a device that snoops, said not to: nothing is lost', () =>
    onRig({}, (rig) => {
      using stream = DmaStream.alloc(rig.dev, FromAndToDevice, 3, false);
      toDevice(rig, stream, false);
      fromDevice(rig, stream, false);
    }));
});
