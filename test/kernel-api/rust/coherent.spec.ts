import { expect } from 'chai';
import { PAGE_SIZE, virtAddr } from '../../../base/address';
import { EINVAL, ENOMEM, ERANGE } from '../../../base/errno';
import { LabError } from '../../../base/errors';
import { array, be32, bytes, le16, le32, le64, padding, struct, u64, u8 } from '../../../base/layout';
import { GFP_ATOMIC, GFP_KERNEL } from '../../../kernel-api/gfp';
import { KernelOops } from '../../../kernel-api/oops';
import {
  attrs,
  Attrs,
  buildIndex,
  Coherent,
  CoherentBox,
  CoherentHandle,
  dmaRead,
  dmaWrite,
  KernelError,
  panicIndex,
  type Place,
} from '../../../kernel-api/rust';
import { makeBoundDevice, type BoundDevice } from '../../support/bound-device';
import { makeDmaDevice, reach } from '../../support/dma-device';

const sqe = struct('nvme_sqe', { opcode: u8, flags: u8, cid: le16, nsid: be32, rsvd: padding(8), prp: array(le64, 2) });
const { DMA_ATTR_NO_WARN } = attrs;

const expectErrno = (body: () => unknown, errno: number): void => {
  expect(body).to.throw(KernelError).with.property('errno', errno);
};

for (const isBehindIommu of [false, true]) {
  describe(`kernel-api/rust: coherent memory ${isBehindIommu ? 'behind an IOMMU' : 'without an IOMMU'}`, () => {
    let bound: BoundDevice;
    let before: unknown;
    const inUse = (): unknown => {
      bound.kernel.mm.slabs.shrink();
      return { ...bound.kernel.mm.statistics(), mapped: bound.domain?.pages.size ?? 0 };
    };
    beforeEach(() => {
      bound = makeBoundDevice(isBehindIommu);
      before = inUse();
    });
    afterEach(() => {
      expect(inUse(), 'what is left').to.deep.equal(before);
      expect(bound.dev.dma.coherentAllocations.size).to.equal(0);
      expect(bound.dev.dma.iommu?.iovad.ranges() ?? []).to.deep.equal([]);
      expect(bound.kernel.warned).to.deep.equal([]);
    });

    it('is the same bytes for CPU and device', () => {
      const { dev, kernel } = bound;
      for (const len of [1, 127, 128, 129, 500]) {
        using ring = Coherent.zeroedSlice(dev, sqe, len, GFP_KERNEL);
        expect(ring.size()).to.equal(len * 32);
        expect(ring.len()).to.equal(len);
        for (const i of [0, len >>> 1, len - 1]) {
          dmaWrite(ring, [i], { opcode: 1, flags: 2, cid: i, nsid: 0x1122_3344, prp: [3n, BigInt(i)] });
          const at = virtAddr(ring.asPtr() + i * 32);
          expect(reach(dev, ring.dmaHandle() + BigInt(i * 32))).to.equal(kernel.mm.translate(at));
          expect([...kernel.mm.read(at, 8)]).to.deep.equal([1, 2, i & 0xff, i >>> 8, 0x11, 0x22, 0x33, 0x44]);
          kernel.mm.store8(virtAddr(at + 4), 0x99);
          expect(dmaRead(ring, [i, 'nsid'])).to.equal(0x9922_3344);
          expect(dmaRead(ring, [i, 'prp', 1])).to.equal(BigInt(i));
        }
      }
    });

    it('is zeroed, whoever had it before', () => {
      const { dev } = bound;
      using box = CoherentBox.zeroed(dev, bytes(3 * PAGE_SIZE), GFP_KERNEL);
      box.set(new Uint8Array(3 * PAGE_SIZE).fill(0xee));
      box.drop();
      for (const make of [
        () => CoherentBox.zeroed(dev, bytes(3 * PAGE_SIZE), GFP_KERNEL),
        () => CoherentBox.zeroedWithAttrs(dev, bytes(3 * PAGE_SIZE), GFP_ATOMIC, DMA_ATTR_NO_WARN),
      ]) {
        using again = make();
        expect(again.get().every((byte) => byte === 0)).to.equal(true);
      }
      using slice = CoherentBox.zeroedSliceWithAttrs(dev, u64, 600, GFP_KERNEL, DMA_ATTR_NO_WARN);
      expect(slice.get().every((value) => value === 0n)).to.equal(true);
    });

    it('cannot be had for nothing, for too much, or without memory', () => {
      const { dev, kernel } = bound;
      for (const make of [
        () => Coherent.zeroedSlice(dev, u64, 0, GFP_KERNEL),
        () => CoherentBox.zeroedSlice(dev, u64, 0, GFP_KERNEL),
        () => Coherent.fromSlice(dev, u64, [], GFP_KERNEL),
        () => CoherentBox.fromSlice(dev, u8, new Uint8Array(0), GFP_KERNEL),
        () => CoherentHandle.alloc(dev, 0, GFP_KERNEL),
        () => CoherentHandle.alloc(dev, -1, GFP_KERNEL),
        () => CoherentHandle.alloc(dev, 0.5, GFP_KERNEL),
      ]) {
        expectErrno(make, EINVAL);
      }
      for (const len of [2 ** 61, 2 ** 53, Number.MAX_SAFE_INTEGER, 2 ** 40]) {
        expectErrno(() => Coherent.zeroedSlice(dev, u64, len, GFP_KERNEL), ENOMEM);
        expectErrno(() => CoherentBox.zeroedSlice(dev, u64, len, GFP_KERNEL), ENOMEM);
        expectErrno(() => CoherentHandle.alloc(dev, len, GFP_KERNEL), ENOMEM);
      }
      // As Linux does for what no page allocator could have.
      expect(kernel.warned.every((warning) => warning.startsWith('alloc_pages: order'))).to.equal(true);
      kernel.warned.length = 0;
      for (const len of [-1, 1.5, NaN, Infinity]) {
        expect(() => Coherent.zeroedSlice(dev, u64, len, GFP_KERNEL)).to.throw(LabError, 'no number of elements');
      }
      kernel.mm.failures.failWhen(() => true);
      for (const make of [
        () => Coherent.zeroed(dev, u64, GFP_KERNEL),
        () => Coherent.init(dev, u64, GFP_KERNEL, 1n),
        () => Coherent.fromSlice(dev, u64, [1n], GFP_KERNEL),
        () => CoherentBox.zeroed(dev, u64, GFP_KERNEL),
        () => CoherentHandle.alloc(dev, 1, GFP_KERNEL),
      ]) {
        expectErrno(make, ENOMEM);
      }
      kernel.mm.failures.clear();
    });

    it('is not had for a layout that is none, or for an unbound device', () => {
      const { dev } = bound;
      for (const bad of [null, 8, {}, padding(4)]) {
        expect(() => Coherent.zeroed(dev, bad as never, GFP_KERNEL)).to.throw(LabError);
        expect(() => CoherentBox.zeroedSlice(dev, bad as never, 1, GFP_KERNEL)).to.throw(LabError);
      }
      const unbound = makeDmaDevice(bound.kernel) as never;
      expect(() => Coherent.zeroed(unbound, u8, GFP_KERNEL)).to.throw(LabError, 'no driver is bound to device');
      expect(() => CoherentHandle.alloc(unbound, 1, GFP_KERNEL)).to.throw(LabError, 'no driver is bound to device');
    });

    it('is initialised in place, or not at all', () => {
      const { dev } = bound;
      using ready = Coherent.init(dev, le32, GFP_KERNEL, 7);
      using made = Coherent.initWithAttrs(dev, sqe, GFP_KERNEL, DMA_ATTR_NO_WARN, (place) => {
        place.set({ opcode: 1, flags: 0, cid: 5, nsid: 6, prp: [7n, 8n] });
        place.write(['prp', 1], place.read(['prp', 0]) + 10n);
      });
      expect(dmaRead(ready, [])).to.equal(7);
      expect(dmaRead(made, ['prp'])).to.deep.equal([7n, 17n]);
      const failure = new KernelError(ERANGE);
      expect(() =>
        Coherent.init(dev, sqe, GFP_KERNEL, () => {
          throw failure;
        }),
      ).to.throw(failure);
      expect(() => Coherent.init(dev, le32, GFP_KERNEL, -1)).to.throw(LabError, '-1 is no le32');
      expect(() => Coherent.fromSlice(dev, le32, [1, 2, 2 ** 32], GFP_KERNEL)).to.throw(
        LabError,
        'le32[3][2]: 4294967296',
      );
      expect(() => CoherentBox.fromSlice(dev, le32, [0.5], GFP_KERNEL)).to.throw(LabError);
      expect(dev.dma.coherentAllocations.size).to.equal(2);
      let leaked: Place<typeof le32> | undefined;
      using late = Coherent.init(dev, le32, GFP_KERNEL, (place) => void (leaked = place));
      expect(() => leaked!.set(1)).to.throw(LabError, 'after its initialiser had returned');
      expect(dmaRead(late, [])).to.equal(0);
    });

    it('takes elements of a box one by one, in bounds', () => {
      using box = CoherentBox.zeroedSlice(bound.dev, sqe, 3, GFP_KERNEL);
      const value = { opcode: 9, flags: 8, cid: 7, nsid: 6, prp: [5n, 4n] as const };
      box.initAt(2, value);
      box.initAt(0, (place) => place.write(['cid'], 77));
      expect(box.read([2])).to.deep.equal(value);
      expect(box.read([0, 'cid'])).to.equal(77);
      for (const i of [3, -1, 1.5, NaN, 2 ** 32]) expectErrno(() => box.initAt(i, value), EINVAL);
      expect(() =>
        box.initAt(1, (place) => {
          place.write(['opcode'], 3);
          throw new KernelError(ENOMEM);
        }),
      ).to.throw(KernelError);
      expect(box.read([1, 'opcode']), 'what was written stays').to.equal(3);
      box.copyFromSlice([value, value, value]);
      expect(box.get()).to.deep.equal([value, value, value]);
      expect(() => box.copyFromSlice([value])).to.throw(KernelOops, 'does not match');
      expect(() => box.fill({ ...value, cid: -1 })).to.throw(LabError);
      expect(box.get()).to.deep.equal([value, value, value]);
    });

    it('has indices that are checked, each in its way', () => {
      using ring = Coherent.zeroedSlice(bound.dev, sqe, 4, GFP_KERNEL);
      using box = CoherentBox.zeroed(bound.dev, array(le16, 4), GFP_KERNEL);
      for (const i of [4, -1, 0.5, NaN, 2 ** 53]) {
        expectErrno(() => dmaRead(ring, [i, 'cid']), ERANGE);
        expectErrno(() => dmaWrite(ring, [i, 'cid'], 1), ERANGE);
        expectErrno(() => dmaRead(ring, [0, 'prp', i]), ERANGE);
        expectErrno(() => box.read([i]), ERANGE);
        expectErrno(() => box.write([i], 1), ERANGE);
        expect(() => dmaRead(ring, [panicIndex(i), 'cid'])).to.throw(KernelOops, 'index out of bounds: the len is 4');
        expect(() => dmaWrite(ring, [panicIndex(i), 'cid'], 1)).to.throw(KernelOops);
      }
      dmaWrite(ring, [3, 'prp', buildIndex(1)], 5n);
      box.write([buildIndex(3)], 6);
      expect([dmaRead(ring, [panicIndex(3), 'prp', 1]), box.get()]).to.deep.equal([5n, [0, 0, 0, 6]]);
      expect(() => dmaRead(ring, [0, 'nope'] as never)).to.throw(LabError, 'there is no part "nope"');
      expect(() => dmaRead(ring, [0, 'rsvd'] as never)).to.throw(LabError, 'there is no part "rsvd"');
      expect(() => dmaRead(ring, [0, 'toString'] as never)).to.throw(LabError);
      expect(() => dmaWrite(ring, [0, 'cid'], 65_536)).to.throw(LabError, '65536 is no le16');
    });

    it('of a handle has an address and a size, and nothing to read it by', () => {
      const { dev } = bound;
      for (const size of [1, PAGE_SIZE, PAGE_SIZE + 1, 100_000]) {
        using handle = CoherentHandle.alloc(dev, size, GFP_KERNEL);
        using other = CoherentHandle.allocWithAttrs(dev, size, GFP_KERNEL, DMA_ATTR_NO_WARN);
        expect(handle.size()).to.equal(size);
        expect(handle.dmaHandle()).to.not.equal(other.dmaHandle());
        expect(reach(dev, handle.dmaHandle() + BigInt(size - 1))).to.be.greaterThan(0);
        expect('asPtr' in handle || 'fieldRead' in handle).to.equal(false);
      }
    });

    it('cannot be read through a Coherent without a mapping: attributes that imply it are refused', () => {
      const { dev } = bound;
      const everythingElse = DMA_ATTR_NO_WARN.not();
      for (const make of [
        () => Coherent.zeroedWithAttrs(dev, u64, GFP_KERNEL, everythingElse),
        () => Coherent.zeroedSliceWithAttrs(dev, u64, 2, GFP_KERNEL, everythingElse),
        () => CoherentBox.fromSliceWithAttrs(dev, u64, [1n], GFP_KERNEL, everythingElse),
      ]) {
        expectErrno(make, EINVAL);
      }
    });

    it('is owned once: what was given away or dropped is told, and dropping again is harmless', () => {
      const { dev } = bound;
      const box = CoherentBox.zeroedSlice(dev, le32, 4, GFP_KERNEL);
      box.fill(3);
      const shared = box.intoCoherent();
      /* eslint-disable dmalab/use-after-into -- on purpose */
      for (const use of [
        () => box.fill(1),
        () => box.get(),
        () => box.read([0]),
        () => box.len(),
        () => box.intoCoherent(),
      ]) {
        expect(use).to.throw(
          LabError,
          'The CoherentBox<le32[4]> of test-device was used after it was converted into a Coherent',
        );
      }
      /* eslint-enable dmalab/use-after-into */
      box.drop();
      box[Symbol.dispose]();
      expect(dmaRead(shared, []), 'the contents stay, and dropping the box frees nothing').to.deep.equal([3, 3, 3, 3]);
      shared.drop();
      shared.drop();
      shared[Symbol.dispose]();
      for (const use of [
        () => shared.dmaHandle(),
        () => shared.size(),
        () => shared.len(),
        () => shared.asPtr(),
        () => dmaRead(shared, [0]),
        () => dmaWrite(shared, [0], 1),
      ]) {
        expect(use).to.throw(LabError, 'The Coherent<le32[4]> of test-device was used after it was dropped');
      }
      const handle = CoherentHandle.alloc(dev, 8, GFP_KERNEL);
      handle.drop();
      handle.drop();
      expect(() => handle.dmaHandle()).to.throw(
        LabError,
        'The CoherentHandle of test-device was used after it was dropped',
      );
    });

    it('stands in its list of the device for as long as it lives, whoever owns it', () => {
      const { dev } = bound;
      const live = (): unknown => [...dev.dma.coherentAllocations].map(({ size }) => size);
      const box = CoherentBox.zeroed(dev, u64, GFP_KERNEL);
      const handle = CoherentHandle.alloc(dev, 100, GFP_KERNEL);
      expect(live()).to.deep.equal([8, 100]);
      const shared = box.intoCoherent();
      expect(live()).to.deep.equal([8, 100]);
      expect([...dev.dma.coherentAllocations][0]!.handle).to.equal(shared.dmaHandle());
      shared.drop();
      expect(live()).to.deep.equal([100]);
      handle.drop();
      expect(live()).to.deep.equal([]);
    });

    it('outlives the driver', async () => {
      const { dev } = bound;
      const shared = Coherent.init(dev, le32, GFP_KERNEL, 5);
      await bound.unbind();
      expect(dmaRead(shared, [])).to.equal(5);
      shared.drop();
    });
  });
}

describe('kernel-api/rust: Attrs', () => {
  it('are sets', () => {
    const { DMA_ATTR_NO_WARN: a, DMA_ATTR_FORCE_CONTIGUOUS: b, DMA_ATTR_MMIO: c } = attrs;
    const both = a.or(b);
    expect(both.asRaw()).to.equal((1 << 8) | (1 << 6));
    expect([both.contains(a), both.contains(b), both.contains(c), both.contains(both), a.contains(both)]).to.deep.equal(
      [true, true, false, true, false],
    );
    expect(both.and(b).equals(b)).to.equal(true);
    expect(both.and(c).asRaw()).to.equal(0);
    expect(both.not().asRaw()).to.equal(0xffff_febf);
    expect(both.not().not().equals(both)).to.equal(true);
    expect(both.and(a.not()).equals(b)).to.equal(true);
    expect(a.contains(Attrs.fromRaw(0))).to.equal(true);
  });

  it('have the bits of the kernel', () => {
    expect(Object.fromEntries(Object.entries(attrs).map(([name, value]) => [name, value.asRaw()]))).to.deep.equal({
      DMA_ATTR_WEAK_ORDERING: 2,
      DMA_ATTR_WRITE_COMBINE: 4,
      DMA_ATTR_SKIP_CPU_SYNC: 32,
      DMA_ATTR_FORCE_CONTIGUOUS: 64,
      DMA_ATTR_ALLOC_SINGLE_PAGES: 128,
      DMA_ATTR_NO_WARN: 256,
      DMA_ATTR_PRIVILEGED: 512,
      DMA_ATTR_MMIO: 1024,
    });
  });
});

describe('kernel-api/rust: reading and writing by layout', () => {
  it('makes one access of its width for each scalar', () => {
    const { dev, kernel } = makeBoundDevice();
    const done: string[] = [];
    using ring = Coherent.zeroedSlice(dev, sqe, 2, GFP_KERNEL);
    const base = ring.asPtr();
    for (const name of ['load8', 'load16', 'load32', 'load64', 'store8', 'store16', 'store32', 'store64'] as const) {
      const original = (kernel.mm[name] as (...args: unknown[]) => unknown).bind(kernel.mm);
      Object.defineProperty(kernel.mm, name, {
        value: (address: number, ...rest: unknown[]) => {
          done.push(`${name} ${address - base}`);
          return original(address, ...rest);
        },
      });
    }
    const during = (body: () => void): string[] => {
      done.length = 0;
      body();
      return [...done];
    };
    expect(during(() => dmaWrite(ring, [1, 'nsid'], 1))).to.deep.equal(['store32 36']);
    expect(during(() => void dmaRead(ring, [1, 'prp', 1]))).to.deep.equal(['load64 56']);
    expect(during(() => void dmaRead(ring, [0]))).to.deep.equal([
      'load8 0',
      'load8 1',
      'load16 2',
      'load32 4',
      'load64 16',
      'load64 24',
    ]);
  });
});
