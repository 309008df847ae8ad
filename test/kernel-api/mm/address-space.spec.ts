import { expect } from 'chai';

import { physAddr, virtAddr } from '../../../base/address';
import { BUS_ACCESS_FAULT, BUS_POISONED } from '../../../base/bus-outcome';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { kmalloc } from '../../../kernel-api/mm/kmalloc';
import { KERNEL_LINK_ADDR, PAGE_OFFSET, VMALLOC_START } from '../../../kernel-api/mm/layout';
import { virt_addr_valid, virt_to_page } from '../../../kernel-api/mm/page';
import { is_kernel_text, kernel_data, memcmp, memcpy, memmove, memset } from '../../../kernel-api/mm/string';
import { vmalloc } from '../../../kernel-api/mm/vmalloc';
import { FakeCpuPort } from '../../support/fake-cpu-port';
import { makeFakeKernel } from '../../support/fake-kernel';

const linear = (physical: number): ReturnType<typeof virtAddr> => virtAddr(PAGE_OFFSET + physical);
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index * 37 + (index >> 8));

describe('kernel address space', () => {
  it('maps all memory linearly, and nothing around it', () => {
    const { mm } = makeFakeKernel();
    for (const [base, end] of [
      [0x8000_0000, 0x8400_0000],
      [0x1_0000_0000, 0x1_0400_0000],
    ] as const) {
      expect(mm.translate(linear(base))).to.equal(base);
      expect(mm.translate(linear(end - 1))).to.equal(end - 1);
      expect(mm.translate(linear(base - 1))).to.equal(-1);
      expect(mm.translate(linear(end))).to.equal(-1);
      expect(mm.load8(linear(end - 1))).to.equal(0);
      expect(() => mm.load32(linear(end - 2))).to.throw(/paging request/);
      expect(() => mm.store64(linear(end - 4), 0, 0)).to.throw(/paging request/);
    }
  });

  it('keeps no-map memory out', () => {
    const kernel = makeFakeKernel({
      reserved: [
        { base: physAddr(0x8100_0000), size: 0x2000, noMap: true },
        { base: physAddr(0x8110_0000), size: 0x2000 },
      ],
    });
    expect(kernel.mm.translate(linear(0x8100_1fff))).to.equal(-1);
    expect(kernel.mm.translate(linear(0x80ff_ffff))).to.equal(0x80ff_ffff);
    expect(kernel.mm.translate(linear(0x8110_0000))).to.equal(0x8110_0000);
    expect(() => kernel.mm.read(linear(0x80ff_fff0), 32)).to.throw(/0x0008000081000000/);
  });

  const bad: [number, string][] = [
    [0, 'NULL pointer dereference at virtual address 0x0000000000000000'],
    [0xfff, 'NULL pointer dereference at virtual address 0x0000000000000fff'],
    [0x1000, 'paging request at virtual address 0x0000000000001000'],
    [0x3f_ffff_f000, 'paging request'],
    [VMALLOC_START, 'paging request'],
    [PAGE_OFFSET, 'paging request'],
    [KERNEL_LINK_ADDR - 1, 'paging request'],
    [KERNEL_LINK_ADDR + 0x4_0000, 'paging request at virtual address 0x000e000000040000'],
    [2 ** 52, 'paging request'],
    [-8, 'at virtual address'],
    [NaN, 'paging request'],
  ];
  for (const [address, message] of bad) {
    it(`an access to ${address} is an oops`, () => {
      const { mm } = makeFakeKernel();
      const va = virtAddr(address);
      for (const access of [
        () => mm.load8(va),
        () => mm.load64(va, { lo: 0, hi: 0 }),
        () => mm.store32(va, 1),
        () => mm.read(va, 1),
        () => mm.write(va, new Uint8Array(1)),
        () => mm.fill(va, 0, 1),
        () => mm.copy(va, linear(0x8000_0000), 1),
        () => mm.copy(linear(0x8000_0000), va, 1),
      ]) {
        expect(access).to.throw(message);
      }
    });
  }

  it('tells of memory that answers with an error', () => {
    const cpu = new FakeCpuPort();
    const { mm } = makeFakeKernel({ cpu });
    cpu.mark(0x8100_0000, 64, BUS_POISONED);
    expect(() => mm.load32(linear(0x8100_0000))).to.throw(/poisoned memory at virtual address 0x0008000081000000/);
    cpu.mark(0x8200_0000, 64, BUS_ACCESS_FAULT);
    expect(() => mm.store8(linear(0x8200_0001), 1)).to.throw(/access fault/);
  });

  it('moves bytes between all kinds of memory, overlapping or not', () => {
    const kernel = makeFakeKernel();
    const { mm } = kernel;
    const area = vmalloc(kernel, 5 * 4096);
    const object = kmalloc(kernel, 16384, GFP_KERNEL);
    const bytes = pattern(16000);
    mm.write(object, bytes);
    memcpy(kernel, virtAddr(area + 100), object, 16000);
    expect(mm.read(virtAddr(area + 100), 16000)).to.deep.equal(bytes);
    expect(memcmp(kernel, virtAddr(area + 100), object, 16000)).to.equal(0);
    mm.write(area, bytes);
    memmove(kernel, virtAddr(area + 5), area, 15000);
    expect(mm.read(virtAddr(area + 5), 15000)).to.deep.equal(bytes.slice(0, 15000));
    mm.write(area, bytes);
    memmove(kernel, area, virtAddr(area + 5), 15000);
    expect(mm.read(area, 15000)).to.deep.equal(bytes.slice(5, 15005));
    memset(kernel, virtAddr(area + 4090), 0x1ff, 12);
    expect(mm.read(virtAddr(area + 4089), 14)).to.deep.equal(
      Uint8Array.from([bytes[4094]!, ...new Array<number>(12).fill(255), bytes[4107]!]),
    );
    expect(memcmp(kernel, area, virtAddr(area + 1), 1)).to.equal(bytes[5]! - bytes[6]!);
    mm.copy(area, virtAddr(0), 0);
  });

  it('has text and static data in pages of their own', () => {
    const kernel = makeFakeKernel();
    const { mm } = kernel;
    const text = virtAddr(KERNEL_LINK_ADDR);
    expect(is_kernel_text(kernel, text)).to.equal(true);
    expect(mm.load32(text)).to.equal(0);
    const first = kernel_data(kernel, Uint8Array.of(1, 2, 3));
    const second = kernel_data(kernel, pattern(5000));
    expect(is_kernel_text(kernel, first)).to.equal(false);
    expect(second).to.equal(first + 8);
    expect(mm.read(first, 3)).to.deep.equal(Uint8Array.of(1, 2, 3));
    expect(mm.read(second, 5000)).to.deep.equal(pattern(5000));
    expect(virt_to_page(kernel, first).pfn).to.equal(Math.floor(mm.translate(first) / 4096));
    expect(virt_addr_valid(kernel, first)).to.equal(false);
    expect(virt_addr_valid(kernel, linear(0x8000_0000))).to.equal(true);
    expect(() => kernel_data(kernel, new Uint8Array(1 << 20))).to.throw(
      'The kernel image has no room for 1048576 bytes',
    );
  });

  it('works on a machine too small for a kernel image', () => {
    const kernel = makeFakeKernel({ banks: [{ base: 0x8000_0000, size: 0x1_0000 }] });
    expect(kernel.mm.statistics().freePages.dma32).to.equal(16);
    expect(kernel.mm.translate(virtAddr(KERNEL_LINK_ADDR))).to.equal(-1);
    expect(makeFakeKernel({ banks: [] }).mm.allocPfn(GFP_KERNEL, 0)).to.equal(-1);
  });
});
