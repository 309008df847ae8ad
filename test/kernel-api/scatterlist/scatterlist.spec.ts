import { expect } from 'chai';
import fc from 'fast-check';

import { dmaAddr, dmaAddrOf, virtAddr, type VirtAddr } from '../../../base/address';
import { EINVAL, ENOMEM } from '../../../base/errno';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { kmalloc, kzalloc } from '../../../kernel-api/mm/kmalloc';
import { PAGE_OFFSET } from '../../../kernel-api/mm/layout';
import { alloc_page, alloc_pages } from '../../../kernel-api/mm/page-alloc';
import { nth_page, page_address, page_to_phys, pfn_to_page, type Page } from '../../../kernel-api/mm/page';
import { vmalloc } from '../../../kernel-api/mm/vmalloc';
import { DmaWriter } from '../../../kernel-api/scatterlist/dma-writer';
import { EntryReader } from '../../../kernel-api/scatterlist/entry-reader';
import {
  dmaLength,
  dmaOffset,
  dmaPage,
  entryLength,
  entryOffset,
  entryPfn,
  nextEntry,
} from '../../../kernel-api/scatterlist/raw';
import {
  for_each_sg,
  sg_assign_page,
  sg_chain,
  sg_chain_ptr,
  sg_dma_address,
  sg_dma_len,
  sg_entry,
  sg_init_one,
  sg_init_table,
  sg_is_chain,
  sg_is_last,
  sg_kfree,
  sg_kmalloc,
  sg_mark_end,
  sg_next,
  sg_page,
  sg_phys,
  sg_set_buf,
  sg_set_page,
  sg_unmark_end,
  sg_virt,
  type Scatterlist,
} from '../../../kernel-api/scatterlist/scatterlist';
import { sg_last, sg_nents } from '../../../kernel-api/scatterlist/sg-count';
import {
  for_each_sgtable_dma_sg,
  for_each_sgtable_sg,
  sg_alloc_table,
  sg_alloc_table_from_pages,
  sg_alloc_table_from_pages_segment,
  sg_free_table,
  SgTable,
} from '../../../kernel-api/scatterlist/sg-table';
import { makeFakeKernel, type FakeKernel } from '../../support/fake-kernel';

/** `struct scatterlist` of a 64-bit kernel, read by hand: its 64-bit words and 32-bit halves. */
const fields = (kernel: FakeKernel, address: number) => {
  const view = new DataView(kernel.mm.read(virtAddr(address), 32).buffer);
  return {
    page_link: view.getBigUint64(0, true),
    offset: view.getUint32(8, true),
    length: view.getUint32(12, true),
    dma_address: view.getBigUint64(16, true),
    dma_length: view.getUint32(24, true),
    dma_flags: view.getUint32(28, true),
  };
};

/** vmemmap: one 64-byte `struct page` per page frame number, from 2^50 on. */
const structPage = (page: Page): bigint => 2n ** 50n + 64n * BigInt(page.pfn);

const makeList = (kernel: FakeKernel, nents: number): Scatterlist => {
  const sgl = sg_kmalloc(kernel, nents, GFP_KERNEL)!;
  sg_init_table(sgl, nents);
  return sgl;
};

const makeTable = (kernel: FakeKernel, nents: number): SgTable => {
  const table = new SgTable(kernel);
  expect(sg_alloc_table(table, nents, GFP_KERNEL)).to.equal(0);
  return table;
};

const expectNothingLeft = (kernel: FakeKernel): void => {
  kernel.mm.slabs.shrink();
  expect(kernel.mm.statistics()).to.include({ kmallocObjects: 0, allocatedPages: 0 });
  expect(kernel.warned).to.deep.equal([]);
};

describe('scatterlist entries', () => {
  it('lie in memory as the kernel lays them out', () => {
    const kernel = makeFakeKernel();
    const sgl = sg_kmalloc(kernel, 3, GFP_KERNEL)!;
    kernel.mm.fill(sgl.address, 0xff, 96);
    sg_init_table(sgl, 3);
    const page = alloc_page(kernel, GFP_KERNEL)!;
    sg_set_page(sgl, page, 0xfedc_ba98, 0x1234_5678);
    sgl.dma_address = dmaAddr(0xffff_eeee_dddd_cccc_bbbbn);
    sgl.dma_length = 0x8765_4321;
    sgl.dma_flags = 3;
    expect(fields(kernel, sgl.address)).to.deep.equal({
      page_link: structPage(page),
      offset: 0x1234_5678,
      length: 0xfedc_ba98,
      dma_address: 0xeeee_dddd_cccc_bbbbn,
      dma_length: 0x8765_4321,
      dma_flags: 3,
    });
    expect(fields(kernel, sgl.address + 32)).to.deep.equal({
      page_link: 0n,
      offset: 0,
      length: 0,
      dma_address: 0n,
      dma_length: 0,
      dma_flags: 0,
    });
    expect(fields(kernel, sgl.address + 64).page_link).to.equal(2n);
    expect(sgl.offset).to.equal(0x1234_5678);
    expect(sgl.length).to.equal(0xfedc_ba98);
    expect(sg_dma_address(sgl)).to.equal(0xeeee_dddd_cccc_bbbbn);
    expect(sg_dma_len(sgl)).to.equal(0x8765_4321);
  });

  it('have one handle per address', () => {
    const kernel = makeFakeKernel();
    const table = makeTable(kernel, 300);
    const entries = [...for_each_sgtable_sg(table)];
    expect(entries).to.have.length(300);
    expect(new Set(entries).size).to.equal(300);
    expect([...for_each_sgtable_sg(table)].every((sg, index) => sg === entries[index])).to.equal(true);
    const odd = kmalloc(kernel, 256, GFP_KERNEL);
    expect(kernel.scatterlists.at(virtAddr(odd + 8))).to.equal(kernel.scatterlists.at(virtAddr(odd + 8)));
    expect(kernel.scatterlists.at(virtAddr(odd + 8))).not.to.equal(kernel.scatterlists.at(odd));
  });

  it('keep their marks when a page is assigned, and lose the chain mark with the end mark', () => {
    const kernel = makeFakeKernel();
    const sgl = makeList(kernel, 2);
    const page = alloc_page(kernel, GFP_KERNEL)!;
    const last = sg_entry(sgl, 1);
    sg_set_page(last, page, 10, 20);
    expect(sg_is_last(last)).to.equal(true);
    expect(sg_page(last)).to.equal(page);
    sg_unmark_end(last);
    expect(sg_is_last(last)).to.equal(false);
    last.page_link += 1;
    sg_assign_page(last, nth_page(page, 1));
    expect(fields(kernel, last.address).page_link).to.equal(structPage(page) + 64n + 1n);
    sg_mark_end(last);
    expect(fields(kernel, last.address).page_link).to.equal(structPage(page) + 64n + 2n);
  });

  it('point at buffers of the linear map', () => {
    const kernel = makeFakeKernel();
    const buffer = virtAddr(kmalloc(kernel, 64, GFP_KERNEL) + 3);
    const sg = kernel.scatterlists.at(kmalloc(kernel, 32, GFP_KERNEL));
    sg_init_one(sg, buffer, 60);
    expect(sg_virt(sg)).to.equal(buffer);
    expect(sg_phys(sg)).to.equal(buffer - PAGE_OFFSET);
    expect([sg.offset, sg.length, sg_is_last(sg)]).to.deep.equal([buffer % 4096, 60, true]);
    const beyond = sg_entry(sg, 0);
    beyond.offset = 8192 + 5;
    expect(sg_phys(sg)).to.equal(page_to_phys(sg_page(sg)) + 8197);
  });

  it('made of a vmalloc address point at nonsense: no page has that number', () => {
    const kernel = makeFakeKernel();
    const area = vmalloc(kernel, 4096);
    const sg = kernel.scatterlists.at(kzalloc(kernel, 32, GFP_KERNEL));
    sg_set_buf(sg, area, 100);
    expect(kernel.mm.pages.frames.hasMemory(sg_page(sg).pfn)).to.equal(false);
    expect(sg_page(sg).pfn).not.to.equal(Math.floor(kernel.mm.translate(area) / 4096));
    expect(entryPfn(kernel, sg.address)).to.equal(sg_page(sg).pfn);
  });

  it('without a page are a NULL pointer', () => {
    const kernel = makeFakeKernel();
    const sgl = makeList(kernel, 2);
    for (const index of [0, 1]) {
      expect(() => sg_page(sg_entry(sgl, index))).to.throw(/NULL pointer/);
      expect(entryPfn(kernel, sg_entry(sgl, index).address)).to.be.lessThan(0);
    }
  });

  it('at a bad address are an oops', () => {
    const kernel = makeFakeKernel();
    const wild = kernel.scatterlists.at(virtAddr(0x2_0000_0000_0000));
    expect(() => sg_next(wild)).to.throw(/paging request/);
    expect(() => sg_init_table(makeList(kernel, 1), 0)).to.throw(/paging request/);
  });
});

describe('walking a list', () => {
  it('stops at the end mark, wherever it is', () => {
    const kernel = makeFakeKernel();
    const sgl = makeList(kernel, 10);
    expect(sg_nents(sgl)).to.equal(10);
    expect(sg_nents(sg_entry(sgl, 7))).to.equal(3);
    sg_mark_end(sg_entry(sgl, 3));
    expect(sg_nents(sgl)).to.equal(4);
    expect(sg_next(sg_entry(sgl, 3))).to.equal(null);
    expect(sg_nents(null)).to.equal(0);
    expect([...for_each_sg(sgl, 4)]).to.have.length(4);
    expect(() => [...for_each_sg(sgl, 5)]).to.throw(/NULL pointer/);
    expect([...for_each_sg(null, 0)]).to.have.length(0);
    expect(sg_last(sgl, 4)).to.equal(sg_entry(sgl, 3));
    expect(() => sg_last(sgl, 3)).to.throw(/sg_last/);
  });

  it('goes through chain links, which hold no data', () => {
    const kernel = makeFakeKernel();
    const [first, second] = [makeList(kernel, 4), makeList(kernel, 3)];
    const link = sg_entry(first, 3);
    link.length = link.offset = 77;
    sg_chain(first, 4, second);
    expect(fields(kernel, link.address)).to.include({ page_link: BigInt(second.address) + 1n, offset: 0, length: 0 });
    expect(sg_is_chain(link)).to.equal(true);
    expect(sg_is_last(link)).to.equal(false);
    expect(sg_chain_ptr(link)).to.equal(second);
    expect(sg_next(sg_entry(first, 2))).to.equal(second);
    expect(sg_nents(first)).to.equal(6);
  });

  it('reads the next entry, as the kernel does: a list without an end goes on in foreign memory', () => {
    const kernel = makeFakeKernel();
    const sgl = makeList(kernel, 2);
    sg_unmark_end(sg_entry(sgl, 1));
    expect(sg_next(sg_entry(sgl, 1))!.address).to.equal(sgl.address + 64);
  });
});

describe('sg_table', () => {
  for (const nents of [1, 2, 127, 128, 129, 254, 255, 256, 1000]) {
    it(`of ${nents} entries is chained by pages of 127 and a link`, () => {
      const kernel = makeFakeKernel();
      const table = makeTable(kernel, nents);
      expect([table.nents, table.orig_nents]).to.deep.equal([nents, nents]);
      let left = nents;
      let part = table.sgl!.address as number;
      while (left > 128) {
        for (let index = 0; index < 127; index++) expect(fields(kernel, part + 32 * index).page_link).to.equal(0n);
        const link = fields(kernel, part + 32 * 127).page_link;
        expect(link & 3n).to.equal(1n);
        expect(part % 4096, 'a part is a page').to.equal(0);
        part = Number(link - 1n);
        left -= 127;
      }
      for (let index = 0; index < left - 1; index++) expect(fields(kernel, part + 32 * index).page_link).to.equal(0n);
      expect(fields(kernel, part + 32 * (left - 1)).page_link).to.equal(2n);
      expect(sg_nents(table.sgl)).to.equal(nents);
      sg_free_table(table);
      expect(table.sgl).to.equal(null);
      expectNothingLeft(kernel);
    });
  }

  it('is zeroed, whatever was in memory', () => {
    const kernel = makeFakeKernel();
    const used = makeTable(kernel, 130);
    for (const sg of for_each_sgtable_sg(used)) kernel.mm.fill(virtAddr(sg.address + 8), 0xff, 24);
    sg_free_table(used);
    for (const sg of for_each_sgtable_sg(makeTable(kernel, 130)))
      expect(fields(kernel, sg.address)).to.include({ offset: 0, length: 0, dma_length: 0, dma_address: 0n });
  });

  it('of no entries is -EINVAL', () => {
    const table = new SgTable(makeFakeKernel());
    table.nents = table.orig_nents = 5;
    expect(sg_alloc_table(table, 0, GFP_KERNEL)).to.equal(-EINVAL);
    expect(table).to.include({ sgl: null, nents: 0, orig_nents: 0 });
  });

  // 400 entries are parts of 127, 127, 127 and 19.
  for (const [failing, expected] of [
    [1, 0],
    [2, 127 + 1],
    [3, 254 + 1],
    [4, 381 + 1],
  ] as const) {
    it(`frees everything if part ${failing} of 4 fails, and keeps the count of that moment`, () => {
      const kernel = makeFakeKernel();
      const table = new SgTable(kernel);
      kernel.mm.failures.failNth(failing);
      expect(sg_alloc_table(table, 400, GFP_KERNEL)).to.equal(-ENOMEM);
      expect(table).to.include({ sgl: null, nents: expected, orig_nents: expected });
      expectNothingLeft(kernel);
    });
  }

  it('of 100000 entries is no trouble', () => {
    const kernel = makeFakeKernel();
    const table = makeTable(kernel, 100_000);
    let count = 0;
    for (let entry = table.sgl!.address; entry !== 0; entry = nextEntry(kernel, entry)) count++;
    expect(count).to.equal(100_000);
    sg_free_table(table);
    expectNothingLeft(kernel);
  });

  it('tells the CPU entries from the mapped segments', () => {
    const table = makeTable(makeFakeKernel(), 200);
    table.nents = 3;
    expect([...for_each_sgtable_sg(table)]).to.have.length(200);
    expect([...for_each_sgtable_dma_sg(table)]).to.have.length(3);
  });

  it('over pages puts neighbours into one entry, up to a maximum', () => {
    const kernel = makeFakeKernel();
    const block = alloc_pages(kernel, GFP_KERNEL, 3)!;
    const lone = alloc_pages(kernel, GFP_KERNEL, 1)!;
    const pages = [0, 1, 2, 3, 4, 7, 6].map((index) => nth_page(block, index)).concat(nth_page(lone, 1));
    const layout = (table: SgTable): number[][] =>
      [...for_each_sgtable_sg(table)].map((sg) => [pages.indexOf(sg_page(sg)), sg.offset, sg.length]);
    const table = new SgTable(kernel);
    expect(sg_alloc_table_from_pages(table, pages, 8, 100, 8 * 4096 - 150, GFP_KERNEL)).to.equal(0);
    expect(layout(table)).to.deep.equal([
      [0, 100, 5 * 4096 - 100],
      [5, 0, 4096],
      [6, 0, 4096],
      [7, 0, 4096 - 50],
    ]);
    expect(sg_is_last(sg_last(table.sgl!, 4))).to.equal(true);
    sg_free_table(table);
    expect(sg_alloc_table_from_pages_segment(table, pages, 5, 0, 5 * 4096, 2 * 4096 + 100, GFP_KERNEL)).to.equal(0);
    expect(layout(table)).to.deep.equal([
      [0, 0, 8192],
      [2, 0, 8192],
      [4, 0, 4096],
    ]);
    sg_free_table(table);
    expect(sg_alloc_table_from_pages_segment(table, pages, 5, 0, 4096, 4095, GFP_KERNEL)).to.equal(-EINVAL);
    expect(kernel.warned).to.have.length(1);
    kernel.mm.failures.failNth(1);
    expect(sg_alloc_table_from_pages(table, pages, 8, 0, 4096, GFP_KERNEL)).to.equal(-ENOMEM);
    expect(sg_kfree.length).to.equal(2);
  });
});

describe('entries by address', () => {
  interface Model {
    readonly pfn: number;
    readonly offset: number;
    readonly length: number;
    readonly dmaPage: number;
    readonly dmaOffset: number;
    readonly dmaLength: number;
  }
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  const model: fc.Arbitrary<Model> = fc.record({
    pfn: fc.integer({ min: 0, max: 2 ** 38 }),
    offset: u32,
    length: u32,
    dmaPage: fc.oneof(fc.integer({ min: 0, max: 2 ** 40 }), fc.constantFrom(0, 2 ** 52 - 1, 2 ** 51 + 1)),
    dmaOffset: fc.integer({ min: 0, max: 4095 }),
    dmaLength: u32,
  });

  /** A chained list with parts of the given sizes, at addresses that do not follow each other. */
  const chained = (kernel: FakeKernel, parts: readonly number[]): Scatterlist => {
    const lists = parts.map((size, index) => makeList(kernel, size + (index + 1 < parts.length ? 1 : 0)));
    lists.forEach((list, index) => {
      if (index + 1 < lists.length) sg_chain(list, parts[index]! + 1, lists[index + 1]!);
    });
    return lists[0]!;
  };

  it('agree with the handles and with a plain array', () => {
    const parts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(parts, fc.array(model, { minLength: 200, maxLength: 200 }), (sizes, models) => {
        const kernel = makeFakeKernel({ banks: [{ base: 0x1_0000_0000, size: 1 << 20 }] });
        const sgl = chained(kernel, sizes);
        const nents = sizes.reduce((sum, size) => sum + size, 0);
        const expected = models.slice(0, nents);
        const handles = [...for_each_sg(sgl, nents)];
        const writer = new DmaWriter();
        writer.begin(kernel);
        handles.forEach((sg, index) => {
          const { pfn, offset, length, ...dma } = expected[index]!;
          sg_set_page(sg, pfn_to_page(kernel, pfn), length, offset);
          sg.dma_flags = index;
          if (index % 7 === 3) {
            sg.dma_address = dmaAddrOf(dma.dmaPage, dma.dmaOffset);
            sg.dma_length = dma.dmaLength;
          } else writer.put(sg.address, dma.dmaPage, dma.dmaOffset, dma.dmaLength);
        });
        writer.end();
        expect(sg_nents(sgl), 'marks are kept').to.equal(nents);

        const reader = new EntryReader();
        reader.begin(kernel, sgl.address, nents);
        const read: Model[] = [];
        while (reader.next()) {
          expect(reader.entry).to.equal(handles[read.length]!.address);
          const { pfn, offset, length, dmaPage: page, dmaOffset: at, dmaLength: bytes } = reader;
          read.push({ pfn, offset, length, dmaPage: page, dmaOffset: at, dmaLength: bytes });
        }
        expect(read).to.deep.equal(expected);

        let entry: VirtAddr = sgl.address;
        expected.forEach((want, index) => {
          expect(entry).to.equal(handles[index]!.address);
          expect({
            pfn: entryPfn(kernel, entry),
            offset: entryOffset(kernel, entry),
            length: entryLength(kernel, entry),
            dmaPage: dmaPage(kernel, entry),
            dmaOffset: dmaOffset(kernel, entry),
            dmaLength: dmaLength(kernel, entry),
          }).to.deep.equal(want);
          const address = (BigInt(want.dmaPage) << 12n) | BigInt(want.dmaOffset);
          expect(handles[index]!.dma_address).to.equal(BigInt.asUintN(64, address));
          expect(handles[index]!.dma_flags).to.equal(index);
          entry = nextEntry(kernel, entry);
        });
        expect(entry).to.equal(0);
      }),
      { numRuns: 25 },
    );
  });

  it('are read no further than asked for, and past the end not at all', () => {
    const kernel = makeFakeKernel();
    const sgl = chained(kernel, [3, 2]);
    const reader = new EntryReader();
    const count = (nents: number): number => {
      reader.begin(kernel, sgl.address, nents);
      let entries = 0;
      while (reader.next()) entries++;
      return entries;
    };
    expect([0, 1, 3, 4, 5].map(count)).to.deep.equal([0, 1, 3, 4, 5]);
    expect(() => count(6)).to.throw(/NULL pointer/);
    expect(reader.entry).to.equal(sg_last(sgl, 5).address);
  });

  it('are not read beyond the page in which a part of the list ends', () => {
    const kernel = makeFakeKernel();
    const first = kernel.scatterlists.at(virtAddr(vmalloc(kernel, 4096) + 4096 - 3 * 32));
    const second = makeList(kernel, 8);
    sg_init_table(first, 3);
    sg_chain(first, 3, second);
    const reader = new EntryReader();
    reader.begin(kernel, first.address, 10);
    const seen: number[] = [];
    while (reader.next()) seen.push(reader.entry);
    expect(seen).to.deep.equal([...for_each_sg(first, 10)].map(({ address }) => address));
  });

  it('work in memory that is not contiguous', () => {
    const kernel = makeFakeKernel();
    const area = vmalloc(kernel, 3 * 4096);
    const sgl = kernel.scatterlists.at(virtAddr(area + 4096 - 5 * 32 - 16));
    sg_init_table(sgl, 20);
    const page = alloc_page(kernel, GFP_KERNEL)!;
    for (const sg of for_each_sg(sgl, 20)) sg_set_page(sg, page, sg.address % 4096, 0);
    const reader = new EntryReader();
    reader.begin(kernel, sgl.address, 20);
    let index = 0;
    while (reader.next()) expect(reader.length).to.equal((sgl.address + 32 * index++) % 4096);
    expect(index).to.equal(20);
    expect(page_address(page)).to.equal(sg_virt(sgl));
  });
});
