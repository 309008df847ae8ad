import { expect } from 'chai';
import fc from 'fast-check';
import { EADDRINUSE, EINVAL, ENOENT, ENOMEM, EOPNOTSUPP, ERANGE } from '../../../base/errno';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { IOMMU_NOEXEC, IOMMU_READ, IOMMU_WRITE } from '../../../kernel-api/iommu/iommu-domain';
import { IotlbGather } from '../../../kernel-api/iommu/iotlb-gather';
import { PageTable } from '../../../kernel-api/iommu/page-table';
import { leafSizes } from '../../../kernel-api/iommu/page-table-format';
import { makeFakeKernel, type FakeKernel } from '../../support/fake-kernel';
import { walkTables } from './table-walker';

const RW = IOMMU_READ | IOMMU_WRITE;
const M2 = 512;
const G1 = 512 * 512;
const BANKS = [{ base: 0x8000_0000, size: 4 << 20 }];

interface Rig {
  readonly kernel: FakeKernel;
  readonly table: PageTable;
  readonly gather: IotlbGather;
  readonly free: () => number;
}

const rig = (levels: 3 | 4 | 5 = 3, memoryTypes = false): Rig => {
  const kernel = makeFakeKernel({ banks: BANKS });
  const table = PageTable.create(kernel, { levels, memoryTypes }, GFP_KERNEL);
  if (typeof table === 'number') throw new Error('no memory');
  const free = (): number => Object.values(kernel.mm.statistics().freePages).reduce((sum, n) => sum + n, 0);
  return { kernel, table, gather: new IotlbGather(), free };
};

describe('kernel-api/iommu: page tables', () => {
  for (const levels of [3, 4, 5] as const) {
    it(`maps and finds pages at the edges of both halves, ${levels} levels`, () => {
      const { kernel, table, gather } = rig(levels);
      const half = 2 ** (9 * levels - 1);
      const edges = [0, 1, 511, 512, 513, half - 1, 2 ** 52 - half, 2 ** 52 - 1];
      edges.forEach((page, i) => {
        expect(table.map(page, 0x12345 + 3 * i, 1, RW, gather)).to.equal(0);
      });
      edges.forEach((page, i) => {
        const walked = walkTables(kernel.cpu, table.rootPfn, levels, BigInt(page));
        expect(walked?.page).to.equal(BigInt(0x12345 + 3 * i));
        expect(table.lookup(page)).to.equal(0x12345 + 3 * i);
      });
      for (const page of [half, 2 ** 52 - half - 1]) {
        expect(table.map(page, 1, 1, RW, gather)).to.equal(-ERANGE);
        expect(table.lookup(page)).to.equal(-ERANGE);
        expect(table.unmap(page, 1, gather)).to.equal(0);
      }
      expect(table.map(half - 1, 1, 2, RW, gather)).to.equal(-ERANGE);
    });
  }

  it('chooses the largest leaves that alignment and length allow', () => {
    const { kernel, table, gather } = rig(4);
    expect(table.map(G1 - M2 - 17, 5 * G1 - M2 - 17, G1 + 2 * M2 + 17 + 5, RW, gather)).to.equal(0);
    const sizeAt = (page: number): bigint | undefined =>
      walkTables(kernel.cpu, table.rootPfn, 4, BigInt(page))?.leafPages;
    expect(sizeAt(G1 - M2 - 17)).to.equal(1n);
    expect(sizeAt(G1 - M2 - 16)).to.equal(16n);
    expect(sizeAt(G1 - M2 - 1)).to.equal(16n);
    expect(sizeAt(G1 - M2)).to.equal(BigInt(M2));
    expect(sizeAt(G1)).to.equal(BigInt(G1));
    expect(sizeAt(2 * G1)).to.equal(BigInt(M2));
    expect(sizeAt(2 * G1 + M2)).to.equal(1n);
    expect(sizeAt(2 * G1 + M2 + 4)).to.equal(1n);
    expect(sizeAt(2 * G1 + M2 + 5)).to.equal(undefined);
    expect(table.lookup(G1 + 12345)).to.equal(5 * G1 + 12345);
  });

  it('has the leaf sizes of each mode', () => {
    expect(leafSizes(3)).to.equal(0x4021_1000n);
    expect(leafSizes(4)).to.equal(0x80_4021_1000n);
    expect(leafSizes(5)).to.equal(0x1_0080_4021_1000n);
  });

  it('has no leaf that fills half of the address space', () => {
    const { kernel, table, gather } = rig(3);
    expect(table.map(0, 0, G1, RW, gather)).to.equal(0);
    expect(walkTables(kernel.cpu, table.rootPfn, 3, 0n)?.leafPages).to.equal(BigInt(G1));
  });

  it('presets accessed and dirty, and sets what the protection says', () => {
    const { kernel, table, gather } = rig();
    const bits = (prot: number, page: number): number | undefined => {
      expect(table.map(page, 7, 1, prot, gather)).to.equal(0);
      return walkTables(kernel.cpu, table.rootPfn, 3, BigInt(page))?.flags;
    };
    const [V, R, W, X, U, A, D] = [1, 2, 4, 8, 16, 64, 128];
    expect(bits(IOMMU_READ, 1)).to.equal(V | R | X | U | A);
    expect(bits(IOMMU_WRITE, 2)).to.equal(V | R | W | X | U | A | D);
    expect(bits(IOMMU_READ | IOMMU_NOEXEC, 3)).to.equal(V | R | U | A);
    expect(table.map(4, 7, 1, 0, gather)).to.equal(-EINVAL);
    expect(table.map(4, 7, 1, IOMMU_NOEXEC, gather)).to.equal(-EINVAL);
    expect(EOPNOTSUPP).to.equal(95);
  });

  it('refuses what is mapped already and physical addresses past 56 bits', () => {
    const { table, gather } = rig();
    expect(table.map(100, 7, 1, RW, gather)).to.equal(0);
    expect(table.map(98, 7, 4, RW, gather)).to.equal(-EADDRINUSE);
    expect(table.lastMapped).to.equal(2);
    expect(table.map(0, 0, M2, RW, gather)).to.equal(-EADDRINUSE);
    expect(table.map(M2, 0, M2, RW, gather)).to.equal(0);
    expect(table.map(M2 + 5, 0, 1, RW, gather)).to.equal(-EADDRINUSE);
    expect(table.map(3 * M2, 2 ** 44 - 1, 1, RW, gather)).to.equal(0);
    expect(table.lookup(3 * M2)).to.equal(2 ** 44 - 1);
    expect(table.map(3 * M2 + 1, 2 ** 44, 1, RW, gather)).to.equal(-ERANGE);
    expect(table.map(3 * M2 + 1, 7, 0, RW, gather)).to.equal(-EINVAL);
  });

  it('takes a large leaf out whole from its start, and not at all from its middle', () => {
    const { table, gather } = rig();
    expect(table.map(M2, 0, M2, RW, gather)).to.equal(0);
    expect(table.unmap(M2 + 1, 1, gather)).to.equal(0);
    expect(table.lookup(M2 + 1)).to.equal(1);
    expect(table.unmap(M2, 1, gather)).to.equal(M2);
    expect(table.lookup(M2 + 1)).to.equal(-ENOENT);
    expect(table.map(32, 16, 16, RW, gather)).to.equal(0);
    expect(table.unmap(33, 3, gather)).to.equal(0);
    expect(table.unmap(32, 3, gather)).to.equal(16);
  });

  it('stops unmapping at the first page that is not mapped', () => {
    const { table, gather } = rig();
    table.map(10, 1, 3, RW, gather);
    table.map(14, 1, 3, RW, gather);
    expect(table.unmap(10, 7, gather)).to.equal(3);
    expect(table.lookup(14)).to.equal(1);
    expect([gather.start, gather.end]).to.eql([10, 12]);
  });

  it('keeps tables until they are covered by an unmapping, and then until the invalidation is done', () => {
    const { kernel, table, gather, free } = rig();
    const before = free();
    table.map(M2 - 1, 1, 2, RW, gather);
    expect(before - free()).to.equal(3);
    expect(table.unmap(M2 - 1, 2, gather)).to.equal(2);
    expect(gather.freelist).to.have.length(0);
    table.map(M2, 1, M2, RW, gather);
    expect(table.unmap(M2, M2, gather)).to.equal(M2);
    expect(gather.freelist).to.have.length(1);
    expect(gather.tableLevels).to.equal(2);
    expect(before - free()).to.equal(3);
    table.freeGathered(gather);
    expect(before - free()).to.equal(2);
    table.destroy();
    expect(kernel.mm.statistics().allocatedPages).to.equal(0);
  });

  it('does not touch a table again that it has given up', () => {
    const { table, gather } = rig();
    for (let i = 0; i < M2; i++) table.map(M2 + i, 1, 1, RW, gather);
    table.unmap(M2, M2, gather);
    table.freeGathered(gather);
    expect(table.map(M2 + 3, 9, 1, RW, gather)).to.equal(0);
    expect(table.lookup(M2 + 3)).to.equal(9);
    expect(table.unmap(M2 + 3, 1, gather)).to.equal(1);
  });

  it('replaces an empty table by a large leaf, and frees it after the invalidation', () => {
    const { table, gather } = rig();
    table.map(5, 77, 1, RW, gather);
    table.unmap(5, 1, gather);
    gather.init();
    expect(table.map(0, 0, M2, RW, gather)).to.equal(0);
    expect(gather.freelist).to.have.length(1);
    expect([gather.start, gather.end]).to.eql([0, M2 - 1]);
    expect(table.lookup(5)).to.equal(5);
    table.freeGathered(gather);
    expect(table.map(M2, 1, 1, RW, gather)).to.equal(0);
    expect(table.lookup(5)).to.equal(5);
  });

  it('fails without memory at any allocation, and nothing stays allocated in the end', () => {
    for (let failing = 1; failing <= 4; failing++) {
      const { kernel, table, gather } = rig(4);
      kernel.mm.failures.failNth(failing);
      const error = table.map(0, 1, M2 + 1, RW, gather);
      kernel.mm.failures.clear();
      expect(error).to.equal(-ENOMEM);
      expect(table.lastMapped).to.equal(failing === 4 ? M2 : 0);
      table.destroy();
      expect(kernel.mm.statistics().allocatedPages).to.equal(0);
    }
  });

  it('agrees with a map of pages, whatever is mapped and unmapped', () => {
    const operation = fc.record({
      map: fc.boolean(),
      page: fc.oneof(
        fc.nat(3 * M2),
        fc.nat(24).map((n) => n * 128),
        fc.constant(2 ** 52 - 2 ** 26),
      ),
      phys: fc.oneof(
        fc.nat(2 ** 30),
        fc.nat(64).map((n) => n * M2),
        fc.nat(2000).map((n) => n * 16),
      ),
      count: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 2 * M2 }), fc.constant(M2)),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(3 as const, 5 as const),
        fc.array(operation, { maxLength: 20 }),
        (levels, operations) => {
          const { kernel, table, gather } = rig(levels);
          const model = new Map<number, number>();
          const base = levels === 3 ? 0 : 2 ** 40;
          for (const { map, page: where, phys, count } of operations) {
            const page = where >= 2 ** 51 ? where : where + base;
            if (map) expectMap(table, gather, model, page, phys, count);
            else expectUnmap(table, gather, model, page, count);
            table.freeGathered(gather);
            gather.init();
          }
          const wrong = [...model].filter(([page, phys], i) => {
            if (table.lookup(page) !== phys) return true;
            return i % 7 === 0 && walkTables(kernel.cpu, table.rootPfn, levels, BigInt(page))?.page !== BigInt(phys);
          });
          expect(wrong).to.eql([]);
          for (let page = base; page < base + 3 * M2; page += 37) {
            if (!model.has(page))
              expect(walkTables(kernel.cpu, table.rootPfn, levels, BigInt(page))).to.equal(undefined);
          }
          table.destroy();
          expect(kernel.mm.statistics().allocatedPages).to.equal(0);
        },
      ),
      { numRuns: 60, interruptAfterTimeLimit: 10_000, markInterruptAsFailure: true },
    );
  });
});

/** Maps; on a conflict takes back what was mapped, as a domain does. The model says whether there is one. */
const expectMap = (
  table: PageTable,
  gather: IotlbGather,
  model: Map<number, number>,
  page: number,
  phys: number,
  count: number,
): void => {
  const conflict = Array.from({ length: count }, (_, i) => page + i).some((at) => model.has(at));
  const error = table.map(page, phys, count, RW, gather);
  expect(error).to.equal(conflict ? -EADDRINUSE : 0);
  if (error === 0) {
    expect(table.lastMapped).to.equal(count);
    for (let i = 0; i < count; i++) model.set(page + i, phys + i);
  } else if (table.lastMapped > 0) {
    expect(table.unmap(page, table.lastMapped, gather)).to.equal(table.lastMapped);
  }
};

/** Unmaps. How far it goes beyond the range depends on leaf sizes, so the model learns that from the result. */
const expectUnmap = (
  table: PageTable,
  gather: IotlbGather,
  model: Map<number, number>,
  page: number,
  count: number,
): void => {
  let mapped = 0;
  while (mapped < count && model.has(page + mapped)) mapped++;
  const unmapped = table.unmap(page, count, gather);
  if (unmapped < mapped) expect(unmapped).to.equal(0);
  else if (mapped < count) expect(unmapped).to.equal(mapped);
  if (unmapped > count) expect(unmapped - count).to.be.below(G1);
  let known = 0;
  for (let i = 0; i < unmapped; i++) if (model.delete(page + i)) known++;
  expect(known).to.equal(unmapped);
};
