import { expect } from 'chai';
import { physAddr } from '../../../base/address';
import { u32 } from '../../../base/layout';
import { mb } from '../../../kernel-api/io/barriers';
import { isLinearMapAddress } from '../../../kernel-api/mm/layout';
import { DmaCoherent, FrameAllocOptions } from '../../../kernel-api/ostd';
import { at, kindOf, onRig, pattern, type RigOptions } from './rig';

/** Whether the memory is used through the linear map. */
const MACHINES: readonly (readonly [name: string, options: RigOptions, isLinear: boolean])[] = [
  ['snooping', {}, true],
  ['not snooping', { coherent: false }, false],
  ['not snooping, no cache operations', { coherent: false, zicbom: false }, false],
  ['confidential, snooping', { confidential: true }, false],
  ['confidential, not snooping', { confidential: true, coherent: false }, false],
];

for (const [name, options, isLinear] of MACHINES) {
  for (const iommu of [false, true]) {
    describe(`kernel-api/ostd: DmaCoherent, ${name}${iommu ? ', behind an IOMMU' : ''}`, () => {
      it('CPU and device see what the other writes, without a sync', () =>
        onRig({ ...options, iommu }, (rig) => {
          const before = rig.inUse();
          {
            using dma = DmaCoherent.alloc(rig.dev, 3);
            expect(dma.isCacheCoherent).to.equal(options.coherent ?? true);
            expect(isLinearMapAddress(dma.reader().cursor())).to.equal(isLinear);
            expect(rig.kernel.mm.translate(dma.reader().cursor())).to.equal(dma.paddr());
            if (!iommu) expect(dma.daddr()).to.equal(BigInt(dma.paddr()));
            const bytes = new Uint8Array(9000);
            for (const salt of [1, 2, 3]) {
              dma.writeBytes(100, Uint8Array.from(pattern(salt, 9000)));
              mb(rig.kernel);
              expect(rig.deviceRead(at(dma.daddr(), 100), 9000)).to.deep.equal(pattern(salt, 9000));
              rig.deviceWrite(at(dma.daddr(), 100), pattern(salt + 50, 9000));
              dma.readBytes(100, bytes);
              expect([...bytes]).to.deep.equal(pattern(salt + 50, 9000));
              dma.writeOnce(4, u32, salt);
              mb(rig.kernel);
              expect(rig.deviceRead(at(dma.daddr(), 4), 4)).to.deep.equal([salt, 0, 0, 0]);
            }
          }
          expect(rig.inUse()).to.deep.equal(before);
        }));

      it('zeroed, for both, whatever was there and whatever is still in the cache', () =>
        onRig({ ...options, iommu }, (rig) => {
          using old = new FrameAllocOptions(rig.kernel).allocSegment(1);
          old.writeBytes(0, Uint8Array.from(pattern(9, old.size())));
          // Without cache operations nothing can get a dirty line out of the way.
          if (options.zicbom === false) rig.kernel.cpu.flushLines(physAddr(old.paddr()), old.size());
          const frame = old.paddr();
          old.drop();
          using dma = DmaCoherent.alloc(rig.dev, 1);
          expect(dma.paddr(), 'the same frame').to.equal(frame);
          const zeroes = new Array<number>(dma.size()).fill(0);
          mb(rig.kernel);
          expect(rig.deviceRead(dma.daddr(), dma.size())).to.deep.equal(zeroes);
          rig.kernel.cpu.flushLines(physAddr(dma.paddr()), dma.size());
          expect(rig.deviceRead(dma.daddr(), dma.size())).to.deep.equal(zeroes);
          expect([...dma.reader().collect()]).to.deep.equal(zeroes);
        }));

      it('is shared with the device, and with nobody else, only as long as it lives', () =>
        onRig({ ...options, iommu }, (rig) => {
          const shared = rig.kernel.confidential.sharedPages;
          const dma = DmaCoherent.allocUninit(rig.dev, 3);
          const pages = options.confidential === true ? 3 : 0;
          expect(rig.kernel.confidential.sharedPages).to.equal(shared + pages);
          const [low, high] = dma.split(4096);
          low.drop();
          expect(rig.kernel.confidential.sharedPages).to.equal(shared + (pages * 2) / 3);
          high.drop();
          expect(rig.kernel.confidential.sharedPages).to.equal(shared);
        }));
    });
  }
}

describe('kernel-api/ostd: DmaCoherent without uncached mappings', () => {
  it('is refused to a device that does not snoop', () =>
    onRig({ coherent: false }, (rig) => {
      Object.defineProperty(rig.kernel.isa, 'hasPageMemoryTypes', { value: false });
      expect(kindOf(() => DmaCoherent.alloc(rig.dev, 1))).to.equal('NotEnoughResources');
      using snooped = DmaCoherent.alloc(rig.dev, 1, true);
      expect(snooped.size()).to.equal(4096);
    }));
});
