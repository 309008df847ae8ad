import { expect } from 'chai';
import fc from 'fast-check';

import { virtAddr } from '../../../../base/address';
import { EINVAL, ENOMEM } from '../../../../base/errno';
import { GFP_KERNEL } from '../../../../kernel-api/gfp';
import { kmalloc } from '../../../../kernel-api/mm/kmalloc';
import { TASK_SIZE } from '../../../../kernel-api/mm/layout';
import {
  clear_user,
  copy_from_user,
  copy_to_user,
  kthread_unuse_mm,
  kthread_use_mm,
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  mmget,
  mmput,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  SegmentationFault,
  UserProcess,
  vma_lookup,
  vma_pages,
} from '../../../../kernel-api/mm/user';
import { makeFakeKernel, type FakeKernel } from '../../../support/fake-kernel';

const PAGE = 4096;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;
const FIXED = ANON | MAP_FIXED;
const RW = PROT_READ | PROT_WRITE;

const smallKernel = (): FakeKernel => makeFakeKernel({ banks: [{ base: 0x1_0000_0000, size: 4 << 20 }] });

const expectNothingLeft = (kernel: FakeKernel): void => {
  expect(kernel.mm.statistics()).to.include({ allocatedPages: 0, userSpaces: 0, pins: 0 });
  expect(kernel.warned).to.deep.equal([]);
};

describe('a user address space', () => {
  it('has memory that is zero, and takes pages only when it is written to', () => {
    const kernel = smallKernel();
    const process = new UserProcess(kernel);
    const base = process.allocate(100 * PAGE);
    expect(base).to.be.greaterThan(0x1_0000).and.lessThan(TASK_SIZE);
    expect(base % PAGE).to.equal(0);
    expect(process.read(virtAddr(base + 5), 3 * PAGE)).to.deep.equal(new Uint8Array(3 * PAGE));
    expect(kernel.mm.statistics().allocatedPages, 'all of it is the page of zeroes').to.equal(0);
    process.write(virtAddr(base + PAGE - 2), Uint8Array.of(1, 2, 3));
    expect(kernel.mm.statistics().allocatedPages).to.equal(2);
    expect([...process.read(virtAddr(base + PAGE - 3), 5)]).to.deep.equal([0, 1, 2, 3, 0]);
    expect([...process.read(virtAddr(base + 5 * PAGE), 2)], 'the page of zeroes is untouched').to.deep.equal([0, 0]);
    process.exit();
    expectNothingLeft(kernel);
  });

  it('keeps processes apart', () => {
    const kernel = smallKernel();
    const [a, b] = [new UserProcess(kernel), new UserProcess(kernel)];
    const base = a.allocate(PAGE);
    expect(b.allocate(PAGE)).to.equal(base);
    a.write(base, Uint8Array.of(1));
    b.write(base, Uint8Array.of(2));
    expect([a.read(base, 1)[0], b.read(base, 1)[0]]).to.deep.equal([1, 2]);
    a.exit();
    b.exit();
    expectNothingLeft(kernel);
  });

  it('faults outside of mappings, on read-only memory and at NULL', () => {
    const process = new UserProcess(smallKernel());
    const base = process.allocate(PAGE, PROT_READ);
    expect(process.read(base, PAGE)).to.have.length(PAGE);
    const where = (address: number): string => `0x${address.toString(16)}`;
    expect(() => process.write(base, Uint8Array.of(1))).to.throw(
      SegmentationFault,
      `store at user address ${where(base)}`,
    );
    expect(() => process.read(virtAddr(base + 4), PAGE)).to.throw(SegmentationFault, where(base + PAGE));
    expect(() => process.read(virtAddr(0), 1)).to.throw(SegmentationFault);
    expect(() => process.read(virtAddr(TASK_SIZE), 1)).to.throw(SegmentationFault);
    expect(() => process.read(virtAddr(-8), 1)).to.throw(SegmentationFault);
    expect(() => process.load32(virtAddr(base + 2))).to.throw(SegmentationFault, 'misaligned');
    const none = process.allocate(PAGE, PROT_NONE);
    expect(() => process.read(none, 1)).to.throw(SegmentationFault);
    expect(process.mm.mprotect(none, PAGE, PROT_WRITE), 'what may be written may be read').to.equal(0);
    process.store32(none, 0xfedc_ba98);
    expect(process.load32(none)).to.equal(0xfedc_ba98);
    process.mm.mprotect(none, PAGE, PROT_READ);
    expect(() => process.store32(none, 1)).to.throw(SegmentationFault);
    expect(process.load32(none)).to.equal(0xfedc_ba98);
  });

  it('refuses what makes no sense', () => {
    const { mm } = new UserProcess(smallKernel());
    const base = mm.mmap(0, 4 * PAGE, RW, ANON, null);
    expect(mm.mmap(0, 0, RW, ANON, null)).to.equal(-EINVAL);
    expect(mm.mmap(0, NaN, RW, ANON, null)).to.equal(-EINVAL);
    expect(mm.mmap(0, PAGE, RW, MAP_ANONYMOUS, null)).to.equal(-EINVAL);
    expect(mm.mmap(0, PAGE, RW, MAP_PRIVATE, null)).to.equal(-EINVAL);
    expect(mm.mmap(0, PAGE, RW, MAP_SHARED, { mmap: () => 0 }, 5)).to.equal(-EINVAL);
    expect(mm.mmap(5, PAGE, RW, FIXED, null)).to.equal(-EINVAL);
    expect(mm.mmap(0, TASK_SIZE, RW, ANON, null)).to.equal(-ENOMEM);
    expect(mm.mmap(0, Infinity, RW, ANON, null)).to.equal(-ENOMEM);
    expect(mm.mmap(TASK_SIZE - PAGE, 2 * PAGE, RW, FIXED, null)).to.equal(-ENOMEM);
    expect(() => mm.mmap(0, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, null)).to.throw(/not modelled/);
    expect(mm.munmap(base + 1, PAGE)).to.equal(-EINVAL);
    expect(mm.munmap(base, 0)).to.equal(-EINVAL);
    expect(mm.munmap(0x10_0000, PAGE), 'nothing there is no error').to.equal(0);
    expect(mm.mprotect(base, 5 * PAGE, PROT_READ)).to.equal(-ENOMEM);
    expect(mm.mprotect(base + 7, PAGE, PROT_READ)).to.equal(-EINVAL);
    expect(mm.madvise(base, PAGE, 99)).to.equal(-EINVAL);
    expect(mm.madvise(base - PAGE, 2 * PAGE, MADV_DONTNEED)).to.equal(-ENOMEM);
    expect(mm.mmap(0, PAGE, RW, MAP_SHARED, { mmap: () => -EINVAL })).to.equal(-EINVAL);
    expect(mm.vmas.count).to.equal(1);
  });

  it('out of memory is a fault, not a crash', () => {
    const kernel = smallKernel();
    const process = new UserProcess(kernel);
    const base = process.allocate(PAGE);
    kernel.mm.failures.failNth(1);
    expect(() => process.write(base, Uint8Array.of(1))).to.throw(SegmentationFault);
    process.write(base, Uint8Array.of(1));
    process.exit();
    expectNothingLeft(kernel);
  });

  it('agrees with a plain model of pages under mmap, munmap, mprotect, madvise and stores', () => {
    const BASE = 0x10_0000_0000;
    const PAGES = 12;
    const range = { at: fc.nat(PAGES - 1), count: fc.integer({ min: 1, max: 5 }) };
    const command = fc.record({
      kind: fc.constantFrom('map', 'unmap', 'readonly', 'writable', 'dontneed', 'store', 'store', 'store'),
      value: fc.integer({ min: 1, max: 255 }),
      ...range,
    });
    fc.assert(
      fc.property(fc.array(command, { minLength: 1, maxLength: 40 }), (commands) => {
        const kernel = smallKernel();
        const process = new UserProcess(kernel);
        const { mm } = process;
        const model = new Map<number, { writable: boolean; value: number }>();
        for (const { kind, at, count, value } of commands) {
          const [address, length] = [BASE + at * PAGE, count * PAGE];
          const pages = Array.from({ length: count }, (_, index) => at + index);
          const covered = pages.every((page) => model.has(page));
          if (kind === 'map') {
            expect(mm.mmap(address, length, RW, FIXED, null)).to.equal(address);
            for (const page of pages) model.set(page, { writable: true, value: 0 });
          } else if (kind === 'unmap') {
            expect(mm.munmap(address, length)).to.equal(0);
            for (const page of pages) model.delete(page);
          } else if (kind === 'dontneed') {
            expect(mm.madvise(address, length, MADV_DONTNEED)).to.equal(covered ? 0 : -ENOMEM);
            for (const page of pages) if (model.has(page)) model.get(page)!.value = 0;
          } else if (kind === 'store') {
            const entry = model.get(at);
            const store = (): void => process.write(virtAddr(address + 77), Uint8Array.of(value));
            if (entry?.writable === true) {
              store();
              entry.value = value;
            } else expect(store).to.throw(SegmentationFault);
          } else {
            const writable = kind === 'writable';
            expect(mm.mprotect(address, length, writable ? RW : PROT_READ)).to.equal(covered ? 0 : -ENOMEM);
            for (const page of pages) {
              if (!model.has(page)) break;
              model.get(page)!.writable = writable;
            }
          }
          for (let page = 0; page < PAGES + 5; page++) {
            const entry = model.get(page);
            const load = (): number => process.read(virtAddr(BASE + page * PAGE + 77), 1)[0]!;
            if (entry === undefined) expect(load).to.throw(SegmentationFault);
            else expect(load()).to.equal(entry.value);
          }
        }
        const mapped = mm.vmas.list().reduce((sum, vma) => sum + vma_pages(vma), 0);
        expect(mapped).to.equal(model.size);
        process.exit();
        expectNothingLeft(kernel);
      }),
      { numRuns: 40 },
    );
  });

  it('splits a mapping with its page offset', () => {
    const process = new UserProcess(smallKernel());
    const { mm } = process;
    const base = mm.mmap(0, 6 * PAGE, RW, MAP_SHARED, { mmap: () => 0 }, 10 * PAGE);
    mm.munmap(base + 2 * PAGE, PAGE);
    const found = mm.vmas.list().map((vma) => [(vma.vm_start - base) / PAGE, vma_pages(vma), vma.vm_pgoff]);
    expect(found).to.deep.equal([
      [0, 2, 10],
      [3, 3, 13],
    ]);
    expect(vma_lookup(mm, virtAddr(base + 2 * PAGE))).to.equal(null);
  });

  it('lives as long as somebody uses it', () => {
    const kernel = smallKernel();
    const process = new UserProcess(kernel);
    const base = process.allocate(PAGE);
    process.write(base, Uint8Array.of(7));
    mmget(process.mm);
    process.exit();
    expect(process.read(base, 1)[0]).to.equal(7);
    mmput(process.mm);
    expectNothingLeft(kernel);
    mmput(process.mm);
    expect(kernel.warned).to.have.length(1);
  });
});

describe('copy_to_user and copy_from_user', () => {
  it('copy, and tell how much they could not', () => {
    const kernel = smallKernel();
    const process = new UserProcess(kernel);
    const base = process.allocate(2 * PAGE);
    const buffer = kmalloc(kernel, 4 * PAGE, GFP_KERNEL);
    kernel.mm.fill(buffer, 0x5a, 4 * PAGE);
    const call = (body: () => number): number => process.syscall(body);
    expect(call(() => copy_to_user(kernel, virtAddr(base + 100), buffer, PAGE))).to.equal(0);
    expect(process.read(virtAddr(base + 99), PAGE + 2)).to.deep.equal(new Uint8Array(PAGE + 2).fill(0x5a, 1, PAGE + 1));
    expect(call(() => copy_to_user(kernel, virtAddr(base + PAGE), buffer, PAGE + 10))).to.equal(10);
    const last = virtAddr(process.mm.mmap(TASK_SIZE - PAGE, PAGE, RW, FIXED, null));
    expect(call(() => copy_to_user(kernel, virtAddr(TASK_SIZE - 4), buffer, 8))).to.equal(8);
    expect([...process.read(virtAddr(last + PAGE - 4), 4)], 'all or nothing').to.deep.equal([0, 0, 0, 0]);
    expect(call(() => copy_to_user(kernel, virtAddr(TASK_SIZE - 8), buffer, 8))).to.equal(0);
    expect(
      call(() => copy_to_user(kernel, buffer, buffer, 8)),
      'a kernel address is refused',
    ).to.equal(8);
    const target = new Uint8Array(20).fill(1);
    expect(call(() => copy_from_user(kernel, target, virtAddr(base + 2 * PAGE - 12), 20))).to.equal(8);
    expect(target, 'the rest is zeroed').to.deep.equal(new Uint8Array(20).fill(0x5a, 0, 12));
    expect(call(() => copy_from_user(kernel, buffer, virtAddr(8), 16))).to.equal(16);
    expect(kernel.mm.read(buffer, 17)).to.deep.equal(new Uint8Array(17).fill(0x5a, 16));
    expect(call(() => clear_user(kernel, base, 2 * PAGE + 1))).to.equal(1);
    expect(process.read(base, 2 * PAGE)).to.deep.equal(new Uint8Array(2 * PAGE));
  });

  it('without an address space follow NULL; a kernel thread can borrow one', () => {
    const kernel = smallKernel();
    const process = new UserProcess(kernel);
    const base = process.allocate(PAGE);
    const store = (): number => copy_to_user(kernel, base, Uint8Array.of(9), 1);
    expect(store).to.throw(/NULL pointer/);
    kthread_use_mm(process.mm);
    expect(store()).to.equal(0);
    kthread_unuse_mm(process.mm);
    expect(store).to.throw(/NULL pointer/);
    expect(process.read(base, 1)[0]).to.equal(9);
    kthread_unuse_mm(process.mm);
    expect(kernel.warned).to.have.length(1);
  });

  it('a system call puts back what was current before, also when it throws or is a promise', async () => {
    const kernel = smallKernel();
    const [outer, inner] = [new UserProcess(kernel), new UserProcess(kernel)];
    await outer.syscall(async () => {
      expect(() => inner.syscall(() => expect.fail('thrown'))).to.throw('thrown');
      expect(kernel.mm.user.current).to.equal(outer.mm);
      await inner.syscall(async () => {
        await Promise.resolve();
        expect(kernel.mm.user.current).to.equal(inner.mm);
      });
      expect(kernel.mm.user.current).to.equal(outer.mm);
    });
    expect(kernel.mm.user.current).to.equal(null);
  });
});
