import { expect } from 'chai';

import { ENOMEM } from '../../../base/errno';
import { out } from '../../../kernel-api/err';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { kmalloc } from '../../../kernel-api/mm/kmalloc';
import { page_ref_count } from '../../../kernel-api/mm/page-alloc';
import { sg_entry, sg_is_chain, sg_page, sg_next, type Scatterlist } from '../../../kernel-api/scatterlist/scatterlist';
import { sg_nents } from '../../../kernel-api/scatterlist/sg-count';
import { SgTable } from '../../../kernel-api/scatterlist/sg-table';
import { sg_alloc_table_chained, sg_free_table_chained } from '../../../kernel-api/scatterlist/sg-table-chained';
import {
  sgl_alloc,
  sgl_alloc_order,
  sgl_free,
  sgl_free_n_order,
  sgl_free_order,
} from '../../../kernel-api/scatterlist/sgl-alloc';
import { makeFakeKernel, type FakeKernel } from '../../support/fake-kernel';

const smallKernel = (): FakeKernel => makeFakeKernel({ banks: [{ base: 0x1_0000_0000, size: 4 << 20 }] });
const firstChunk = (kernel: FakeKernel, nents: number): Scatterlist =>
  kernel.scatterlists.at(kmalloc(kernel, nents * 32, GFP_KERNEL));

describe('sg_alloc_table_chained', () => {
  for (const [nents, first] of [
    [1, 0],
    [8, 0],
    [9, 0],
    [128, 0],
    [129, 0],
    [300, 0],
    [10, 1],
    [2, 2],
    [3, 2],
    [12, 12],
    [13, 12],
    [139, 12],
    [140, 12],
    [500, 128],
  ] as const) {
    it(`of ${nents} entries with a first part of ${first}`, () => {
      const kernel = smallKernel();
      kernel.scatterlists.pools.init();
      const chunk = first > 0 ? firstChunk(kernel, first) : null;
      const before = kernel.mm.statistics().kmallocObjects;
      const table = new SgTable(kernel);
      table.sgl = chunk;
      expect(sg_alloc_table_chained(table, nents, chunk, first)).to.equal(0);
      expect([table.nents, table.orig_nents, sg_nents(table.sgl)]).to.deep.equal([nents, nents, nents]);
      expect(table.sgl === chunk, 'the first part is used').to.equal(first > 1 || nents <= first);
      if (first > 1 && nents > first) expect(sg_is_chain(sg_entry(chunk!, first - 1))).to.equal(true);
      const parts = kernel.mm.statistics().kmallocObjects - before;
      const rest = first > 1 ? nents - first + 1 : nents;
      expect(parts, 'parts from the pools').to.equal(nents <= first ? 0 : Math.ceil((rest - 1) / 127) || 1);
      sg_free_table_chained(table, first);
      expect(kernel.mm.statistics().kmallocObjects).to.equal(before);
      expect(kernel.warned).to.deep.equal([]);
    });
  }

  it('takes from the reserve when memory has run out: two parts of each size, which come back to it', () => {
    const kernel = smallKernel();
    const table = (nents: number): SgTable | number => {
      const made = new SgTable(kernel);
      const error = sg_alloc_table_chained(made, nents, null, 0);
      return error === 0 ? made : error;
    };
    kernel.scatterlists.pools.init();
    kernel.mm.failures.failWhen(() => true);
    const [first, second] = [table(20), table(30)];
    expect([typeof first, typeof second, table(20)]).to.deep.equal(['object', 'object', -ENOMEM]);
    expect(table(5), 'another size has its own').to.be.an('object');
    sg_free_table_chained(first as SgTable, 0);
    expect(table(32)).to.be.an('object');
    expect(table(32)).to.equal(-ENOMEM);
  });

  it('without memory for the second part leaves the first part, and frees the third', () => {
    const kernel = smallKernel();
    kernel.scatterlists.pools.init();
    const chunk = firstChunk(kernel, 4);
    const before = kernel.mm.statistics().kmallocObjects;
    const table = new SgTable(kernel);
    kernel.mm.failures.failWhen(() => true);
    for (const nents of [4 + 128 * 2, 4 + 128 * 4]) {
      expect(sg_alloc_table_chained(table, nents, chunk, 4)).to.equal(nents < 400 ? 0 : -ENOMEM);
      if (nents < 400) sg_free_table_chained(table, 4);
    }
    expect(table.sgl).to.equal(null);
    expect(kernel.mm.statistics().kmallocObjects).to.equal(before);
  });

  it('of nothing is a bug; one whose first part is not in the table is a NULL pointer', () => {
    const kernel = smallKernel();
    expect(() => sg_alloc_table_chained(new SgTable(kernel), 0, null, 0)).to.throw(/BUG/);
    expect(() => sg_alloc_table_chained(new SgTable(kernel), 2, firstChunk(kernel, 4), 4)).to.throw(/NULL pointer/);
  });
});

describe('sgl_alloc', () => {
  const lengths = (sgl: Scatterlist): number[] => {
    const found: number[] = [];
    for (let sg: Scatterlist | null = sgl; sg !== null; sg = sg_next(sg)) found.push(sg.length);
    return found;
  };

  it('gives blocks for the bytes, and takes them back', () => {
    const kernel = smallKernel();
    const nents = out(0);
    const one = sgl_alloc(kernel, 4096 * 2 + 1, GFP_KERNEL, nents)!;
    expect([nents.value, lengths(one)]).to.deep.equal([3, [4096, 4096, 1]]);
    const two = sgl_alloc_order(kernel, 16_384 + 5, 2, true, GFP_KERNEL, nents)!;
    expect([nents.value, lengths(two)]).to.deep.equal([2, [16_384, 5, 0]]);
    expect(page_ref_count(sg_page(two))).to.equal(1);
    sgl_free(one);
    sgl_free_order(two, 2);
    const partly = sgl_alloc(kernel, 8192, GFP_KERNEL, null)!;
    const kept = sg_page(sg_entry(partly, 1));
    sgl_free_n_order(partly, 1, 0);
    expect(page_ref_count(kept)).to.equal(1);
    kernel.mm.slabs.shrink();
    expect(kernel.mm.statistics()).to.include({ kmallocObjects: 0, allocatedPages: 1 });
    expect(kernel.warned).to.deep.equal([]);
  });

  it('is NULL without memory, with nothing left, and for 4 GiB', () => {
    const kernel = smallKernel();
    for (const nth of [1, 2, 4]) {
      kernel.mm.failures.failNth(nth);
      expect(sgl_alloc(kernel, 3 * 4096, GFP_KERNEL, null)).to.equal(null);
      kernel.mm.slabs.shrink();
      expect(kernel.mm.statistics()).to.include({ kmallocObjects: 0, allocatedPages: 0 });
    }
    let tried = 0;
    kernel.mm.failures.failWhen(() => ++tried < 0);
    expect(sgl_alloc(kernel, 2 ** 32, GFP_KERNEL, null)).to.equal(null);
    expect(sgl_alloc(kernel, 2 ** 32 - 4095, GFP_KERNEL, null)).to.equal(null);
    expect(sgl_alloc(kernel, 2 ** 40 + 1, GFP_KERNEL, null)).to.equal(null);
    expect(tried, 'nothing is allocated').to.equal(0);
    expect(() => sgl_alloc(kernel, 0, GFP_KERNEL, null)).to.throw(/paging request/);
    expect(lengths(sgl_alloc_order(kernel, 0, 0, true, GFP_KERNEL, null)!)).to.deep.equal([0]);
  });
});
