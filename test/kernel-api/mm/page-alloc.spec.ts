import { expect } from 'chai';
import fc from 'fast-check';

import { physAddr, virtAddr } from '../../../base/address';
import {
  __GFP_COMP,
  __GFP_DMA,
  __GFP_NOWARN,
  __GFP_ZERO,
  GFP_ATOMIC,
  GFP_DMA32,
  GFP_KERNEL,
} from '../../../kernel-api/gfp';
import { pfnToPageAddress } from '../../../kernel-api/mm/layout';
import {
  __free_page,
  __free_pages,
  __get_free_pages,
  alloc_page,
  alloc_pages,
  compound_head,
  compound_order,
  free_pages,
  get_page,
  get_zeroed_page,
  PageReserved,
  page_ref_count,
  put_page,
  split_page,
} from '../../../kernel-api/mm/page-alloc';
import {
  get_order,
  nth_page,
  pageAtAddress,
  page_address,
  page_to_phys,
  pfn_to_page,
  pfn_valid,
  phys_to_page,
  virt_to_page,
  type Page,
} from '../../../kernel-api/mm/page';
import { ZONE_DMA, ZONE_DMA32, ZONE_NORMAL } from '../../../kernel-api/mm/page-allocator';
import { FakeCpuPort } from '../../support/fake-cpu-port';
import { makeFakeKernel, type FakeKernel } from '../../support/fake-kernel';

const MIB = 1 << 20;
const ZONES = [ZONE_DMA, ZONE_DMA32, ZONE_NORMAL];

/** Every free block of a kernel, in the order in which it will be handed out. */
const freeBlocks = ({ mm }: FakeKernel): number[][] => {
  mm.pages.drain();
  return ZONES.flatMap((zone) => Array.from({ length: 11 }, (_, order) => mm.pages.freeBlocks(zone, order)));
};

const sorted = (blocks: number[][]): number[][] => blocks.map((pfns) => [...pfns].sort((a, b) => a - b));

const need = <T>(value: T | null): T => {
  if (value === null) throw new Error('the allocation failed');
  return value;
};

describe('page allocator', () => {
  it('is created without an access to memory', () => {
    const cpu = new FakeCpuPort();
    const kernel = makeFakeKernel({ cpu });
    expect(cpu.accesses).to.equal(0);
    expect(kernel.mm.statistics().allocatedPages).to.equal(0);
  });

  it('starts with the largest blocks that the memory map allows', () => {
    const kernel = makeFakeKernel({ banks: [{ base: 0x8000_0000, size: 8 * MIB }] });
    // The kernel image takes the first 256 KiB: 64 pages.
    const expected = [[], [], [], [], [], [], [0x80040], [0x80080], [0x80100], [0x80200], [0x80400]];
    expect(freeBlocks(kernel).slice(11, 22)).to.deep.equal(expected);
    expect(kernel.mm.statistics().freePages).to.deep.equal({ dma: 0, dma32: 2048 - 64, normal: 0 });
  });

  it('hands out ascending pages from fresh memory, aligned blocks of every order, and the page freed last first', () => {
    const kernel = makeFakeKernel();
    const first = need(alloc_page(kernel, GFP_KERNEL));
    const pfns = Array.from({ length: 100 }, () => need(alloc_page(kernel, GFP_KERNEL)).pfn);
    pfns.forEach((pfn, index) => expect(pfn).to.equal(first.pfn + 1 + index));
    for (let order = 0; order <= 10; order++) {
      expect(need(alloc_pages(kernel, GFP_KERNEL, order)).pfn % (1 << order)).to.equal(0);
    }
    __free_page(first);
    expect(alloc_page(kernel, GFP_KERNEL)).to.equal(first);
    expect(kernel.warned).to.deep.equal([]);
  });

  it('prefers memory above 4 GiB, falls back to lower zones, and keeps GFP_DMA32 below', () => {
    const kernel = makeFakeKernel();
    const { mm } = kernel;
    expect(mm.pages.zoneOfPfn(need(alloc_page(kernel, GFP_KERNEL)).pfn)).to.equal(ZONE_NORMAL);
    expect(mm.pages.zoneOfPfn(need(alloc_page(kernel, GFP_DMA32)).pfn)).to.equal(ZONE_DMA32);
    expect(mm.pages.zoneOfPfn(need(alloc_page(kernel, __GFP_DMA)).pfn), 'no ZONE_DMA here').to.equal(ZONE_NORMAL);
    while (mm.pages.freePages(ZONE_NORMAL) > 0) mm.allocPfn(GFP_KERNEL, 0);
    expect(mm.pages.zoneOfPfn(need(alloc_page(kernel, GFP_KERNEL)).pfn)).to.equal(ZONE_DMA32);
    while (mm.pages.freePages(ZONE_DMA32) > 0) mm.allocPfn(GFP_KERNEL, 0);
    expect(alloc_page(kernel, GFP_KERNEL)).to.equal(null);
    expect(mm.allocPfn(GFP_DMA32, 3)).to.equal(-1);
  });

  it('has a ZONE_DMA where the memory map says so', () => {
    const kernel = makeFakeKernel({ zoneDmaLimit: 0x8200_0000 });
    expect(kernel.mm.statistics().freePages).to.deep.equal({ dma: 8192 - 64, dma32: 8192, normal: 16384 });
    expect(need(alloc_page(kernel, __GFP_DMA)).pfn).to.be.lessThan(0x82000);
    expect(need(alloc_page(kernel, GFP_DMA32)).pfn).to.be.within(0x82000, 0x83fff);
  });

  it('never hands out reserved, missing or partial pages', () => {
    const kernel = makeFakeKernel({
      banks: [
        { base: 0x8000_0800, size: 2 * MIB },
        { base: 0x8030_0000, size: 3 * MIB },
      ],
      reserved: [
        { base: physAddr(0x8010_0fff), size: 2 },
        { base: physAddr(0x8050_0000), size: 0x1000 },
        { base: physAddr(0x9000_0000), size: 0x1000 },
      ],
    });
    const seen = new Set<number>();
    for (let page = alloc_page(kernel, GFP_KERNEL); page !== null; page = alloc_page(kernel, GFP_KERNEL))
      seen.add(page.pfn);
    expect(seen.size).to.equal(511 + 768 - 2 - 1 - 64);
    for (const pfn of [0x80000, 0x80100, 0x80101, 0x80200, 0x802ff, 0x80500, 0x80600])
      expect(seen.has(pfn)).to.equal(false);
    expect(pfn_valid(kernel, 0x80100)).to.equal(true);
    expect(pfn_valid(kernel, 0x80000)).to.equal(false);
    expect(pfn_valid(kernel, 0x80250)).to.equal(false);
    expect(PageReserved(pfn_to_page(kernel, 0x80500))).to.equal(true);
  });

  it('zeroes pages on request, all of them and no more', () => {
    const kernel = makeFakeKernel();
    const { mm } = kernel;
    const base = __get_free_pages(kernel, GFP_KERNEL, 2);
    mm.fill(base, 0xa5, 4 * 4096);
    free_pages(kernel, base, 2);
    const block = need(alloc_pages(kernel, GFP_KERNEL | __GFP_ZERO, 1));
    const start = page_address(block);
    expect(mm.read(start, 8192)).to.deep.equal(new Uint8Array(8192));
    const zeroed = get_zeroed_page(kernel, GFP_KERNEL);
    expect(mm.read(zeroed, 4096)).to.deep.equal(new Uint8Array(4096));
    expect(mm.read(virtAddr(base), 16384).filter((byte) => byte === 0xa5).length).to.be.greaterThan(0);
  });

  it('converts between pages, numbers and addresses', () => {
    const kernel = makeFakeKernel();
    const page = need(alloc_pages(kernel, GFP_KERNEL, 1));
    const second = nth_page(page, 1);
    expect(phys_to_page(kernel, physAddr(page_to_phys(second) + 4095))).to.equal(second);
    expect(virt_to_page(kernel, virtAddr(page_address(second) + 1))).to.equal(second);
    expect(pageAtAddress(kernel, pfnToPageAddress(second.pfn))).to.equal(second);
    expect(pfn_to_page(kernel, 0x7_ffff_0000)).to.equal(pfn_to_page(kernel, 0x7_ffff_0000));
    expect([0, 1, 4096, 4097, 8193, 1 << 22].map(get_order)).to.deep.equal([52, 0, 0, 1, 2, 10]);
  });

  it('refuses orders that do not exist', () => {
    const kernel = makeFakeKernel();
    expect(alloc_pages(kernel, GFP_KERNEL, 11)).to.equal(null);
    expect(alloc_pages(kernel, GFP_KERNEL, -1)).to.equal(null);
    expect(kernel.warned.length).to.equal(2);
    expect(alloc_pages(kernel, GFP_ATOMIC | __GFP_NOWARN, 11)).to.equal(null);
    expect(kernel.warned.length).to.equal(2);
  });

  describe('misuse', () => {
    const cases: [string, RegExp, (kernel: FakeKernel, page: Page) => void][] = [
      ['a double free', /already free/, (_, page) => [1, 2].forEach(() => __free_pages(page, 2))],
      ['a free with the wrong order', /allocated with order 2, not 1/, (_, page) => __free_pages(page, 1)],
      ['a free of an inner page', /not the first page/, (_, page) => __free_pages(nth_page(page, 1), 0)],
      ['a free of no memory', /is no memory/, (kernel) => __free_page(pfn_to_page(kernel, 0x10))],
      ['a free of nonsense', /is no memory/, (kernel) => __free_page(pfn_to_page(kernel, -7))],
      ['a free of the kernel image', /is reserved/, (kernel) => __free_page(pfn_to_page(kernel, 0x80000))],
      ['a page put twice', /already free/, (_, page) => [1, 2].forEach(() => put_page(page))],
      ['a free page held', /is free/, (kernel) => get_page(pfn_to_page(kernel, 0x80400))],
      [
        'a split of a compound page',
        /no allocated block/,
        (kernel) => split_page(need(alloc_pages(kernel, GFP_KERNEL | __GFP_COMP, 1)), 1),
      ],
    ];
    for (const [name, message, misuse] of cases) {
      it(`${name} is a warning and spoils nothing`, () => {
        const kernel = makeFakeKernel({ banks: [{ base: 0x8000_0000, size: 8 * MIB }] });
        misuse(kernel, need(alloc_pages(kernel, GFP_KERNEL, 2)));
        expect(kernel.warned).to.have.length(1);
        expect(kernel.warned[0]).to.match(message);
        const free = Object.values(kernel.mm.statistics().freePages).reduce((sum, pages) => sum + pages, 0);
        const seen = new Set<number>();
        for (let pfn = kernel.mm.allocPfn(GFP_KERNEL, 0); pfn >= 0; pfn = kernel.mm.allocPfn(GFP_KERNEL, 0))
          seen.add(pfn);
        expect(seen.size, 'no page twice').to.equal(free);
      });
    }
  });

  describe('references', () => {
    it('a held page outlives its free', () => {
      const kernel = makeFakeKernel();
      const page = need(alloc_page(kernel, GFP_KERNEL));
      get_page(page);
      __free_page(page);
      expect(page_ref_count(page)).to.equal(1);
      expect(kernel.mm.statistics().allocatedPages).to.equal(1);
      put_page(page);
      expect(kernel.mm.statistics().allocatedPages).to.equal(0);
      expect(page_ref_count(page)).to.equal(0);
    });

    it('a compound page is counted at its head, and freed as a whole', () => {
      const kernel = makeFakeKernel();
      const head = need(alloc_pages(kernel, GFP_KERNEL | __GFP_COMP, 3));
      get_page(nth_page(head, 5));
      expect(compound_head(nth_page(head, 7))).to.equal(head);
      expect(compound_order(head)).to.equal(3);
      expect(page_ref_count(nth_page(head, 1))).to.equal(2);
      __free_pages(head, 3);
      put_page(nth_page(head, 2));
      expect(kernel.mm.statistics().allocatedPages).to.equal(0);
      expect(kernel.warned).to.deep.equal([]);
    });

    it('of a plain block that is still held only the first page stays', () => {
      const kernel = makeFakeKernel();
      const before = sorted(freeBlocks(kernel));
      const head = need(alloc_pages(kernel, GFP_KERNEL, 3));
      get_page(head);
      __free_pages(head, 3);
      expect(kernel.mm.statistics().allocatedPages).to.equal(1);
      put_page(head);
      expect(sorted(freeBlocks(kernel))).to.deep.equal(before);
    });

    it('a split block is freed page by page', () => {
      const kernel = makeFakeKernel();
      const before = sorted(freeBlocks(kernel));
      const head = need(alloc_pages(kernel, GFP_KERNEL, 3));
      split_page(head, 3);
      for (const index of [3, 0, 7, 1, 2, 6, 5, 4]) __free_page(nth_page(head, index));
      expect(kernel.warned).to.deep.equal([]);
      expect(sorted(freeBlocks(kernel))).to.deep.equal(before);
    });
  });

  describe('injected failures', () => {
    it('the n-th request fails, once', () => {
      const kernel = makeFakeKernel();
      kernel.mm.failures.failNth(3);
      const results = Array.from({ length: 5 }, () => alloc_page(kernel, GFP_KERNEL) !== null);
      expect(results).to.deep.equal([true, true, false, true, true]);
      expect(kernel.mm.failures.injected).to.equal(1);
      expect(kernel.mm.failures.active).to.equal(false);
    });

    it('requests fail for which a predicate holds', () => {
      const kernel = makeFakeKernel();
      kernel.mm.failures.failWhen(({ order, size, caller }) => order === 1 && size === 8192 && caller === 'page');
      expect(alloc_pages(kernel, GFP_KERNEL, 0)).not.to.equal(null);
      expect(alloc_pages(kernel, GFP_KERNEL, 1)).to.equal(null);
      kernel.mm.failures.clear();
      expect(alloc_pages(kernel, GFP_KERNEL, 1)).not.to.equal(null);
    });
  });

  it('agrees with a set of pages, and merges back to where it started', () => {
    const banks = [
      { base: 0x8000_0000, size: 5 * MIB },
      { base: 0xffc0_0000, size: 4 * MIB },
      { base: 0x1_0000_0000, size: 6 * MIB + 0x3000 },
    ];
    const command = fc.record({
      order: fc.integer({ min: 0, max: 10 }),
      free: fc.boolean(),
      low: fc.boolean(),
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 150 }), fc.nat(40), (commands, failAt) => {
        const kernel = makeFakeKernel({ banks, reserved: [{ base: physAddr(0x8022_1000), size: 0x5000 }] });
        const before = sorted(freeBlocks(kernel));
        const total = kernel.mm.statistics().freePages;
        const taken = new Set<number>();
        const blocks: { page: Page; order: number }[] = [];
        const imagePfn = 0x80000;
        const isFreeMemory = (pfn: number): boolean =>
          banks.some(({ base, size }) => pfn * 4096 >= base && (pfn + 1) * 4096 <= base + size) &&
          !(pfn >= 0x80221 && pfn < 0x80226) &&
          !(pfn >= imagePfn && pfn < imagePfn + 64);
        kernel.mm.failures.failNth(failAt);
        const drop = (index: number): void => {
          const { page, order } = blocks.splice(index, 1)[0]!;
          __free_pages(page, order);
          for (let offset = 0; offset < 1 << order; offset++) taken.delete(page.pfn + offset);
        };
        for (const { order, free, low, pick } of commands) {
          if (free && blocks.length > 0) drop(pick % blocks.length);
          const page = alloc_pages(kernel, low ? GFP_DMA32 : GFP_KERNEL, order);
          if (page === null) continue;
          expect(page.pfn % (1 << order)).to.equal(0);
          if (low) expect(page.pfn).to.be.lessThan(0x10_0000);
          const had = taken.size;
          for (let offset = 0; offset < 1 << order; offset++)
            if (isFreeMemory(page.pfn + offset)) taken.add(page.pfn + offset);
          expect(taken.size - had, 'new pages of free memory').to.equal(1 << order);
          blocks.push({ page, order });
        }
        expect(kernel.mm.statistics().allocatedPages).to.equal(taken.size);
        while (blocks.length > 0) drop(0);
        expect(kernel.mm.statistics().freePages).to.deep.equal(total);
        expect(sorted(freeBlocks(kernel))).to.deep.equal(before);
        expect(kernel.warned).to.deep.equal([]);
      }),
      { numRuns: 60 },
    );
  });
});
