import { expect } from 'chai';
import { PAGE_SIZE } from '../../../base/address';
import { EINVAL, ERANGE } from '../../../base/errno';
import { array, struct, u32, u64, u8 } from '../../../base/layout';
import { out } from '../../../kernel-api/err';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import {
  attrs,
  Coherent,
  CoherentBox,
  DataDirection,
  Devres,
  devresRegister,
  DmaMask,
  dmaRead,
  dmaSetMaskAndCoherent,
  dmaWrite,
  KernelError,
  panicIndex,
  SGTable,
  VVec,
  type Owned,
} from '../../../kernel-api/rust';
import { makeBoundDevice, type BoundDevice } from '../../support/bound-device';

const { DMA_ATTR_FORCE_CONTIGUOUS, DMA_ATTR_NO_WARN } = attrs;

/** Each `# Examples` of rust/kernel/dma.rs, scatterlist.rs and devres.rs, in their order. */
for (const isBehindIommu of [false, true]) {
  describe(`kernel-api/rust: the examples of the source ${isBehindIommu ? 'behind an IOMMU' : 'without an IOMMU'}`, () => {
    let bound: BoundDevice;
    let before: unknown;
    const inUse = (): unknown => {
      bound.kernel.mm.slabs.shrink();
      return bound.kernel.mm.statistics();
    };
    beforeEach(() => {
      bound = makeBoundDevice(isBehindIommu);
      dmaSetMaskAndCoherent(bound.dev, DmaMask.new(64));
      before = inUse();
    });
    afterEach(async () => {
      await bound.unbind();
      expect(inUse()).to.deep.equal(before);
      expect(bound.dev.dma.coherentAllocations.size).to.equal(0);
      expect(bound.domain?.pages.size ?? 0).to.equal(0);
      expect(bound.kernel.warned).to.deep.equal([]);
    });

    it('DmaMask::new', () => {
      expect(DmaMask.new(0).value()).to.equal(0n);
      expect(DmaMask.new(1).value()).to.equal(0b1n);
      expect(DmaMask.new(64).value()).to.equal(0xffff_ffff_ffff_ffffn);
      // DmaMask.new(100) does not compile: test/types has that.
    });

    it('DmaMask::try_new', () => {
      expect(DmaMask.tryNew(0).value()).to.equal(0n);
      expect(DmaMask.tryNew(1).value()).to.equal(0b1n);
      expect(DmaMask.tryNew(64).value()).to.equal(0xffff_ffff_ffff_ffffn);
      expect(() => DmaMask.tryNew(100))
        .to.throw(KernelError)
        .with.property('errno', EINVAL);
    });

    it('Attrs', () => {
      const attribs = DMA_ATTR_FORCE_CONTIGUOUS.or(DMA_ATTR_NO_WARN);
      using c = Coherent.zeroedSliceWithAttrs(bound.dev, u64, 4, GFP_KERNEL, attribs);
      expect(c.len()).to.equal(4);
    });

    it('CoherentBox<T>', () => {
      const box = CoherentBox.zeroed(bound.dev, u64, GFP_KERNEL);
      box.set(42n);
      using dmem = box.intoCoherent();
      expect(dmaRead(dmem, [])).to.equal(42n);
    });

    it('CoherentBox<[T]>', () => {
      const box = CoherentBox.zeroedSlice(bound.dev, u64, 4, GFP_KERNEL);
      box.fill(42n);
      using dmem = box.intoCoherent();
      expect([0, 1, 2, 3].map((i) => dmaRead(dmem, [i]))).to.deep.equal([42n, 42n, 42n, 42n]);
    });

    it('CoherentBox::from_slice_with_attrs', () => {
      const data = [0, 1, 2, 3];
      using c = CoherentBox.fromSliceWithAttrs(bound.dev, u8, data, GFP_KERNEL, DMA_ATTR_NO_WARN);
      expect(c.get()).to.deep.equal(data);
    });

    it('Coherent::zeroed_with_attrs', () => {
      using c = Coherent.zeroedWithAttrs(bound.dev, array(u64, 4), GFP_KERNEL, DMA_ATTR_NO_WARN);
      expect(c.size()).to.equal(32);
      expect(dmaRead(c, [])).to.deep.equal([0n, 0n, 0n, 0n]);
    });

    it('Coherent::zeroed_slice_with_attrs', () => {
      using c = Coherent.zeroedSliceWithAttrs(bound.dev, u64, 4, GFP_KERNEL, DMA_ATTR_NO_WARN);
      expect([c.len(), c.size()]).to.deep.equal([4, 32]);
    });

    it('Coherent::from_slice_with_attrs', () => {
      const data = Uint8Array.of(0, 1, 2, 3);
      using c = Coherent.fromSliceWithAttrs(bound.dev, u8, data, GFP_KERNEL, DMA_ATTR_NO_WARN);
      expect(dmaRead(c, [])).to.deep.equal([0, 1, 2, 3]);
    });

    it('dma_read!', () => {
      const myStruct = struct('MyStruct', { field: u32 });
      using alloc = Coherent.fromSlice(bound.dev, myStruct, [{ field: 1 }, { field: 2 }, { field: 3 }], GFP_KERNEL);
      const whole = dmaRead(alloc, [2]);
      const field = dmaRead(alloc, [1, 'field']);
      const panicking = dmaRead(alloc, [panicIndex(1), 'field']);
      expect([whole, field, panicking]).to.deep.equal([{ field: 3 }, 2, 2]);
      expect(() => dmaRead(alloc, [3, 'field']))
        .to.throw(KernelError)
        .with.property('errno', ERANGE);
    });

    it('dma_write!', () => {
      const myStruct = struct('MyStruct', { member: u32 });
      using alloc = Coherent.zeroedSlice(bound.dev, myStruct, 3, GFP_KERNEL);
      dmaWrite(alloc, [2, 'member'], 0xf);
      dmaWrite(alloc, [panicIndex(1)], { member: 0xf });
      expect(dmaRead(alloc, [])).to.deep.equal([{ member: 0 }, { member: 0xf }, { member: 0xf }]);
      expect(() => dmaWrite(alloc, [3], { member: 1 }))
        .to.throw(KernelError)
        .with.property('errno', ERANGE);
    });

    it('SGTable::new', () => {
      const size = 4 * PAGE_SIZE;
      const pages = VVec.withCapacity(bound.kernel, u8, size, GFP_KERNEL);
      using sgt: SGTable<Owned<VVec<typeof u8>>> = SGTable.new(bound.dev, pages, DataDirection.ToDevice, GFP_KERNEL);
      expect([...sgt.iter()].reduce((sum, entry) => sum + entry.dmaLen(), 0)).to.equal(size);
    });

    it('Devres', () => {
      const registers = out(0);
      using devres = Devres.new(bound.dev, {
        write8: (v: number) => (registers.value = v),
        [Symbol.dispose]: () => {},
      });
      {
        using res = devres.tryAccess();
        expect(res).to.not.equal(null);
        res!.value.write8(0x42);
      }
      expect(registers.value).to.equal(0x42);
    });

    it('Devres::access', () => {
      const writes: number[] = [];
      using devres = Devres.new(bound.dev, { write32: (v: number) => writes.push(v), [Symbol.dispose]: () => {} });
      devres.access(bound.dev).write32(0x42);
      expect(writes).to.deep.equal([0x42]);
    });

    it('devres::register', async () => {
      let unregistered = 0;
      devresRegister(bound.dev, { [Symbol.dispose]: () => unregistered++ });
      expect(unregistered).to.equal(0);
      await bound.unbind();
      expect(unregistered).to.equal(1);
    });
  });
}
