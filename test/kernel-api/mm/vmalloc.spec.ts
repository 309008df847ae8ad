import { expect } from 'chai';
import fc from 'fast-check';

import { physAddr, virtAddr, type VirtAddr } from '../../../base/address';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { object_is_on_stack, stack_alloc, stack_frame } from '../../../kernel-api/mm/kernel-stack';
import { VMALLOC_START, is_vmalloc_addr } from '../../../kernel-api/mm/layout';
import { alloc_page } from '../../../kernel-api/mm/page-alloc';
import { page_address } from '../../../kernel-api/mm/page';
import {
  VM_MAP,
  VM_MAP_PUT_PAGES,
  PAGE_KERNEL,
  vfree,
  vmalloc,
  vmalloc_to_page,
  vmalloc_to_pfn,
  vmap,
  vunmap,
  vzalloc,
} from '../../../kernel-api/mm/vmalloc';
import { makeFakeKernel, type FakeKernel } from '../../support/fake-kernel';

const PAGE = 4096;
const at = (address: VirtAddr, offset: number): VirtAddr => virtAddr(address + offset);
const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => index * 13 + (index >> 8) + seed);
const isMapped = (kernel: FakeKernel, address: number): boolean => kernel.mm.translate(virtAddr(address)) >= 0;

describe('vmalloc', () => {
  it('maps single pages one after the other, with an unmapped page behind', () => {
    const kernel = makeFakeKernel();
    // Every other page is taken, so that no two pages follow each other in memory.
    const pages = Array.from({ length: 64 }, () => alloc_page(kernel, GFP_KERNEL)!);
    pages.forEach((page, index) => index % 2 === 0 && kernel.mm.freePfn(page.pfn, 0));
    const area = vmalloc(kernel, 5 * PAGE - 7);
    expect(area).to.equal(VMALLOC_START);
    expect(is_vmalloc_addr(area)).to.equal(true);
    const bytes = pattern(5 * PAGE, 3);
    kernel.mm.write(area, bytes);
    expect(kernel.mm.read(area, 5 * PAGE)).to.deep.equal(bytes);
    for (let index = 0; index < 5; index++) {
      const page = vmalloc_to_page(kernel, at(area, index * PAGE + 77))!;
      expect(vmalloc_to_pfn(kernel, at(area, index * PAGE))).to.equal(page.pfn);
      expect(kernel.mm.read(page_address(page), PAGE)).to.deep.equal(bytes.slice(index * PAGE, (index + 1) * PAGE));
      if (index > 0)
        expect(Math.abs(page.pfn - vmalloc_to_pfn(kernel, at(area, (index - 1) * PAGE)))).to.be.greaterThan(1);
    }
    expect(isMapped(kernel, area + 5 * PAGE)).to.equal(false);
    expect(vmalloc_to_page(kernel, at(area, 5 * PAGE))).to.equal(null);
    expect(() => kernel.mm.load8(at(area, 5 * PAGE))).to.throw(
      'Unable to handle kernel paging request at virtual address 0x0006000000005000',
    );
  });

  it('makes accesses that cross a page, of every width', () => {
    const kernel = makeFakeKernel();
    const area = vmalloc(kernel, 2 * PAGE);
    const { mm } = kernel;
    const word = { lo: 0, hi: 0 };
    for (let before = 1; before < 8; before++) {
      const address = at(area, PAGE - before);
      mm.store64(address, 0x8123_4567, 0xfedc_ba98);
      mm.load64(address, word);
      expect(word).to.deep.equal({ lo: 0x8123_4567, hi: 0xfedc_ba98 });
      expect(mm.load32(address)).to.equal(0x8123_4567);
      expect(mm.load16(address)).to.equal(0x4567);
      mm.store32(address, 0xa1b2_c3d4);
      expect(mm.load32(address)).to.equal(0xa1b2_c3d4);
      mm.store16(address, 0xbeef);
      expect(mm.load16(address)).to.equal(0xbeef);
      expect(mm.load8(at(address, 1))).to.equal(0xbe);
    }
    expect(() => mm.store32(at(area, 2 * PAGE - 2), 1)).to.throw(/0x0006000000002000/);
  });

  it('takes the lowest hole that fits, and joins holes', () => {
    const kernel = makeFakeKernel();
    const [a, b, c] = [2, 3, 1].map((pages) => vmalloc(kernel, pages * PAGE)) as [VirtAddr, VirtAddr, VirtAddr];
    expect([a, b, c].map((address) => (address - VMALLOC_START) / PAGE)).to.deep.equal([0, 3, 7]);
    vfree(kernel, a);
    expect(vmalloc(kernel, 3 * PAGE), 'too large for the first hole').to.equal(VMALLOC_START + 9 * PAGE);
    vfree(kernel, b);
    expect(vmalloc(kernel, 6 * PAGE), 'both holes are one').to.equal(a);
  });

  it('zeroes, and fails as a whole', () => {
    const kernel = makeFakeKernel({ banks: [{ base: 0x8000_0000, size: 1 << 20 }] });
    const first = vmalloc(kernel, 100 * PAGE);
    kernel.mm.fill(first, 0x5a, 100 * PAGE);
    vfree(kernel, first);
    expect(kernel.mm.read(vzalloc(kernel, 100 * PAGE), 100 * PAGE).every((byte) => byte === 0)).to.equal(true);
    expect(vmalloc(kernel, 100 * PAGE)).to.equal(0);
    expect(vmalloc(kernel, 2 ** 50)).to.equal(0);
    expect(kernel.mm.statistics().allocatedPages).to.equal(100);
    kernel.mm.failures.failNth(1);
    expect(vmalloc(kernel, 1)).to.equal(0);
    expect(kernel.warned).to.deep.equal([]);
    expect(vmalloc(kernel, 0)).to.equal(0);
    expect(kernel.warned).to.have.length(1);
  });

  it('warns of frees of what is no area', () => {
    const kernel = makeFakeKernel();
    const area = vmalloc(kernel, 2 * PAGE);
    vfree(kernel, virtAddr(0));
    expect(kernel.warned).to.have.length(0);
    for (const address of [at(area, PAGE), at(area, 1), at(area, 2 * PAGE), virtAddr(0x8_0000_8000_0000)])
      vfree(kernel, address);
    expect(kernel.warned).to.have.length(4);
    vfree(kernel, area);
    vfree(kernel, area);
    expect(kernel.warned).to.have.length(5);
    expect(kernel.mm.statistics().allocatedPages).to.equal(0);
  });

  it('maps pages of others: the same memory at two addresses', () => {
    const kernel = makeFakeKernel();
    const pages = Array.from({ length: 4 }, () => alloc_page(kernel, GFP_KERNEL)!);
    const backwards = [...pages].reverse();
    const area = vmap(kernel, backwards, 4, VM_MAP, PAGE_KERNEL);
    kernel.mm.write(page_address(pages[3]!), pattern(PAGE, 1));
    expect(kernel.mm.read(area, PAGE)).to.deep.equal(pattern(PAGE, 1));
    vunmap(kernel, area);
    expect(isMapped(kernel, area)).to.equal(false);
    expect(kernel.mm.statistics().allocatedPages).to.equal(4);
    vfree(kernel, vmap(kernel, pages, 4, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL));
    expect(kernel.mm.statistics().allocatedPages).to.equal(0);
    expect(vmap(kernel, [], 0, VM_MAP, PAGE_KERNEL)).to.equal(0);
  });

  it('maps registers, keeping the offset in the page', () => {
    const kernel = makeFakeKernel();
    const { mm } = kernel;
    const registers = mm.mapMmio(physAddr(0x1000_0ff0), 0x20);
    expect(registers % PAGE).to.equal(0xff0);
    expect(mm.translate(at(registers, 0x1f))).to.equal(0x1000_100f);
    expect(mm.translate(at(registers, 0x1010))).to.equal(-1);
    const large = mm.mapMmio(physAddr(0x40_0000_0000), 2 ** 40);
    expect(mm.translate(at(large, 2 ** 40 - 1))).to.equal(0x40_0000_0000 + 2 ** 40 - 1);
    expect(mm.mapMmio(physAddr(0), 2 ** 50)).to.equal(0);
    expect(mm.mapMmio(physAddr(0x1000), 0)).to.equal(0);
    mm.unmapMmio(registers);
    expect(mm.translate(registers)).to.equal(-1);
    expect(kernel.warned).to.have.length(0);
    mm.unmapMmio(registers);
    expect(kernel.warned).to.have.length(1);
  });

  it('agrees with a list of intervals', () => {
    const command = fc.record({ pages: fc.integer({ min: 1, max: 9 }), free: fc.boolean(), pick: fc.nat() });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const kernel = makeFakeKernel({ banks: [{ base: 0x8000_0000, size: 1 << 20 }] });
        const live: { address: VirtAddr; bytes: Uint8Array }[] = [];
        const lowestFit = (size: number): number => {
          const ordered = [...live].sort((a, b) => a.address - b.address);
          let start = VMALLOC_START;
          for (const { address, bytes } of ordered) {
            if (address - start >= size + PAGE) break;
            start = address + bytes.length + PAGE;
          }
          return start;
        };
        commands.forEach(({ pages, free, pick }, step) => {
          if (free && live.length > 0) {
            const [gone] = live.splice(pick % live.length, 1);
            expect(kernel.mm.read(gone!.address, gone!.bytes.length)).to.deep.equal(gone!.bytes);
            vfree(kernel, gone!.address);
            expect(isMapped(kernel, gone!.address)).to.equal(false);
          }
          const address = vmalloc(kernel, pages * PAGE);
          if (address === 0) return;
          expect(address).to.equal(lowestFit(pages * PAGE));
          const bytes = pattern(pages * PAGE, step);
          kernel.mm.write(address, bytes);
          live.push({ address, bytes });
          expect(isMapped(kernel, address + pages * PAGE), 'guard').to.equal(false);
        });
        for (const { address, bytes } of live) {
          expect(kernel.mm.read(address, bytes.length)).to.deep.equal(bytes);
          vfree(kernel, address);
        }
        expect(kernel.mm.statistics().allocatedPages).to.equal(0);
        expect(kernel.warned).to.deep.equal([]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('kernel stacks', () => {
  /** Gives the fake kernel a current task with the stack. */
  const runOn = (kernel: FakeKernel, stack: unknown): void => void Object.assign(kernel.sched, { current: { stack } });

  it('are memory of their own, 16 KiB with a guard page, aligned to twice that', () => {
    const kernel = makeFakeKernel();
    const [one, two] = [kernel.mm.allocStack()!, kernel.mm.allocStack()!];
    for (const { base, size } of [one, two]) {
      expect(size).to.equal(16384);
      expect(base % 32768).to.equal(0);
      expect(is_vmalloc_addr(base)).to.equal(true);
      expect(isMapped(kernel, base) && isMapped(kernel, base + size - 1)).to.equal(true);
      expect(isMapped(kernel, base + size) || isMapped(kernel, base - 1)).to.equal(false);
    }
    kernel.mm.freeStack(one);
    expect(isMapped(kernel, one.base)).to.equal(false);
    kernel.mm.freeStack(one);
    expect(kernel.warned).to.have.length(1);
    kernel.mm.freeStack(two);
    expect(kernel.mm.statistics()).to.include({ allocatedPages: 0, vmallocAreas: 0, vmallocPages: 0 });
  });

  it('hold local variables of the current task, until their frame ends', () => {
    const kernel = makeFakeKernel();
    const stack = kernel.mm.allocStack()!;
    runOn(kernel, stack);
    const outer = stack_alloc(kernel, 20);
    expect(outer).to.equal(stack.base + stack.size - 32);
    let inner: VirtAddr;
    {
      using frame = stack_frame(kernel);
      inner = frame.alloc(100);
      expect(inner % 16).to.equal(0);
      expect(inner + 100).to.be.at.most(outer);
      expect(object_is_on_stack(kernel, inner)).to.equal(true);
    }
    expect(stack_alloc(kernel, 100)).to.equal(inner);
    expect(object_is_on_stack(kernel, virtAddr(0x8_0000_8000_0000))).to.equal(false);
    runOn(kernel, kernel.mm.allocStack());
    expect(object_is_on_stack(kernel, inner)).to.equal(false);
  });

  it('overflow with an oops', () => {
    const kernel = makeFakeKernel();
    runOn(kernel, kernel.mm.allocStack());
    stack_alloc(kernel, 16000);
    expect(() => stack_alloc(kernel, 400)).to.throw(/stack overflow/);
    expect(() => stack_alloc(kernel, NaN)).to.throw(/stack overflow/);
  });

  it('code without a task runs on the first stack, in the kernel image', () => {
    const kernel = makeFakeKernel();
    const local = stack_alloc(kernel, 64);
    kernel.mm.fill(local, 1, 64);
    expect(object_is_on_stack(kernel, local)).to.equal(true);
    expect(is_vmalloc_addr(local)).to.equal(false);
  });

  it('are null when memory has run out', () => {
    const kernel = makeFakeKernel();
    kernel.mm.failures.failNth(1);
    expect(kernel.mm.allocStack()).to.equal(null);
  });
});
