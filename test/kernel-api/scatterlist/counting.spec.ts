import { expect } from 'chai';

import { dmaAddr, SIZE_MAX, virtAddr } from '../../../base/address';
import { EINVAL } from '../../../base/errno';
import { __GFP_COMP, GFP_KERNEL } from '../../../kernel-api/gfp';
import { kmalloc } from '../../../kernel-api/mm/kmalloc';
import { alloc_pages, nth_page } from '../../../kernel-api/mm/page-alloc';
import { kernel_data } from '../../../kernel-api/mm/string';
import { vmalloc } from '../../../kernel-api/mm/vmalloc';
import {
  sg_dma_is_bus_address,
  sg_dma_is_swiotlb,
  sg_dma_mark_bus_address,
  sg_dma_mark_swiotlb,
  sg_dma_unmark_bus_address,
} from '../../../kernel-api/scatterlist/dma-flags';
import { SG_MITER_ATOMIC, SG_MITER_FROM_SG, SG_MITER_LOCAL } from '../../../kernel-api/scatterlist/miter';
import {
  sg_miter_next,
  sg_miter_skip,
  sg_miter_start,
  sg_miter_stop,
  SgMappingIter,
} from '../../../kernel-api/scatterlist/miter';
import {
  for_each_sg_dma_page,
  for_each_sgtable_dma_page,
  for_each_sgtable_page,
} from '../../../kernel-api/scatterlist/page-iter';
import {
  sg_chain,
  sg_entry,
  sg_page,
  sg_phys,
  sg_set_buf,
  sg_set_folio,
  sg_set_page,
} from '../../../kernel-api/scatterlist/scatterlist';
import { sg_nents, sg_nents_for_dma, sg_nents_for_len } from '../../../kernel-api/scatterlist/sg-count';
import { for_each_sgtable_sg, sg_alloc_table, SgTable } from '../../../kernel-api/scatterlist/sg-table';
import { makeFakeKernel, type FakeKernel } from '../../support/fake-kernel';

const makeTable = (kernel: FakeKernel, lengths: readonly number[]): SgTable => {
  const table = new SgTable(kernel);
  expect(sg_alloc_table(table, lengths.length, GFP_KERNEL)).to.equal(0);
  [...for_each_sgtable_sg(table)].forEach((sg, i) =>
    sg_set_page(sg, alloc_pages(kernel, GFP_KERNEL, 1)!, lengths[i]!, 0),
  );
  return table;
};

describe('counting entries', () => {
  it('for a length stops where there is enough', () => {
    const { sgl } = makeTable(makeFakeKernel(), [100, 0, 50, 1]);
    const counts = [0, 1, 100, 101, 150, 151, 152].map((length) => sg_nents_for_len(sgl, length));
    expect(counts).to.deep.equal([0, 1, 1, 3, 3, 4, -EINVAL]);
    expect(sg_nents_for_len(null, 1)).to.equal(-EINVAL);
  });

  it('for a device counts its transfers, in the arithmetic of size_t', () => {
    const table = makeTable(makeFakeKernel(), [1, 1, 1]);
    [...for_each_sgtable_sg(table)].forEach((sg, index) => (sg.dma_length = [4096, 4097, 0][index]!));
    const count = (length: number, nents = 3): number => sg_nents_for_dma(table.sgl, nents, length);
    expect([count(4096), count(4097), count(1), count(4096, 1), count(4096, 0)]).to.deep.equal([3, 2, 8193, 1, 0]);
    expect([count(0), count(SIZE_MAX)]).to.deep.equal([-3, 0]);
    table.sgl!.dma_length = 1;
    expect(count(SIZE_MAX)).to.equal(1);
  });

  it('of a list that leads back into itself ends with an oops, not never', () => {
    const kernel = makeFakeKernel();
    for (const size of [2, 5, 300]) {
      const { sgl } = makeTable(kernel, new Array<number>(size + 1).fill(0));
      sg_chain(sgl!, 2, sgl!);
      expect(() => sg_nents(sgl)).to.throw(/leads back into itself/);
      expect(() => sg_nents_for_len(sgl, 1)).to.throw(/leads back into itself/);
    }
  });
});

describe('entries given something odd', () => {
  it('sg_set_buf warns of addresses that no page has, and not of the kernel image', () => {
    const kernel = makeFakeKernel();
    const { sgl } = makeTable(kernel, [0]);
    sg_set_buf(sgl!, vmalloc(kernel, 100), 100);
    sg_set_buf(sgl!, virtAddr(0x1000), 100);
    expect(kernel.warned.map((text) => text.split(':')[0])).to.deep.equal(['sg_set_buf', 'sg_set_buf']);
    const data = kernel_data(kernel, new Uint8Array(16));
    sg_set_buf(sgl!, data, 16);
    sg_set_buf(sgl!, kmalloc(kernel, 16, GFP_KERNEL), 16);
    expect(kernel.warned).to.have.length(2);
  });

  it('sg_set_folio cuts to 32 bits and says so once', () => {
    const kernel = makeFakeKernel();
    const { sgl } = makeTable(kernel, [0]);
    const folio = alloc_pages(kernel, GFP_KERNEL | __GFP_COMP, 3)!;
    sg_set_folio(sgl!, folio, 5000, 3 * 4096);
    expect([sg_page(sgl!), sgl!.offset, sgl!.length]).to.deep.equal([folio, 3 * 4096, 5000]);
    expect(sg_phys(sgl!)).to.equal(nth_page(folio, 3).pfn * 4096);
    for (let i = 0; i < 2; i++) sg_set_folio(sgl!, folio, 2 ** 32 + 7, 2 ** 32 + 5);
    expect([sgl!.offset, sgl!.length, kernel.warned.length]).to.deep.equal([5, 7, 1]);
  });

  it('a page for a chain link is a warning', () => {
    const kernel = makeFakeKernel();
    const [a, b] = [makeTable(kernel, [0, 0]), makeTable(kernel, [0])];
    sg_chain(a.sgl!, 2, b.sgl!);
    sg_set_page(sg_entry(a.sgl!, 1), alloc_pages(kernel, GFP_KERNEL, 0)!, 1, 0);
    expect(kernel.warned).to.have.length(1);
  });

  it('the marks of a mapping do not touch each other', () => {
    const { sgl } = makeTable(makeFakeKernel(), [0]);
    const sg = sgl!;
    const marks = (): boolean[] => [sg_dma_is_bus_address(sg), sg_dma_is_swiotlb(sg)];
    expect(marks()).to.deep.equal([false, false]);
    sg_dma_mark_bus_address(sg);
    expect(marks()).to.deep.equal([true, false]);
    sg_dma_mark_swiotlb(sg);
    sg_dma_unmark_bus_address(sg);
    expect([...marks(), sg.dma_flags]).to.deep.equal([false, true, 2]);
  });
});

describe('page iterators', () => {
  it('go over mapped segments, with the offset of the entry', () => {
    const kernel = makeFakeKernel();
    const table = makeTable(kernel, [8192, 8192, 4096]);
    const [first, second] = [...for_each_sgtable_sg(table)];
    first!.dma_address = dmaAddr(0xffff_ffff_ffff_f000n);
    first!.dma_length = 8192;
    second!.dma_address = dmaAddr(0x7000n);
    second!.dma_length = 4096 * 2 - 50;
    second!.offset = 100;
    table.nents = 2;
    const all = [0xffff_ffff_ffff_f000n, 0n, 0x7000n, 0x8000n, 0x9000n];
    expect([...for_each_sgtable_dma_page(table, 0)]).to.deep.equal(all);
    expect([...for_each_sgtable_dma_page(table, 3)]).to.deep.equal(all.slice(3));
    expect([...for_each_sgtable_dma_page(table, 5)]).to.deep.equal([]);
    expect([...for_each_sg_dma_page(table.sgl, 1, 0)]).to.deep.equal(all.slice(0, 2));
    expect([...for_each_sg_dma_page(table.sgl, 0, 0)]).to.deep.equal([]);
    expect([...for_each_sgtable_page(table, 0)]).to.have.length(6);
    expect([...for_each_sgtable_page(table, 5)]).to.deep.equal([sg_page([...for_each_sgtable_sg(table)][2]!)]);
  });

  it('count pages in 32 bits, as Linux does: a length that overflows has few', () => {
    const table = makeTable(makeFakeKernel(), [0xffff_ffff]);
    table.sgl!.offset = 5000;
    expect([...for_each_sgtable_page(table, 0)]).to.have.length(2);
  });
});

describe('sg_miter', () => {
  const withTask = (): { kernel: FakeKernel; task: { preemptCount: number }; slept: string[] } => {
    const kernel = makeFakeKernel();
    const task = { preemptCount: 0 };
    const slept: string[] = [];
    Object.assign(kernel.sched, { current: task, mightSleep: (where: string) => void slept.push(where) });
    return { kernel, task, slept };
  };

  it('is atomic from a piece to the stop, if asked to be', () => {
    const { kernel, task, slept } = withTask();
    const table = makeTable(kernel, [10, 10]);
    const miter = new SgMappingIter(kernel);
    sg_miter_start(miter, table.sgl, 2, SG_MITER_FROM_SG | SG_MITER_ATOMIC);
    slept.length = 0;
    const seen: number[] = [];
    while (sg_miter_next(miter)) seen.push(task.preemptCount);
    expect([seen, task.preemptCount, slept]).to.deep.equal([[1, 1], 0, []]);
    sg_miter_start(miter, table.sgl, 2, SG_MITER_FROM_SG | SG_MITER_LOCAL);
    sg_miter_next(miter);
    expect([task.preemptCount, slept]).to.deep.equal([0, []]);
    sg_miter_stop(miter);
    sg_miter_start(miter, table.sgl, 2, SG_MITER_FROM_SG);
    sg_miter_next(miter);
    expect(slept).to.deep.equal(['kmap']);
  });

  it('goes back by a negative skip within a page; beyond its start the address is wild', () => {
    const { kernel } = withTask();
    const table = makeTable(kernel, [4096]);
    const miter = new SgMappingIter(kernel);
    sg_miter_start(miter, table.sgl, 1, SG_MITER_FROM_SG);
    expect([sg_miter_skip(miter, 100), sg_miter_skip(miter, -40), sg_miter_next(miter)]).to.deep.equal([
      true,
      true,
      true,
    ]);
    expect([miter.addr % 4096, miter.length]).to.deep.equal([60, 4036]);
    sg_miter_start(miter, table.sgl, 1, SG_MITER_FROM_SG);
    sg_miter_skip(miter, -8);
    sg_miter_next(miter);
    expect(() => kernel.mm.load8(miter.addr)).to.throw(/paging request/);
  });

  it('gives a piece of no bytes for an empty entry within a page, as Linux does', () => {
    const { kernel } = withTask();
    const table = makeTable(kernel, [0, 0, 5]);
    table.sgl!.offset = 7;
    const miter = new SgMappingIter(kernel);
    sg_miter_start(miter, table.sgl, 3, SG_MITER_FROM_SG);
    const lengths: number[] = [];
    while (sg_miter_next(miter)) lengths.push(miter.length);
    expect(lengths).to.deep.equal([0, 5]);
  });
});
