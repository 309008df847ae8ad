import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';
import fc from 'fast-check';

import { EINVAL, ENOMEM } from '../../../base/errno';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { alloc_pages, nth_page, pfn_to_page, type Page } from '../../../kernel-api/mm/page-alloc';
import {
  sg_alloc_append_table_from_pages,
  sg_alloc_table_from_pages_segment,
  sg_free_append_table,
  SgAppendTable,
} from '../../../kernel-api/scatterlist/append-table';
import { for_each_sg, sg_page } from '../../../kernel-api/scatterlist/scatterlist';
import { sg_nents } from '../../../kernel-api/scatterlist/sg-count';
import { for_each_sgtable_sg, sg_free_table, SgTable } from '../../../kernel-api/scatterlist/sg-table';
import { makeFakeKernel, type FakeKernel } from '../../support/fake-kernel';

type Row = readonly [maxSegment: number, offset: number, size: number, runs: number[], ret: number, out: number[]];

const { cases } = JSON.parse(readFileSync(join(__dirname, '../../fixtures/linux-sg-from-pages.json'), 'utf8')) as {
  cases: Row[];
};

const layoutOf = (table: SgTable, base: number): number[] =>
  [...for_each_sgtable_sg(table)].flatMap((sg) => [sg_page(sg).pfn - base, sg.offset, sg.length]);

const expectNothingLeft = (kernel: FakeKernel): void => {
  kernel.mm.slabs.shrink();
  expect(kernel.mm.statistics()).to.include({ kmallocObjects: 0, allocatedPages: 0 });
};

const smallKernel = (): FakeKernel => makeFakeKernel({ banks: [{ base: 0x8000_0000, size: 4 << 20 }] });

/** Entries as page, offset, length by a walk over bytes: obvious, and slow. */
const model = (pfns: readonly number[], offset: number, size: number, maxSegment: number): number[] => {
  const maxPages = Math.floor(maxSegment / 4096);
  const runs: { first: number; pages: number }[] = [];
  for (const pfn of pfns) {
    const last = runs.at(-1);
    if (last !== undefined && last.first + last.pages === pfn && last.pages < maxPages) last.pages++;
    else runs.push({ first: pfn, pages: 1 });
  }
  let left = size;
  return runs.flatMap(({ first, pages }, index) => {
    const start = index === 0 ? offset : 0;
    const room = pages * 4096 - start;
    const length = Math.min(left, room);
    left -= length;
    return [first, start, length];
  });
};

describe('sg_alloc_table_from_pages_segment', () => {
  it('makes the entries that Linux 7.2.13 was measured to make', () => {
    const kernel = makeFakeKernel({ banks: [{ base: 0x8000_0000, size: 16 << 20 }] });
    const block = alloc_pages(kernel, GFP_KERNEL, 10)!;
    const found = cases.map(([maxSegment, offset, size, runs]) => {
      const pages: Page[] = [];
      for (let at = 0; at < runs.length; at += 2)
        for (let page = 0; page < runs[at + 1]!; page++) pages.push(nth_page(block, runs[at]! + page));
      const table = new SgTable(kernel);
      const args = [pages, pages.length, offset, size, maxSegment, GFP_KERNEL] as const;
      const ret = sg_alloc_table_from_pages_segment(table, ...args);
      const out = layoutOf(table, block.pfn);
      expect(table.nents).to.equal(table.orig_nents);
      sg_free_table(table);
      return [ret, out];
    });
    expect(found).to.deep.equal(cases.map(([, , , , ret, out]) => [ret, out]));
    expect(cases).to.have.length(200);
  });

  it('agrees with a model, whatever the pages', () => {
    const kernel = smallKernel();
    const run = fc.tuple(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 1, max: 8 }));
    fc.assert(
      fc.property(
        fc.array(run, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 4095 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 4096, max: 40_000 }),
        (runs, offset, share, maxSegment) => {
          const pfns = runs.flatMap(([first, count]) => Array.from({ length: count }, (_, i) => 0x8_0000 + first + i));
          const pages = pfns.map((pfn) => pfn_to_page(kernel, pfn));
          // The last page is reached: less is a mistake of the caller, tested below.
          const size = (pages.length - 1) * 4096 - offset + Math.ceil(share * 4095) + 1;
          if (size <= 0) return;
          const table = new SgTable(kernel);
          const ret = sg_alloc_table_from_pages_segment(
            table,
            pages,
            pages.length,
            offset,
            size,
            maxSegment,
            GFP_KERNEL,
          );
          expect(ret).to.equal(0);
          expect(layoutOf(table, 0)).to.deep.equal(model(pfns, offset, size, maxSegment));
          sg_free_table(table);
        },
      ),
      { numRuns: 60 },
    );
    expectNothingLeft(kernel);
  });

  it('given more pages than bytes lets the size wrap: the pages after it are whole, as in Linux', () => {
    const kernel = smallKernel();
    const pages = [0, 2, 4].map((pfn) => pfn_to_page(kernel, 0x8_0000 + pfn));
    const table = new SgTable(kernel);
    expect(sg_alloc_table_from_pages_segment(table, pages, 3, 0, 100, 0xffff_ffff, GFP_KERNEL)).to.equal(0);
    expect(layoutOf(table, 0x8_0000)).to.deep.equal([0, 0, 100, 2, 0, 4096, 4, 0, 4096]);
  });

  it('without pages is a NULL pointer', () => {
    const kernel = smallKernel();
    const make = (): number => sg_alloc_table_from_pages_segment(new SgTable(kernel), [], 0, 0, 0, 4096, GFP_KERNEL);
    expect(make).to.throw(/NULL pointer/);
  });
});

describe('sg_alloc_append_table_from_pages', () => {
  const add = (
    table: SgAppendTable,
    pfns: readonly number[],
    left: number,
    { offset = 0, max = 0xffff_ffff }: { offset?: number; max?: number } = {},
  ): number => {
    const pages = pfns.map((pfn) => pfn_to_page(table.sgt.kernel, 0x8_0000 + pfn));
    const size = pages.length * 4096 - offset;
    return sg_alloc_append_table_from_pages(table, pages, pages.length, offset, size, max, left, GFP_KERNEL);
  };

  it('grows the last entry by pages that follow it, up to the maximum', () => {
    const table = new SgAppendTable(smallKernel());
    expect(add(table, [1, 2], 3, { offset: 10 })).to.equal(0);
    expect(sg_nents(table.sgt.sgl), 'it does not end yet: there is room for what is to come').to.be.greaterThan(1);
    expect(add(table, [3, 4], 1, { max: 12_288 })).to.equal(0);
    expect(add(table, [5], 0)).to.equal(0);
    expect(layoutOf(table.sgt, 0x8_0000)).to.deep.equal([1, 10, 3 * 4096 - 10, 4, 0, 8192]);
    expect(sg_nents(table.sgt.sgl)).to.equal(2);
    sg_free_append_table(table);
    expectNothingLeft(table.sgt.kernel as FakeKernel);
  });

  it('agrees with one call for all pages, however they are dealt out', () => {
    const kernel = smallKernel();
    const pfnList = fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 500 });
    fc.assert(
      fc.property(pfnList, fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 6 }), (pfns, cuts) => {
        const table = new SgAppendTable(kernel);
        let at = 0;
        for (const cut of [...cuts, pfns.length]) {
          const part = pfns.slice(at, at + cut);
          if (part.length === 0) break;
          at += part.length;
          expect(add(table, part, pfns.length - at)).to.equal(0);
        }
        const once = new SgTable(kernel);
        const pages = pfns.map((pfn) => pfn_to_page(kernel, 0x8_0000 + pfn));
        sg_alloc_table_from_pages_segment(once, pages, pages.length, 0, pages.length * 4096, 0xffff_ffff, GFP_KERNEL);
        expect(layoutOf(table.sgt, 0)).to.deep.equal(layoutOf(once, 0));
        expect(sg_nents(table.sgt.sgl)).to.equal(table.sgt.orig_nents);
        expect(table.total_nents).to.be.at.least(table.sgt.orig_nents);
        sg_free_table(once);
        sg_free_append_table(table);
      }),
      { numRuns: 30 },
    );
    expectNothingLeft(kernel);
    expect(kernel.warned).to.deep.equal([]);
  });

  it('refuses an offset in a later call and a maximum below a page', () => {
    const table = new SgAppendTable(smallKernel());
    expect(add(table, [1], 1)).to.equal(0);
    expect(add(table, [2], 0, { offset: 1 })).to.equal(-EINVAL);
    expect(add(table, [2], 0, { max: 4095 })).to.equal(-EINVAL);
    expect((table.sgt.kernel as FakeKernel).warned).to.have.length(2);
    expect(layoutOf(table.sgt, 0x8_0000)).to.deep.equal([1, 0, 4096]);
  });

  it('without memory keeps what it had, and its last length', () => {
    const kernel = smallKernel();
    const table = new SgAppendTable(kernel);
    const scattered = Array.from({ length: 400 }, (_, i) => 3 + 2 * i);
    expect(add(table, [1], 401)).to.equal(0);
    kernel.mm.failures.failNth(2);
    expect(add(table, [2, ...scattered], 0)).to.equal(-ENOMEM);
    expect(layoutOf(table.sgt, 0x8_0000)).to.deep.equal([1, 0, 4096]);
    expect([...for_each_sg(table.sgt.sgl, 1)][0]!.length).to.equal(4096);
    sg_free_append_table(table);
    expectNothingLeft(kernel);
  });

  it('that promised no more pages has no entry to go on with', () => {
    const table = new SgAppendTable(smallKernel());
    expect(add(table, [1], 0)).to.equal(0);
    expect(() => add(table, [9], 0)).to.throw(/NULL pointer/);
  });
});
