import { expect } from 'chai';
import fc from 'fast-check';

import { virtAddr, type VirtAddr } from '../../../base/address';
import { GFP_ATOMIC, GFP_DMA, GFP_DMA32, GFP_KERNEL } from '../../../kernel-api/gfp';
import { kcalloc, kfree, kmalloc, kmalloc_array, krealloc, ksize, kzalloc } from '../../../kernel-api/mm/kmalloc';
import { __free_page, alloc_page, get_page, PageSlab } from '../../../kernel-api/mm/page-alloc';
import { virt_to_page } from '../../../kernel-api/mm/page';
import { makeFakeKernel, type FakeKernel } from '../../support/fake-kernel';

const SIZES = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192];
const at = (address: VirtAddr, offset: number): VirtAddr => virtAddr(address + offset);

const expectNothingLive = (kernel: FakeKernel): void => {
  kernel.mm.slabs.shrink();
  const { kmallocObjects, kmallocBytes, allocatedPages } = kernel.mm.statistics();
  expect({ kmallocObjects, kmallocBytes, allocatedPages }).to.deep.equal({
    kmallocObjects: 0,
    kmallocBytes: 0,
    allocatedPages: 0,
  });
};

describe('kmalloc', () => {
  it('rounds up to the size classes of Linux, and to whole blocks of pages above', () => {
    const kernel = makeFakeKernel();
    const size = (bytes: number): number => ksize(kernel, kmalloc(kernel, bytes, GFP_KERNEL));
    SIZES.forEach((bytes, index) => {
      expect(size(bytes)).to.equal(bytes);
      expect(size(bytes - 1)).to.equal(bytes);
      expect(size((SIZES[index - 1] ?? 0) + 1)).to.equal(bytes);
    });
    expect(size(8193)).to.equal(16384);
    expect(size(100_000)).to.equal(131_072);
    expect(size(4 << 20)).to.equal(4 << 20);
  });

  it('packs objects: neighbours share a cache line, and the next ones follow', () => {
    const kernel = makeFakeKernel();
    for (const size of SIZES.slice(0, 7)) {
      const first = kmalloc(kernel, size, GFP_KERNEL);
      for (let index = 1; index < 4; index++) expect(kmalloc(kernel, size, GFP_KERNEL)).to.equal(first + index * size);
    }
  });

  it('aligns powers of two to their size', () => {
    const kernel = makeFakeKernel();
    for (const size of [...SIZES, 16384, 1 << 20]) {
      const natural = size & -size;
      for (let count = 0; count < 5; count++) expect(kmalloc(kernel, size, GFP_KERNEL) % natural).to.equal(0);
    }
  });

  it('hands out the object freed last', () => {
    const kernel = makeFakeKernel();
    const objects = Array.from({ length: 4 }, () => kmalloc(kernel, 64, GFP_KERNEL));
    kfree(kernel, objects[1]!);
    kfree(kernel, objects[3]!);
    expect(kmalloc(kernel, 64, GFP_KERNEL)).to.equal(objects[3]);
    expect(kmalloc(kernel, 60, GFP_KERNEL)).to.equal(objects[1]);
  });

  it('zeroes on request: the whole object, and none of its neighbours', () => {
    const kernel = makeFakeKernel();
    const [left, middle, right] = [0, 1, 2].map(() => kmalloc(kernel, 96, GFP_KERNEL)) as [
      VirtAddr,
      VirtAddr,
      VirtAddr,
    ];
    for (const object of [left, middle, right]) kernel.mm.fill(object, 0xee, 96);
    kfree(kernel, middle);
    expect(kzalloc(kernel, 80, GFP_KERNEL)).to.equal(middle);
    expect(kernel.mm.read(middle, 96)).to.deep.equal(new Uint8Array(96));
    for (const object of [left, right]) expect(kernel.mm.read(object, 96)).to.deep.equal(new Uint8Array(96).fill(0xee));
  });

  it('has a pointer of its own for no bytes', () => {
    const kernel = makeFakeKernel();
    const empty = kmalloc(kernel, 0, GFP_KERNEL);
    expect(empty).to.equal(16);
    expect(ksize(kernel, empty)).to.equal(0);
    expect(() => kernel.mm.load8(empty)).to.throw(/NULL pointer dereference/);
    kfree(kernel, empty);
    kfree(kernel, virtAddr(0));
    expect(kernel.warned).to.deep.equal([]);
  });

  it('refuses arrays that overflow, and more than there can be', () => {
    const kernel = makeFakeKernel();
    expect(kmalloc_array(kernel, 2 ** 40, 2 ** 30, GFP_KERNEL)).to.equal(0);
    expect(kernel.warned).to.have.length(0);
    for (const size of [(4 << 20) + 1, 2 ** 60, -1, NaN]) expect(kmalloc(kernel, size, GFP_KERNEL)).to.equal(0);
    expect(kernel.warned).to.have.length(4);
    expect(kernel.mm.read(kcalloc(kernel, 3, 5, GFP_KERNEL), 15)).to.deep.equal(new Uint8Array(15));
  });

  it('has no memory below 4 GiB to give: the flag is taken off, with a warning', () => {
    const kernel = makeFakeKernel();
    expect(kmalloc(kernel, 100, GFP_DMA32)).to.be.greaterThan(0);
    expect(kernel.warned.join()).to.match(/__GFP_DMA32/);
  });

  it('has caches of their own for ZONE_DMA, where there is one', () => {
    const kernel = makeFakeKernel({ zoneDmaLimit: 0x8200_0000 });
    const zoneOf = (flags: number): number =>
      kernel.mm.pages.zoneOfPfn(virt_to_page(kernel, kmalloc(kernel, 100, flags)).pfn);
    expect([GFP_KERNEL, GFP_DMA, GFP_KERNEL, GFP_DMA].map(zoneOf)).to.deep.equal([2, 0, 2, 0]);
  });

  it('grows an object with its contents', () => {
    const kernel = makeFakeKernel();
    const small = kmalloc(kernel, 20, GFP_KERNEL);
    kernel.mm.write(
      small,
      Uint8Array.from({ length: 32 }, (_, index) => index * 7),
    );
    expect(krealloc(kernel, small, 32, GFP_KERNEL)).to.equal(small);
    const large = krealloc(kernel, small, 20_000, GFP_KERNEL);
    expect(kernel.mm.read(large, 32)).to.deep.equal(Uint8Array.from({ length: 32 }, (_, index) => index * 7));
    expect(ksize(kernel, small)).to.equal(0);
    expect(krealloc(kernel, large, 0, GFP_KERNEL)).to.equal(16);
    expect(kernel.mm.statistics().kmallocObjects).to.equal(0);
  });

  it('gives empty slabs back beyond a few, and all of them when asked', () => {
    const kernel = makeFakeKernel();
    const objects = Array.from({ length: 64 * 20 }, () => kmalloc(kernel, 64, GFP_KERNEL));
    expect(kernel.mm.statistics().allocatedPages).to.equal(20);
    for (const object of objects) kfree(kernel, object);
    expect(kernel.mm.statistics().allocatedPages).to.be.within(1, 6);
    expectNothingLive(kernel);
  });

  it('falls back to small slabs when memory is in pieces', () => {
    const kernel = makeFakeKernel({ banks: [{ base: 0x8000_0000, size: 1 << 20 }] });
    const pages = [];
    for (let page = alloc_page(kernel, GFP_ATOMIC); page !== null; page = alloc_page(kernel, GFP_ATOMIC))
      pages.push(page);
    pages.filter(({ pfn }) => pfn % 2 === 0).forEach(__free_page);
    expect(kmalloc(kernel, 2048, GFP_KERNEL)).to.be.greaterThan(0);
    expect(kmalloc(kernel, 8192, GFP_KERNEL)).to.equal(0);
  });

  describe('misuse', () => {
    const cases: [string, RegExp, (kernel: FakeKernel, object: VirtAddr) => void][] = [
      ['a double free', /already free/, (kernel, object) => [1, 2].forEach(() => kfree(kernel, object))],
      ['a free inside an object', /invalid object/, (kernel, object) => kfree(kernel, at(object, 4))],
      ['a free of an object never handed out', /already free/, (kernel, object) => kfree(kernel, at(object, 96))],
      [
        'a free behind the last object of a slab',
        /invalid object/,
        (kernel, object) => kfree(kernel, at(object, 42 * 96)),
      ],
      [
        'a free of pages',
        /not a kmalloc/,
        (kernel) => kfree(kernel, kernel.mm.pages.handles.at(0x80200) && virtAddr(0x8_0000_8020_0000)),
      ],
      ['a free of a user address', /not a kmalloc/, (kernel) => kfree(kernel, virtAddr(0x1234_5000))],
      ['a free of vmalloc memory', /not a kmalloc/, (kernel) => kfree(kernel, virtAddr(0x6_0000_0000_0000))],
      [
        'a double free of a large object',
        /not a kmalloc/,
        (kernel) => {
          const large = kmalloc(kernel, 20_000, GFP_KERNEL);
          kfree(kernel, large);
          kfree(kernel, large);
        },
      ],
      [
        'a free inside a large object',
        /not a kmalloc/,
        (kernel) => kfree(kernel, at(kmalloc(kernel, 20_000, GFP_KERNEL), 4096)),
      ],
      ['a page free of a slab', /belongs to a slab/, (kernel, object) => __free_page(virt_to_page(kernel, object))],
      ['holding a page of a slab', /not counted/, (kernel, object) => get_page(virt_to_page(kernel, object))],
    ];
    for (const [name, message, misuse] of cases) {
      it(`${name} is a warning and spoils nothing`, () => {
        const kernel = makeFakeKernel();
        const object = kmalloc(kernel, 96, GFP_KERNEL);
        expect(PageSlab(virt_to_page(kernel, object))).to.equal(true);
        misuse(kernel, object);
        expect(kernel.warned).to.have.length(1);
        expect(kernel.warned[0]).to.match(message);
        const objects = Array.from({ length: 500 }, () => kmalloc(kernel, 96, GFP_KERNEL));
        expect(new Set(objects).size).to.equal(500);
      });
    }
  });

  it('fails on request, and then touches no page', () => {
    const kernel = makeFakeKernel();
    kernel.mm.failures.failWhen(({ caller, size }) => caller === 'kmalloc' && size > 50);
    expect(kmalloc(kernel, 50, GFP_KERNEL)).to.be.greaterThan(0);
    expect(kmalloc(kernel, 51, GFP_KERNEL)).to.equal(0);
    expect(kmalloc(kernel, 51_000, GFP_KERNEL)).to.equal(0);
    expect(kernel.mm.statistics().allocatedPages).to.equal(1);
  });

  it('agrees with a list of intervals: no overlap, alignment, contents kept', () => {
    const size = fc.oneof(
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 9000 }),
      fc.constantFrom(8192, 8193, 40_000),
    );
    const command = fc.record({ size, free: fc.integer({ min: 0, max: 2 }), pick: fc.nat() });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
        const kernel = makeFakeKernel({ banks: [{ base: 0x8000_0000, size: 2 << 20 }] });
        const live: { address: VirtAddr; bytes: Uint8Array }[] = [];
        const check = ({ address, bytes }: { address: VirtAddr; bytes: Uint8Array }): void => {
          expect(Buffer.compare(kernel.mm.read(address, bytes.length), bytes)).to.equal(0);
        };
        commands.forEach(({ size: length, free, pick }, step) => {
          const address = kmalloc(kernel, length, GFP_KERNEL);
          if (address !== 0) {
            expect(ksize(kernel, address)).to.be.at.least(length);
            expect(address % 8).to.equal(0);
            const bytes = Uint8Array.from({ length: ksize(kernel, address) }, (_, index) => index * 31 + step);
            for (const other of live) {
              expect(address + bytes.length <= other.address || other.address + other.bytes.length <= address).to.equal(
                true,
              );
            }
            kernel.mm.write(address, bytes);
            live.push({ address, bytes });
          }
          for (let count = 0; count < free - (address === 0 ? 0 : 1) && live.length > 0; count++) {
            const [gone] = live.splice(pick % live.length, 1);
            check(gone!);
            kfree(kernel, gone!.address);
          }
        });
        expect(kernel.mm.statistics().kmallocObjects).to.equal(live.length);
        for (const object of live) {
          check(object);
          kfree(kernel, object.address);
        }
        expectNothingLive(kernel);
        expect(kernel.warned).to.deep.equal([]);
      }),
      { numRuns: 60 },
    );
  });
});
