import { expect } from 'chai';
import { array, le32, struct, u8, type Slice } from '../../../base/layout';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import {
  asBound,
  Coherent,
  CoherentBox,
  CoherentHandle,
  DataDirection,
  DmaMask,
  dmaRead,
  dmaSetMaskAndCoherent,
  asCore,
  fromResult,
  SGTable,
  VVec,
} from '../../../kernel-api/rust';
import type { MachineOptions } from '../../../lab/machine-options';
import { onMachine } from '../../support/on-machine';

const DRIVER = 'dw_axi_dmac_platform';
const ring = struct('ring', { head: le32, tail: le32, slots: array(le32, 100) });

const OPTIONS: readonly (readonly [string, MachineOptions])[] = [
  ['without an IOMMU', { iommu: false }],
  ['behind an IOMMU', { iommu: true }],
  ['behind an IOMMU, strictly revoked', { iommu: true, revocation: 'strict' }],
  ['with lazy invalidation', { iommu: true, bootargs: 'iommu.strict=0' }],
  ['with devices that do not snoop', { iommu: false, coherent: false }],
  ['with everything bounced', { iommu: false, bootargs: 'swiotlb=force' }],
];

describe('kernel-api/rust: on a machine', () => {
  for (const [what, options] of OPTIONS) {
    it(`${what}: nothing is left of what a driver shared, whatever outlived it`, async () => {
      await onMachine(options, async (kernel) => {
        const dev = asBound(kernel.drivers.devices.find(({ driver }) => driver?.name === DRIVER)!);
        expect(fromResult(() => dmaSetMaskAndCoherent(asCore(dev), DmaMask.new(64)))).to.equal(0);
        const inUse = (): unknown => {
          kernel.mm.slabs.shrink();
          const { kmallocObjects, vmallocAreas, vmallocPages } = kernel.mm.statistics();
          return { kmallocObjects, vmallocAreas, vmallocPages };
        };
        let kept: Coherent<Slice<typeof u8>> | undefined;
        const use = (): Disposable[] => {
          const box = CoherentBox.zeroed(dev, ring, GFP_KERNEL);
          box.write(['slots', 99], 7);
          const shared = box.intoCoherent();
          expect(dmaRead(shared, ['slots', 99])).to.equal(7);
          const pages = VVec.withCapacity(kernel, u8, 30_000, GFP_KERNEL);
          const table = SGTable.new(dev, pages, DataDirection.Bidirectional, GFP_KERNEL);
          expect([...table.iter()].reduce((sum, entry) => sum + entry.dmaLen(), 0)).to.equal(30_000);
          const slice = Coherent.fromSlice(dev, u8, new Uint8Array(5000).fill(3), GFP_KERNEL);
          kept = slice;
          return [shared, table, slice, CoherentHandle.alloc(dev, 9000, GFP_KERNEL)];
        };
        for (const one of use()) one[Symbol.dispose]();
        // Binding once more starts what stays: the worker that retries deferred probes.
        expect(await kernel.drivers.unbind(DRIVER, dev.name)).to.equal(0);
        expect(await kernel.drivers.bind(DRIVER, dev.name)).to.equal(0);
        const before = inUse();
        const { warnings } = kernel;
        for (const one of use()) one[Symbol.dispose]();
        expect(inUse(), 'dropped while bound').to.deep.equal(before);

        const survivors = use();
        expect(await kernel.drivers.unbind(DRIVER, dev.name)).to.equal(0);
        expect(dmaRead(kept!, [4999])).to.equal(3);
        const unbound = inUse() as Record<string, number>;
        for (const one of survivors) one[Symbol.dispose]();
        const after = inUse() as Record<string, number>;
        expect(dev.dma.coherentAllocations.size).to.equal(0);
        expect(after['vmallocPages']).to.be.lessThan(unbound['vmallocPages']!);
        expect(await kernel.drivers.bind(DRIVER, dev.name)).to.equal(0);
        expect(inUse(), 'bound again').to.deep.equal(before);
        expect(kernel.warnings).to.equal(warnings);
      });
    });
  }
});
