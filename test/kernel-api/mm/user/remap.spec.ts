import { expect } from 'chai';

import { physAddr, virtAddr, type VirtAddr } from '../../../../base/address';
import { EBUSY, EFAULT, EINVAL, ENXIO } from '../../../../base/errno';
import { RiscvIsa } from '../../../../kernel-api/boot/riscv-isa';
import { out } from '../../../../kernel-api/err';
import { GFP_KERNEL } from '../../../../kernel-api/gfp';
import { kmalloc } from '../../../../kernel-api/mm/kmalloc';
import {
  __free_page,
  __free_pages,
  alloc_page,
  alloc_pages,
  nth_page,
  page_address,
  page_ref_count,
  virt_to_page,
  type Page,
} from '../../../../kernel-api/mm/page-alloc';
import { pgprot_dmacoherent } from '../../../../kernel-api/mm/pgprot';
import {
  FOLL_WRITE,
  MAP_PRIVATE,
  PAGE_SHARED,
  pin_user_pages_fast,
  PROT_READ,
  PROT_WRITE,
  remap_pfn_range,
  SegmentationFault,
  UserProcess,
  vm_insert_page,
  vm_insert_pages,
  vm_iomap_memory,
  vm_map_pages,
  vm_map_pages_zero,
  type VmAreaStruct,
} from '../../../../kernel-api/mm/user';
import { makeFakeKernel, type FakeKernel } from '../../../support/fake-kernel';

const PAGE = 4096;
const RW = PROT_READ | PROT_WRITE;

const setup = (): { kernel: FakeKernel; process: UserProcess } => {
  const kernel = makeFakeKernel({ banks: [{ base: 0x1_0000_0000, size: 4 << 20 }] });
  return { kernel, process: new UserProcess(kernel) };
};

const scattered = (kernel: FakeKernel, count: number): Page[] =>
  Array.from({ length: count }, (_, index) => {
    const page = alloc_page(kernel, GFP_KERNEL)!;
    kernel.mm.fill(page_address(page), 0x40 + index, PAGE);
    return page;
  });

/** Maps with a driver's function; its result is in `result`. */
const map = (process: UserProcess, pages: number, offset: number, mmap: (vma: VmAreaStruct) => number): VirtAddr =>
  process.mapFile({ mmap }, pages * PAGE, offset * PAGE);

describe('remap_pfn_range', () => {
  it('maps frames without references', () => {
    const { kernel, process } = setup();
    const block = alloc_pages(kernel, GFP_KERNEL, 2)!;
    kernel.mm.fill(page_address(block), 0, 4 * PAGE);
    const base = map(process, 4, 0, (vma) => remap_pfn_range(vma, vma.vm_start, block.pfn, 4 * PAGE, vma.vm_page_prot));
    process.write(virtAddr(base + PAGE - 1), Uint8Array.of(1, 2));
    expect([...kernel.mm.read(virtAddr(page_address(block) + PAGE - 1), 2)]).to.deep.equal([1, 2]);
    expect(page_ref_count(block)).to.equal(1);
    expect(
      process.syscall(() => pin_user_pages_fast(kernel, base, 1, FOLL_WRITE, [])),
      'no pages to pin',
    ).to.equal(-EFAULT);
    process.munmap(base, 4 * PAGE);
    __free_pages(block, 2);
    expect(kernel.mm.statistics().allocatedPages).to.equal(0);
    expect(kernel.warned).to.deep.equal([]);
  });

  it('refuses an address within a page and part of a private mapping, and stops at what is mapped', () => {
    const { kernel, process } = setup();
    const { pfn } = alloc_pages(kernel, GFP_KERNEL, 2)!;
    const results: number[] = [];
    map(process, 2, 0, (vma) => {
      results.push(remap_pfn_range(vma, virtAddr(vma.vm_start + 8), pfn, PAGE, PAGE_SHARED));
      results.push(remap_pfn_range(vma, vma.vm_start, pfn, 100, PAGE_SHARED));
      expect(() => remap_pfn_range(vma, vma.vm_start, pfn, PAGE, PAGE_SHARED)).to.throw(/mapped already/);
      expect(() => remap_pfn_range(vma, virtAddr(vma.vm_start + PAGE), pfn, 0, PAGE_SHARED)).to.throw(/BUG/);
      return 0;
    });
    const file = { mmap: (vma: VmAreaStruct) => remap_pfn_range(vma, vma.vm_start, pfn, PAGE, vma.vm_page_prot) };
    results.push(process.mm.mmap(0, 2 * PAGE, RW, MAP_PRIVATE, file));
    expect(results).to.deep.equal([-EINVAL, 0, -EINVAL]);
    expect(process.mm.vmas.count).to.equal(1);
    expect(kernel.warned).to.have.length(1);
  });

  it('of a private mapping gives the writer a copy', () => {
    const { kernel, process } = setup();
    const [page] = scattered(kernel, 1) as [Page];
    const file = { mmap: (vma: VmAreaStruct) => remap_pfn_range(vma, vma.vm_start, page.pfn, PAGE, vma.vm_page_prot) };
    const base = virtAddr(process.mm.mmap(0, PAGE, RW, MAP_PRIVATE, file));
    process.write(base, Uint8Array.of(9));
    expect([...process.read(base, 2)]).to.deep.equal([9, 0x40]);
    expect(kernel.mm.load8(page_address(page))).to.equal(0x40);
    process.exit();
    __free_page(page);
    expect(kernel.mm.statistics().allocatedPages).to.equal(0);
  });

  it('goes past the cache if the protection says so and the CPU can', () => {
    for (const hasTypes of [false, true]) {
      const kernel = makeFakeKernel({
        banks: [{ base: 0x1_0000_0000, size: 4 << 20 }],
        isa: new RiscvIsa(hasTypes ? ['svpbmt'] : [], 0),
      });
      const process = new UserProcess(kernel);
      const [page] = scattered(kernel, 1) as [Page];
      const seen: string[] = [];
      const { uncached } = kernel.cpu;
      const spy = Object.assign(Object.create(uncached) as typeof uncached, {
        load32: (address: number) => {
          seen.push(address.toString(16));
          return 7;
        },
      });
      Object.defineProperty(kernel.cpu, 'uncached', { value: spy });
      const base = map(process, 1, 0, (vma) => {
        vma.vm_page_prot = pgprot_dmacoherent(vma.vm_page_prot);
        return remap_pfn_range(vma, vma.vm_start, page.pfn, PAGE, vma.vm_page_prot);
      });
      expect(process.load32(virtAddr(base + 8))).to.equal(hasTypes ? 7 : 0x4040_4040);
      expect(seen).to.have.length(hasTypes ? 1 : 0);
    }
  });

  it('vm_iomap_memory maps as much as there is, from the page offset on', () => {
    const { kernel, process } = setup();
    const block = alloc_pages(kernel, GFP_KERNEL, 2)!;
    kernel.mm.store8(virtAddr(page_address(block) + 2 * PAGE), 5);
    const start = physAddr(block.pfn * PAGE);
    const iomap = (pages: number, offset: number): number =>
      map(process, pages, offset, (vma) => vm_iomap_memory(vma, start, 3 * PAGE + 1));
    expect(process.read(virtAddr(iomap(2, 2)), 1)[0]).to.equal(5);
    expect(iomap(4, 0)).to.be.greaterThan(0);
    expect([iomap(5, 0), iomap(1, 4), iomap(1, 5), iomap(3, 2)]).to.deep.equal([-EINVAL, -EINVAL, -EINVAL, -EINVAL]);
  });
});

describe('vm_map_pages', () => {
  it('maps pages from the page offset on, each with a reference', () => {
    const { kernel, process } = setup();
    const pages = scattered(kernel, 5);
    const base = map(process, 3, 1, (vma) => vm_map_pages(vma, pages, 5));
    const first = [0, 1, 2].map((page) => process.read(virtAddr(base + page * PAGE), 1)[0]);
    expect(first).to.deep.equal([0x41, 0x42, 0x43]);
    expect(pages.map(page_ref_count)).to.deep.equal([1, 2, 2, 2, 1]);
    const zero = map(process, 1, 4, (vma) => vm_map_pages_zero(vma, pages, 5));
    expect(process.read(zero, 1)[0]).to.equal(0x40);
    const list: Page[] = [];
    expect(process.syscall(() => pin_user_pages_fast(kernel, base, 3, FOLL_WRITE, list))).to.equal(3);
    expect(list).to.deep.equal(pages.slice(1, 4));
    expect([
      map(process, 5, 1, (vma) => vm_map_pages(vma, pages, 5)),
      map(process, 1, 5, (vma) => vm_map_pages(vma, pages, 5)),
    ]).to.deep.equal([-ENXIO, -ENXIO]);
    for (const page of pages) __free_page(page);
    expect(kernel.mm.statistics().allocatedPages, 'the process and the pins hold some').to.equal(4);
    process.exit();
    expect(kernel.mm.statistics().allocatedPages).to.equal(3);
  });

  it('refuses pages that cannot be counted, and unmaps the ones before if mmap fails', () => {
    const { kernel, process } = setup();
    const [good] = scattered(kernel, 1) as [Page];
    const tail = nth_page(alloc_pages(kernel, GFP_KERNEL, 1)!, 1);
    const slab = virt_to_page(kernel, kmalloc(kernel, 64, GFP_KERNEL));
    for (const bad of [tail, slab]) {
      expect(map(process, 2, 0, (vma) => vm_map_pages(vma, [good, bad], 2))).to.equal(-EINVAL);
      expect(page_ref_count(good)).to.equal(1);
    }
    const results: number[] = [];
    const num = out(3);
    map(process, 2, 0, (vma) => {
      const { vm_start, vm_end } = vma;
      results.push(
        vm_insert_page(vma, vm_start, good),
        vm_insert_page(vma, vm_start, good),
        vm_insert_page(vma, vm_end, good),
      );
      results.push(vm_insert_pages(vma, vm_start, [good, good, good], num));
      num.value = 2;
      results.push(vm_insert_pages(vma, vm_start, [good, good], num), num.value);
      num.value = 1;
      results.push(vm_insert_pages(vma, virtAddr(vm_start + PAGE), [good], num), num.value);
      return 0;
    });
    expect(results).to.deep.equal([0, -EBUSY, -EFAULT, -EFAULT, -EBUSY, 2, 0, 0]);
    expect(() =>
      map(
        process,
        1,
        0,
        (vma) =>
          remap_pfn_range(vma, vma.vm_start, good.pfn, PAGE, PAGE_SHARED) || vm_insert_page(vma, vma.vm_start, good),
      ),
    ).to.throw(/BUG/);
    expect(kernel.warned).to.deep.equal([]);
  });

  it('of a shared mapping is the same page for everybody, also after mprotect and fork', () => {
    const { kernel, process } = setup();
    const [page] = scattered(kernel, 1) as [Page];
    const base = map(process, 1, 0, (vma) => vm_map_pages(vma, [page], 1));
    process.mm.mprotect(base, PAGE, PROT_READ);
    expect(() => process.write(base, Uint8Array.of(1))).to.throw(SegmentationFault);
    process.mm.mprotect(base, PAGE, RW);
    const child = process.fork() as UserProcess;
    process.write(base, Uint8Array.of(1));
    child.write(virtAddr(base + 1), Uint8Array.of(2));
    expect([...kernel.mm.read(page_address(page), 3)]).to.deep.equal([1, 2, 0x40]);
    expect(page_ref_count(page)).to.equal(3);
    child.exit();
    process.exit();
    expect(page_ref_count(page)).to.equal(1);
  });

  it('of a mapping that nothing was put into is a fault', () => {
    const { process } = setup();
    const base = map(process, 1, 0, () => 0);
    expect(() => process.read(base, 1)).to.throw(SegmentationFault);
  });
});
