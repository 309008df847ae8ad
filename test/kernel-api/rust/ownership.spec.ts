import { expect } from 'chai';
import * as fc from 'fast-check';
import { dmaAddr, PAGE_SIZE, physAddr } from '../../../base/address';
import { LabError } from '../../../base/errors';
import { le32, u8, type Slice } from '../../../base/layout';
import { DmaRangeMap } from '../../../kernel-api/dma/bus-dma-region';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import {
  Coherent,
  CoherentBox,
  CoherentHandle,
  DataDirection,
  Devres,
  DmaMask,
  dmaRead,
  dmaSetMaskAndCoherent,
  KernelError,
  SGTable,
  VVec,
  type Owned,
} from '../../../kernel-api/rust';
import { makeBoundDevice, type BoundDevice } from '../../support/bound-device';
import { makeDmaKernel, reach } from '../../support/dma-device';

/** What was made, and what has to be true of it. */
interface Live {
  /** Checks the contents, or that using it is refused. */
  check: (isBound: boolean) => void;
  convert?: () => Live;
  drop: () => void;
}

type Step =
  | {
      readonly kind: 'box' | 'coherent' | 'handle' | 'vvec' | 'table' | 'devres';
      readonly size: number;
      readonly fail: number;
    }
  | { readonly kind: 'convert' | 'drop'; readonly which: number }
  | { readonly kind: 'unbind' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'box' as const,
        'coherent' as const,
        'handle' as const,
        'vvec' as const,
        'table' as const,
        'devres' as const,
      ),
      size: fc.integer({ min: 1, max: 3000 }),
      // Which allocation fails; most of the time none does.
      fail: fc.oneof(
        { weight: 3, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: 6 }) },
      ),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constantFrom('convert' as const, 'drop' as const), which: fc.nat(1000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unbind' as const) }) },
);

const pattern = (size: number): number[] => Array.from({ length: size }, (_, i) => (i * 2_654_435_761) >>> 0);

const liveCoherent = ({ dev }: BoundDevice, coherent: Coherent<Slice<typeof le32>>, size: number): Live => ({
  check: (isBound) => {
    expect(coherent.len()).to.equal(size);
    for (const i of [0, size - 1]) expect(dmaRead(coherent, [i])).to.equal(pattern(size)[i]);
    if (isBound) expect(reach(dev, coherent.dmaHandle())).to.equal(dev.kernel.mm.translate(coherent.asPtr()));
  },
  drop: () => coherent.drop(),
});
const make = (bound: BoundDevice, kind: Exclude<Step['kind'], 'convert' | 'drop' | 'unbind'>, size: number): Live => {
  const { dev, kernel } = bound;
  switch (kind) {
    case 'box': {
      const box = CoherentBox.fromSlice(dev, le32, pattern(size), GFP_KERNEL);
      return {
        check: () => expect(box.read([size - 1])).to.equal(pattern(size)[size - 1]),
        convert: () => {
          const coherent = box.intoCoherent();
          const live = liveCoherent(bound, coherent, size);
          // eslint-disable-next-line dmalab/use-after-into -- on purpose
          const used = (): unknown => box.get();
          return {
            ...live,
            check: (isBound) => {
              expect(used).to.throw(LabError);
              box.drop();
              live.check(isBound);
            },
          };
        },
        drop: () => box.drop(),
      };
    }
    case 'coherent':
      return liveCoherent(bound, Coherent.fromSlice(dev, le32, pattern(size), GFP_KERNEL), size);
    case 'handle': {
      const handle = CoherentHandle.alloc(dev, size * 4, GFP_KERNEL);
      return {
        check: (isBound) => isBound && expect(reach(dev, handle.dmaHandle())).to.be.greaterThan(0),
        drop: () => handle.drop(),
      };
    }
    case 'vvec': {
      const vector = VVec.withCapacity(kernel, u8, size * 8, GFP_KERNEL);
      vector.push(7);
      return {
        check: () => expect(vector.get(0)).to.equal(7),
        convert: () => liveTable(bound, SGTable.new(dev, vector, DataDirection.ToDevice, GFP_KERNEL), size * 8),
        drop: () => vector.drop(),
      };
    }
    case 'table': {
      const pages = VVec.withCapacity(kernel, u8, size * 8, GFP_KERNEL);
      return liveTable(bound, SGTable.new(dev, pages, DataDirection.FromDevice, GFP_KERNEL), size * 8);
    }
    case 'devres': {
      let drops = 0;
      const devres = Devres.new(dev, {
        [Symbol.dispose]: () => {
          drops++;
        },
      });
      return {
        check: (isBound) =>
          expect([devres.tryAccessWith(() => true) ?? false, drops]).to.deep.equal([isBound, isBound ? 0 : 1]),
        drop: () => {
          devres.drop();
          expect(drops).to.equal(1);
        },
      };
    }
  }
};

const liveTable = ({ dev }: BoundDevice, table: SGTable<Owned<VVec<typeof u8>>>, size: number): Live => ({
  check: (isBound) => {
    const entries = [...table.iter()];
    expect(entries.reduce((sum, entry) => sum + entry.dmaLen(), 0)).to.equal(size);
    if (isBound) expect(reach(dev, entries[0]!.dmaAddress()) % PAGE_SIZE).to.equal(0);
  },
  drop: () => table.drop(),
});

/** The banks of the fake kernel, as a bus shows them at addresses that are not theirs. */
const WINDOWS = [
  { cpu_start: physAddr(0x8000_0000), dma_start: dmaAddr(0x1000_0000), size: 64 << 20 },
  { cpu_start: physAddr(0x1_0000_0000), dma_start: dmaAddr(0x8000_0000), size: 64 << 20 },
];

for (const where of ['without an IOMMU', 'behind an IOMMU', 'behind a bus that shifts addresses']) {
  describe(`kernel-api/rust: ownership ${where}`, () => {
    it('leaves nothing behind, in whatever order things are made, converted, dropped and unbound', async () => {
      const kernel = makeDmaKernel();
      const inUse = (bound: BoundDevice): unknown => {
        kernel.mm.slabs.shrink();
        return { ...kernel.mm.statistics(), mapped: bound.domain?.pages.size ?? 0 };
      };
      const run = async (steps: readonly Step[]): Promise<void> => {
        const bound = makeBoundDevice(where === 'behind an IOMMU', {}, kernel);
        if (where === 'behind a bus that shifts addresses') bound.dev.dma.dma_range_map = new DmaRangeMap(WINDOWS);
        dmaSetMaskAndCoherent(bound.dev, DmaMask.new(64));
        const before = inUse(bound);
        const live: Live[] = [];
        let isBound = true;
        const attempt = (body: () => Live, fail = 0): void => {
          const count = live.length;
          if (fail > 0) kernel.mm.failures.failNth(fail);
          try {
            live.push(body());
          } catch (error) {
            // Memory can be short for an unbound device too: a vector needs none.
            if (isBound || !(error instanceof LabError)) expect(error).to.be.instanceOf(KernelError);
            expect(live.length).to.equal(count);
          }
          kernel.mm.failures.clear();
        };
        for (const next of steps) {
          if ('size' in next) {
            attempt(() => make(bound, next.kind, next.size), next.fail);
          } else if (next.kind === 'unbind') {
            if (isBound) await bound.unbind();
            isBound = false;
          } else if (live.length > 0) {
            const [one] = live.splice(next.which % live.length, 1);
            if (next.kind === 'convert' && one!.convert !== undefined) {
              attempt(one!.convert);
              one!.drop();
            } else {
              one!.drop();
              one!.drop();
            }
          }
          for (const one of live) one.check(isBound);
        }
        for (const one of live) one.drop();
        if (isBound) await bound.unbind();
        expect(inUse(bound)).to.deep.equal(before);
        expect(bound.dev.devres.count).to.equal(0);
        expect(bound.dev.dma.coherentAllocations.size).to.equal(0);
        expect(bound.dev.dma.iommu?.iovad.ranges() ?? []).to.deep.equal([]);
        expect(kernel.warned).to.deep.equal([]);
      };
      await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), run), { numRuns: 120 });
    });
  });
}
