import { expect } from 'chai';
import { LabError } from '../../../base/errors';
import { get_page, page_ref_count, phys_to_page, put_page } from '../../../kernel-api/mm/page-alloc';
import { DMA_BIT_MASK, dma_set_mask_and_coherent } from '../../../kernel-api/dma/mapping';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { alloc_pages } from '../../../kernel-api/mm/page-alloc';
import { local_irq_restore, local_irq_save } from '../../../kernel-api/sched/atomic';
import { KernelOops } from '../../../kernel-api/oops';
import {
  DmaCoherent,
  DmaStream,
  FrameAllocOptions,
  FromAndToDevice,
  FromDevice,
  OstdError,
  ToDevice,
  USegment,
} from '../../../kernel-api/ostd';
import { fromResult } from '../../../kernel-api/rust';
import { at, kindOf, onRig, PAGE_SIZE, pattern, type Rig, type RigOptions } from './rig';

const BOTH = FromAndToDevice;
const MACHINES: Readonly<Record<string, RigOptions>> = {
  directly: {},
  'behind an IOMMU': { iommu: true },
  'behind an IOMMU with lazy invalidation': { iommu: true, bootargs: 'iommu.strict=0' },
  'not snooping': { coherent: false },
  'not snooping, no cache operations': { coherent: false, zicbom: false },
  confidential: { confidential: true },
};

const segmentOf = (rig: Rig, nframes: number): USegment => new FrameAllocOptions(rig.kernel).allocSegment(nframes);

for (const [name, options] of Object.entries(MACHINES)) {
  describe(`kernel-api/ostd: streams and coherent memory, ${name}`, () => {
    it('sync any range within the memory, and no other', () =>
      onRig(options, (rig) => {
        using stream = DmaStream.map(rig.dev, BOTH, segmentOf(rig, 2));
        const size = 2 * PAGE_SIZE;
        for (const sync of ['syncToDevice', 'syncFromDevice'] as const) {
          const result = (start: number, end: number): string => kindOf(() => stream[sync](start, end));
          for (const edge of [0, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, size - 1, size]) {
            expect(result(edge, size)).to.equal('nothing');
            expect(result(0, edge)).to.equal('nothing');
            expect(result(edge, edge)).to.equal('nothing');
            expect(result(edge, size + 1)).to.equal('InvalidArgs');
            expect(result(size + 1, edge)).to.equal('InvalidArgs');
          }
          expect(result(size, 0), 'an end before the start is an empty range').to.equal('nothing');
          for (const bad of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
            expect(result(bad, size)).to.equal('InvalidArgs');
            expect(result(0, bad)).to.equal('InvalidArgs');
          }
        }
      }));

    it('split into parts that live on their own', () =>
      onRig(options, (rig) => {
        const before = rig.inUse();
        const data = pattern(1, 3 * PAGE_SIZE);
        const make = [
          () => DmaStream.alloc(rig.dev, BOTH, 3),
          () => DmaStream.map(rig.dev, BOTH, segmentOf(rig, 3)),
          () => DmaCoherent.alloc(rig.dev, 3),
        ];
        for (const create of make) {
          const whole = create();
          const [daddr, paddr] = [whole.daddr(), whole.paddr()];
          whole.writeBytes(0, Uint8Array.from(data));
          const [low, rest] = whole.split(PAGE_SIZE) as [DmaStream<typeof BOTH>, DmaStream<typeof BOTH>];
          const [middle, high] = rest.split(PAGE_SIZE);
          const parts = [low, middle, high];
          expect(parts.map((part) => part.size())).to.deep.equal([PAGE_SIZE, PAGE_SIZE, PAGE_SIZE]);
          expect(parts.map((part) => part.paddr())).to.deep.equal([0, 1, 2].map((n) => paddr + n * PAGE_SIZE));
          expect(parts.map((part) => part.daddr())).to.deep.equal([0, 1, 2].map((n) => at(daddr, n * PAGE_SIZE)));
          for (const n of [1, 0, 2]) {
            const part = parts[n]!;
            const own = data.slice(n * PAGE_SIZE, (n + 1) * PAGE_SIZE);
            const bytes = new Uint8Array(PAGE_SIZE);
            if (part instanceof DmaStream) part.syncToDevice(0, PAGE_SIZE);
            expect(rig.deviceRead(part.daddr(), PAGE_SIZE)).to.deep.equal(own);
            rig.deviceWrite(part.daddr(), pattern(n + 5, PAGE_SIZE));
            if (part instanceof DmaStream) part.syncFromDevice(0, PAGE_SIZE);
            part.readBytes(0, bytes);
            expect([...bytes]).to.deep.equal(pattern(n + 5, PAGE_SIZE));
            part.drop();
            part.drop();
          }
          whole.drop();
          expect(rig.inUse()).to.deep.equal(before);
        }
      }));

    it('split at page boundaries inside only, and the whole is spent', () =>
      onRig(options, (rig) => {
        const stream = DmaStream.alloc(rig.dev, BOTH, 2);
        const coherent = DmaCoherent.alloc(rig.dev, 2);
        using segment = segmentOf(rig, 2);
        for (const whole of [stream, coherent, segment]) {
          for (const offset of [0, 1, PAGE_SIZE - 1, PAGE_SIZE + 1, 2 * PAGE_SIZE, 3 * PAGE_SIZE, -PAGE_SIZE, NaN]) {
            expect(() => whole.split(offset), String(offset)).to.throw(KernelOops, 'assertion failed');
          }
          const reader = whole.reader();
          const [low, high] = whole.split(PAGE_SIZE) as [Disposable, Disposable];
          // eslint-disable-next-line dmalab/use-after-into -- the mistake that this is about
          for (const use of [() => whole.size(), () => whole.reader(), () => whole.split(PAGE_SIZE)]) {
            expect(use).to.throw(LabError, 'was used after it was split');
          }
          expect(() => reader.remain()).to.throw(LabError, 'was used after it was split');
          low[Symbol.dispose]();
          high[Symbol.dispose]();
        }
        expect(() => stream.syncToDevice(0, 1)).to.throw(LabError, 'was split');
        expect(() => stream.daddr()).to.throw(LabError, 'was split');
        expect(() => coherent.daddr()).to.throw(LabError, 'was split');
      }));

    it('drop: the device is off at once, a second drop is harmless, and a use is an error', () =>
      onRig(options, (rig) => {
        const { warnings } = rig.kernel;
        const stream = DmaStream.alloc(rig.dev, BOTH, 1);
        const coherent = DmaCoherent.alloc(rig.dev, 1);
        for (const memory of [stream, coherent]) {
          const address = memory.daddr();
          const reader = memory.reader();
          expect(rig.deviceRead(address, 4)).to.deep.equal([0, 0, 0, 0]);
          memory.drop();
          const after = rig.inUse();
          memory.drop();
          memory[Symbol.dispose]();
          expect(rig.inUse()).to.deep.equal(after);
          if (options.iommu === true) expect(rig.deviceWrite(address, [1])).to.be.below(0);
          for (const use of [() => memory.daddr(), () => memory.paddr(), () => memory.size(), () => memory.writer()]) {
            expect(use).to.throw(LabError, 'was used after it was dropped');
          }
          expect(() => reader.collect()).to.throw(LabError, 'was used after it was dropped');
        }
        expect(() => stream.syncFromDevice(0, 0)).to.throw(LabError, 'dropped');
        expect(rig.kernel.warnings).to.equal(warnings);
      }));

    it('unbind: the device loses them, the memory stays', () =>
      onRig({ ...options, revocation: 'linux' }, async (rig) => {
        const before = rig.inUse();
        {
          using stream = DmaStream.alloc(rig.dev, BOTH, 2);
          using coherent = DmaCoherent.alloc(rig.dev, 1);
          using others = DmaCoherent.alloc(rig.other, 1);
          const [low, high] = DmaStream.map(rig.dev, BOTH, segmentOf(rig, 2)).split(PAGE_SIZE);
          rig.deviceWrite(stream.daddr(), pattern(1, 100));
          rig.deviceWrite(coherent.daddr(), pattern(2, 100));
          const addresses = [stream, coherent, low, high].map((memory) => memory.daddr());
          expect(rig.dev.dma.ostdWindows.count).to.equal(4);
          expect(await rig.unbind()).to.equal(0);
          expect(rig.dev.dma.ostdWindows.count).to.equal(0);
          if (options.iommu === true) {
            for (const address of addresses) expect(rig.deviceWrite(address, [0xee])).to.be.below(0);
          }
          stream.syncFromDevice(0, 100);
          expect([...stream.reader().limit(100).collect()]).to.deep.equal(pattern(1, 100));
          expect([...coherent.reader().limit(100).collect()]).to.deep.equal(pattern(2, 100));
          stream.writeBytes(0, Uint8Array.of(1, 2, 3));
          stream.syncToDevice(0, 3);
          const [half, otherHalf] = stream.split(PAGE_SIZE);
          for (const gone of [coherent, low, high, half, otherHalf]) {
            expect(kindOf(() => gone.daddr())).to.equal('AccessDenied');
          }
          expect(kindOf(() => DmaStream.alloc(rig.dev, ToDevice, 1))).to.equal('AccessDenied');
          expect(kindOf(() => DmaCoherent.alloc(rig.dev, 1))).to.equal('AccessDenied');
          expect(others.daddr() >= 0n).to.equal(true);
          expect(await rig.bind()).to.equal(0);
          using again = DmaStream.alloc(rig.dev, ToDevice, 1);
          expect(rig.deviceRead(again.daddr(), 1)).to.deep.equal([0]);
          for (const part of [low, high, half, otherHalf]) part.drop();
        }
        expect(rig.inUse()).to.deep.equal(before);
      }));

    it('an allocation that fails leaves nothing behind, whichever it is', () =>
      onRig(options, (rig) => {
        using kept = segmentOf(rig, 3);
        const make: readonly (() => Disposable)[] = [
          () => DmaStream.alloc(rig.dev, BOTH, 3),
          () => DmaStream.map(rig.dev, FromDevice, kept.clone()),
          () => DmaCoherent.alloc(rig.dev, 3),
        ];
        const before = rig.inUse();
        for (const create of make) {
          for (let nth = 1; nth < 5; nth++) {
            rig.kernel.mm.failures.failNth(nth);
            const kind = kindOf(() => create()[Symbol.dispose]());
            rig.kernel.mm.failures.clear();
            expect(kind).to.be.oneOf(['NoMemory', 'nothing']);
            expect(rig.inUse()).to.deep.equal(before);
          }
        }
        Object.defineProperty(rig.kernel.mm.vmalloc, 'map', { configurable: true, value: () => 0 });
        for (const create of make) {
          expect(kindOf(() => create()[Symbol.dispose]())).to.be.oneOf(['NoMemory', 'nothing']);
          expect(rig.inUse()).to.deep.equal(before);
        }
      }));

    it('refuses numbers of frames that make no sense', () =>
      onRig(options, (rig) => {
        const before = rig.inUse();
        for (const bad of [0, -1, 0.5, NaN]) {
          expect(kindOf(() => DmaStream.alloc(rig.dev, BOTH, bad))).to.equal('InvalidArgs');
          expect(kindOf(() => DmaCoherent.alloc(rig.dev, bad))).to.equal('InvalidArgs');
          expect(kindOf(() => segmentOf(rig, bad))).to.equal('InvalidArgs');
        }
        for (const huge of [1025, 2 ** 40, Infinity]) {
          expect(kindOf(() => DmaStream.alloc(rig.dev, BOTH, huge))).to.be.oneOf(['NoMemory', 'InvalidArgs']);
          expect(kindOf(() => DmaCoherent.alloc(rig.dev, huge))).to.be.oneOf(['NoMemory', 'InvalidArgs']);
        }
        expect(rig.inUse()).to.deep.equal(before);
      }));
  });
}

describe('kernel-api/ostd: frames', () => {
  it('that the device has already cannot be mapped for it again', () =>
    onRig({}, (rig) => {
      const before = rig.inUse();
      {
        using segment = segmentOf(rig, 3);
        using first = DmaStream.map(rig.dev, ToDevice, segment.slice(PAGE_SIZE, 2 * PAGE_SIZE));
        const again = (): Disposable => DmaStream.map(rig.dev, FromDevice, segment.clone());
        expect(again).to.throw(KernelOops, 'is mapped for one already');
        DmaStream.map(rig.dev, ToDevice, segment.slice(0, PAGE_SIZE)).drop();
        DmaStream.map(rig.dev, ToDevice, segment.slice(2 * PAGE_SIZE, 3 * PAGE_SIZE)).drop();
        using elsewhere = DmaStream.map(rig.other, FromDevice, segment.clone());
        expect(elsewhere.paddr()).to.equal(segment.paddr());
        first.drop();
        again()[Symbol.dispose]();
      }
      expect(rig.inUse()).to.deep.equal(before);
    }));

  it('stay with a clone after the stream is gone', () =>
    onRig({ iommu: true }, (rig) => {
      using segment = segmentOf(rig, 1);
      const stream = DmaStream.map(rig.dev, FromDevice, segment.clone());
      expect(stream.paddr()).to.equal(segment.paddr());
      rig.deviceWrite(stream.daddr(), pattern(1, 64));
      stream.syncFromDevice(0, 64);
      stream.drop();
      expect([...segment.reader().limit(64).collect()]).to.deep.equal(pattern(1, 64));
    }));

  it('are spent by map, also if that fails', () =>
    onRig({}, (rig) => {
      const before = rig.inUse();
      const segment = segmentOf(rig, 1);
      dma_set_mask_and_coherent(rig.dev, DMA_BIT_MASK(32));
      expect(kindOf(() => DmaStream.map(rig.dev, ToDevice, segment))).to.equal('InvalidArgs');
      expect(() => segment.size()).to.throw(LabError, 'was used after it was moved into a DmaStream');
      expect(rig.inUse()).to.deep.equal(before);
    }));

  it('are taken from where the device reaches them', () =>
    onRig({}, (rig) => {
      dma_set_mask_and_coherent(rig.dev, DMA_BIT_MASK(32));
      using stream = DmaStream.alloc(rig.dev, ToDevice, 2);
      using coherent = DmaCoherent.alloc(rig.dev, 2);
      expect(Math.max(stream.paddr(), coherent.paddr())).to.be.below(2 ** 32);
    }));

  it('of pages that C-style code allocated', () =>
    onRig({}, (rig) => {
      const before = rig.inUse();
      const page = alloc_pages(rig.kernel, GFP_KERNEL, 0)!;
      get_page(page);
      const segment = USegment.fromPages(page, 1);
      expect(phys_to_page(rig.kernel, segment.paddr())).to.equal(page);
      segment.drop();
      expect(page_ref_count(page)).to.equal(1);
      put_page(page);
      for (const bad of [0, -1, 0.5]) expect(kindOf(() => USegment.fromPages(page, bad))).to.equal('InvalidArgs');
      expect(
        kindOf(() => USegment.fromPages(page, 1)),
        'a free page',
      ).to.equal('InvalidArgs');
      expect(rig.inUse()).to.deep.equal(before);
    }));

  it('sliced and cloned are freed with the last segment', () =>
    onRig({}, (rig) => {
      const before = rig.inUse();
      const segment = segmentOf(rig, 4);
      segment.writeBytes(2 * PAGE_SIZE, Uint8Array.of(7));
      const slice = segment.slice(2 * PAGE_SIZE, 3 * PAGE_SIZE);
      const clone = slice.clone();
      const [low, high] = segment.split(3 * PAGE_SIZE);
      for (const part of [low, high, slice]) part.drop();
      expect(clone.reader().collect()[0]).to.equal(7);
      for (const [start, end] of [
        [1, PAGE_SIZE],
        [0, 1],
        [PAGE_SIZE, 0],
        [0, 2 * PAGE_SIZE],
      ]) {
        expect(() => clone.slice(start!, end!)).to.throw(KernelOops, 'no whole frames');
      }
      clone.drop();
      expect(rig.inUse()).to.deep.equal(before);
    }));
});

describe('kernel-api/ostd: devices that cannot', () => {
  it('a restricted pool is all that the device reaches', () => {
    const pool = { label: 'pool', size: 4 << 20, compatible: 'restricted-dma-pool' };
    return onRig({ reservedMemory: [pool], bus: { memoryRegions: ['pool'] }, warm: false }, (rig) => {
      expect(kindOf(() => DmaStream.alloc(rig.dev, ToDevice, 1))).to.equal('AccessDenied');
      expect(kindOf(() => DmaCoherent.alloc(rig.dev, 1))).to.equal('AccessDenied');
    });
  });

  it('swiotlb=force bounces nothing of this', () =>
    onRig({ bootargs: 'swiotlb=force' }, (rig) => {
      using stream = DmaStream.alloc(rig.dev, BOTH, 1);
      expect(stream.daddr()).to.equal(BigInt(stream.paddr()));
    }));

  it('a platform that shares no memory: an error, and what cannot be made private is not used again', () =>
    onRig({ confidential: true }, (rig) => {
      const { confidential, mm } = rig.kernel;
      const convert = confidential.convert.bind(confidential);
      const before = mm.statistics().allocatedPages;
      confidential.convert = (pfn, count, share) => (share ? -5 : convert(pfn, count, share));
      expect(kindOf(() => DmaCoherent.alloc(rig.dev, 2))).to.equal('IoError');
      expect(mm.statistics().allocatedPages).to.equal(before + 2);
      confidential.convert = (pfn, count, share) => (share ? convert(pfn, count, share) : -5);
      DmaStream.alloc(rig.dev, ToDevice, 3).drop();
      expect(mm.statistics().allocatedPages).to.equal(before + 5);
    }));

  it('no I/O addresses', () =>
    onRig({ iommu: true }, (rig) => {
      const before = rig.inUse();
      const iovad = rig.dev.dma.iommu!.iovad;
      Object.defineProperty(iovad, 'allocFast', { configurable: true, value: () => 0 });
      expect(kindOf(() => DmaStream.alloc(rig.dev, ToDevice, 1))).to.equal('NotEnoughResources');
      delete (iovad as { allocFast?: unknown }).allocFast;
      expect(rig.inUse()).to.deep.equal(before);
    }));
});

describe('kernel-api/ostd: in atomic context', () => {
  for (const [name, options] of Object.entries(MACHINES)) {
    it(`syncing and dropping are allowed, making is reported: ${name}`, () =>
      onRig(options, (rig) => {
        const stream = DmaStream.map(rig.dev, BOTH, segmentOf(rig, 2));
        const coherent = DmaCoherent.alloc(rig.dev, 1);
        using segment = segmentOf(rig, 1);
        const { warnings } = rig.kernel;
        const flags = local_irq_save(rig.kernel);
        stream.syncToDevice(0, 100);
        stream.syncFromDevice(0, 100);
        for (const part of stream.split(PAGE_SIZE)) part.drop();
        coherent.drop();
        expect(rig.kernel.warnings).to.equal(warnings);
        DmaStream.map(rig.dev, BOTH, segment.clone()).drop();
        local_irq_restore(rig.kernel, flags);
        expect(rig.kernel.warnings).to.be.greaterThan(warnings);
      }));
  }
});

describe('kernel-api/ostd: directions that code without types brings', () => {
  it('are refused', () =>
    onRig({}, (rig) => {
      const before = rig.inUse();
      const fake = { ...ToDevice } as typeof ToDevice;
      for (const bad of [fake, 1, null, 'ToDevice']) {
        const direction = bad as typeof ToDevice;
        expect(kindOf(() => DmaStream.alloc(rig.dev, direction, 1))).to.equal('InvalidArgs');
        expect(kindOf(() => DmaStream.allocUninit(rig.dev, direction, 1))).to.equal('InvalidArgs');
      }
      expect(kindOf(() => DmaStream.alloc(rig.dev, FromDevice as never, 1))).to.equal('AccessDenied');
      {
        using to = DmaStream.alloc(rig.dev, ToDevice, 1);
        using from = DmaStream.allocUninit(rig.dev, FromDevice, 1);
        const readable = to as unknown as typeof from;
        const writable = from as unknown as typeof to;
        expect(kindOf(() => readable.syncFromDevice(0, 1))).to.equal('AccessDenied');
        expect(kindOf(() => writable.syncToDevice(0, 1))).to.equal('AccessDenied');
        expect(kindOf(() => readable.reader())).to.equal('AccessDenied');
        expect(kindOf(() => writable.writer())).to.equal('AccessDenied');
        expect(kindOf(() => readable.readBytes(0, new Uint8Array(1)))).to.equal('AccessDenied');
        expect(kindOf(() => writable.fillZeros(0, 1))).to.equal('AccessDenied');
      }
      expect(rig.inUse()).to.deep.equal(before);
    }));

  it('errors carry the number that the kernel gives them', () => {
    const errnoOf = (kind: OstdError['kind']): number =>
      fromResult((): number => {
        throw new OstdError(kind, 'a test');
      });
    const kinds = ['InvalidArgs', 'NoMemory', 'PageFault', 'AccessDenied', 'IoError', 'NotEnoughResources', 'Overflow'];
    expect(kinds.map((kind) => errnoOf(kind as OstdError['kind']))).to.deep.equal([-22, -12, -14, -14, -5, -16, -75]);
    const error = new OstdError('NoMemory', 'none left');
    expect([error.name, error.message]).to.deep.equal(['OstdError', 'NoMemory: none left']);
  });
});
