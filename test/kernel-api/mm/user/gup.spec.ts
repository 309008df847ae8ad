import { expect } from 'chai';
import fc from 'fast-check';

import { virtAddr, type VirtAddr } from '../../../../base/address';
import { EAGAIN, EFAULT, EINVAL, ENOENT, ENOMEM, EOVERFLOW } from '../../../../base/errno';
import { __GFP_COMP, GFP_KERNEL } from '../../../../kernel-api/gfp';
import { TASK_SIZE } from '../../../../kernel-api/mm/layout';
import {
  __free_pages,
  alloc_pages,
  nth_page,
  page_address,
  page_ref_count,
  put_page,
  type Page,
} from '../../../../kernel-api/mm/page-alloc';
import {
  FOLL_FORCE,
  FOLL_LONGTERM,
  FOLL_NOFAULT,
  FOLL_WRITE,
  get_user_pages,
  get_user_pages_fast,
  get_user_pages_fast_only,
  get_user_pages_remote,
  get_user_pages_unlocked,
  GUP_PIN_COUNTING_BIAS,
  is_zero_page,
  MADV_DONTFORK,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  page_maybe_dma_pinned,
  PageDirty,
  pin_user_pages,
  pin_user_pages_fast,
  pin_user_pages_remote,
  pin_user_pages_unlocked,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  unpin_user_page,
  unpin_user_page_range_dirty_lock,
  unpin_user_pages,
  unpin_user_pages_dirty_lock,
  UserProcess,
  vm_map_pages,
} from '../../../../kernel-api/mm/user';
import { makeFakeKernel, type FakeKernel } from '../../../support/fake-kernel';

const PAGE = 4096;
const RW = PROT_READ | PROT_WRITE;
const BASE = 0x10_0000_0000;
const at = (page: number, offset = 0): VirtAddr => virtAddr(BASE + page * PAGE + offset);

interface Setup {
  readonly kernel: FakeKernel;
  readonly process: UserProcess;
  /** Pins for reading or, with `FOLL_WRITE`, for writing; the pages are in `pages`. */
  readonly pin: (start: VirtAddr, count: number, flags?: number) => number;
  readonly get: (start: VirtAddr, count: number, flags?: number) => number;
  pages: Page[];
}

/** A process with pages 0 … 3 and 5 … 6 writable, 7 … 8 read-only, 9 without access, and nothing at 4. */
const setup = (): Setup => {
  const kernel = makeFakeKernel({ banks: [{ base: 0x1_0000_0000, size: 4 << 20 }] });
  const process = new UserProcess(kernel);
  const map = (page: number, count: number, prot: number): void => {
    process.mm.mmap(at(page), count * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, null);
  };
  map(0, 4, RW);
  map(5, 2, RW);
  map(7, 2, PROT_READ);
  map(9, 1, PROT_NONE);
  const made: Setup = {
    kernel,
    process,
    pages: [],
    pin: (start, count, flags = 0) =>
      process.syscall(() => pin_user_pages_fast(kernel, start, count, flags, (made.pages = []))),
    get: (start, count, flags = 0) =>
      process.syscall(() => get_user_pages_fast(kernel, start, count, flags, (made.pages = []))),
  };
  return made;
};

const expectNothingLeft = ({ kernel, process }: Setup): void => {
  process.exit();
  expect(kernel.mm.statistics()).to.include({ allocatedPages: 0, userSpaces: 0, pins: 0 });
};

const write = ({ process }: Setup, address: VirtAddr, value: number): void =>
  process.write(address, Uint8Array.of(value));
const read = ({ process }: Setup, address: VirtAddr): number => process.read(address, 1)[0]!;
/** What a device does to a page that it was given. */
const deviceWrite = ({ kernel }: Setup, page: Page, value: number): void => kernel.mm.store8(page_address(page), value);

describe('get_user_pages and pin_user_pages', () => {
  it('count references, and pins as 1024 of them', () => {
    const s = setup();
    expect(s.get(at(0), 2, FOLL_WRITE)).to.equal(2);
    const got = s.pages;
    expect(got.map(page_ref_count)).to.deep.equal([2, 2]);
    expect(got.map(page_maybe_dma_pinned)).to.deep.equal([false, false]);
    expect(s.pin(at(0), 2, FOLL_WRITE)).to.equal(2);
    expect(s.pages).to.deep.equal(got);
    expect(got.map(page_ref_count)).to.deep.equal([2 + GUP_PIN_COUNTING_BIAS, 2 + 1024]);
    expect(got.map(page_maybe_dma_pinned)).to.deep.equal([true, true]);
    expect(s.kernel.mm.statistics().pins).to.equal(2);
    for (const page of got) put_page(page);
    unpin_user_pages(s.pages, 2);
    expect(got.map(page_ref_count)).to.deep.equal([1, 1]);
    expectNothingLeft(s);
    expect(s.kernel.warned).to.deep.equal([]);
  });

  it('take whole pages, wherever in them the range begins', () => {
    const s = setup();
    write(s, at(1, 5), 42);
    expect(s.pin(at(1, 4095), 1)).to.equal(1);
    expect(s.kernel.mm.load8(virtAddr(page_address(s.pages[0]!) + 5))).to.equal(42);
    expect(s.process.physicalOf(at(1, 7))).to.equal(s.pages[0]!.pfn * PAGE + 7);
    unpin_user_page(s.pages[0]!);
    expect(s.process.syscall(() => pin_user_pages(s.kernel, at(2, 4000), 2, FOLL_WRITE, (s.pages = [])))).to.equal(2);
    unpin_user_pages(s.pages, 2);
    expectNothingLeft(s);
  });

  it('give what comes before a hole, a read-only page or the end of memory, and an error if that is nothing', () => {
    const s = setup();
    const tryPin = (start: VirtAddr, count: number, flags = 0): number => {
      const taken = s.pin(start, count, flags);
      if (taken > 0) unpin_user_pages(s.pages, taken);
      return taken;
    };
    expect(tryPin(at(2), 5)).to.equal(2);
    expect(tryPin(at(4), 1)).to.equal(-EFAULT);
    expect(tryPin(at(5), 4), 'mappings may be neighbours').to.equal(4);
    expect(tryPin(at(5), 4, FOLL_WRITE)).to.equal(2);
    expect(tryPin(at(7), 1, FOLL_WRITE)).to.equal(-EFAULT);
    expect(tryPin(at(8), 2)).to.equal(1);
    expect(tryPin(at(9), 1)).to.equal(-EFAULT);
    expect(tryPin(virtAddr(0), 1)).to.equal(-EFAULT);
    s.kernel.mm.failures.failWhen(({ caller }) => caller === 'page');
    expect(tryPin(at(0), 2, FOLL_WRITE)).to.equal(-ENOMEM);
    s.kernel.mm.failures.clear();
    s.kernel.mm.failures.failNth(2);
    expect(tryPin(at(0), 2, FOLL_WRITE)).to.equal(1);
    expectNothingLeft(s);
  });

  it('check the range and the flags as Linux does', () => {
    const s = setup();
    const { kernel, process } = s;
    expect(s.pin(at(0), 0)).to.equal(0);
    expect(s.pin(at(0), -1)).to.equal(-EOVERFLOW);
    expect(s.pin(virtAddr(0), -1)).to.equal(-EFAULT);
    expect(s.pin(virtAddr(TASK_SIZE - PAGE), 2), 'fast: the whole range is looked at first').to.equal(-EFAULT);
    expect(kernel.warned).to.deep.equal([]);
    expect(s.get(at(0), 1, FOLL_LONGTERM)).to.equal(-EINVAL);
    expect(s.pin(at(0), 1, 1 << 17), 'an internal flag').to.equal(-EINVAL);
    expect(s.pin(at(0), 1, 1 << 25), 'an unknown one').to.equal(-EINVAL);
    expect(process.syscall(() => pin_user_pages_fast(kernel, at(0), 1, 0, null))).to.equal(-EINVAL);
    expect(
      process.syscall(() => pin_user_pages(kernel, at(0), 1, 0, null)),
      'not fast: no pages',
    ).to.equal(0);
    expect(pin_user_pages_remote(process.mm, at(0), 1, 1 << 16, [])).to.equal(0);
    expect(process.syscall(() => get_user_pages(kernel, at(0), 1, FOLL_LONGTERM, []))).to.equal(-EINVAL);
    expect(kernel.warned, 'each mistake once').to.have.length(4);
    expect(() => pin_user_pages_fast(kernel, at(0), 1, 0, [])).to.throw(/NULL pointer/);
    expect(
      process.syscall(() => get_user_pages(kernel, at(0), 2, FOLL_WRITE, null)),
      'only to fault in',
    ).to.equal(2);
    expect(kernel.mm.statistics().allocatedPages).to.equal(2);
    expect(get_user_pages_remote(process.mm, at(0), 1, FOLL_WRITE, s.pages)).to.equal(1);
    put_page(s.pages[0]!);
    expectNothingLeft(s);
  });

  it('have variants that take the locks themselves', () => {
    const s = setup();
    const { kernel, process } = s;
    expect(process.syscall(() => pin_user_pages_unlocked(kernel, at(3), 2, s.pages, FOLL_WRITE))).to.equal(1);
    expect(process.syscall(() => get_user_pages_unlocked(kernel, at(3), 1, s.pages, FOLL_WRITE))).to.equal(1);
    expect(page_ref_count(s.pages[0]!)).to.equal(1 + GUP_PIN_COUNTING_BIAS + 1);
    put_page(s.pages[0]!);
    unpin_user_page(s.pages[0]!);
    expectNothingLeft(s);
  });

  it('can be told not to fault', () => {
    const s = setup();
    const { kernel, process } = s;
    const only = (count: number, flags: number): number =>
      process.syscall(() => get_user_pages_fast_only(kernel, at(0), count, flags, (s.pages = [])));
    expect(only(2, FOLL_WRITE)).to.equal(0);
    expect(s.get(at(0), 1, FOLL_NOFAULT)).to.equal(-EFAULT);
    write(s, at(0), 1);
    expect(only(2, FOLL_WRITE)).to.equal(1);
    put_page(s.pages[0]!);
    read(s, at(1));
    expect(only(2, 0), 'the page of zeroes is not for the fast way').to.equal(1);
    put_page(s.pages[0]!);
    expectNothingLeft(s);
  });

  it('for reading give the page of zeroes, uncounted by pins; for long they give a page of its own', () => {
    const s = setup();
    expect(s.pin(at(0), 2)).to.equal(2);
    expect(s.pages.every(is_zero_page)).to.equal(true);
    expect(s.kernel.mm.statistics()).to.include({ allocatedPages: 0, pins: 0 });
    unpin_user_pages(s.pages, 2);
    expect(s.pin(at(0), 1, FOLL_LONGTERM)).to.equal(1);
    expect(is_zero_page(s.pages[0]!)).to.equal(false);
    write(s, at(0), 8);
    expect(s.kernel.mm.load8(page_address(s.pages[0]!)), 'and later stores are seen').to.equal(8);
    unpin_user_page(s.pages[0]!);
    expect(s.pin(at(7), 1, FOLL_WRITE | FOLL_FORCE), 'a debugger may').to.equal(1);
    deviceWrite(s, s.pages[0]!, 3);
    expect(read(s, at(7))).to.equal(3);
    unpin_user_page(s.pages[0]!);
    expectNothingLeft(s);
    expect(s.kernel.warned).to.deep.equal([]);
  });

  it('keep pages that the process gives up, until they are put', () => {
    const s = setup();
    write(s, at(0), 7);
    s.pin(at(0), 2, FOLL_WRITE);
    s.process.munmap(at(0), 2 * PAGE);
    expect(s.kernel.mm.statistics().allocatedPages).to.equal(2);
    expect(s.kernel.mm.load8(page_address(s.pages[0]!))).to.equal(7);
    s.process.exit();
    expect(s.kernel.mm.statistics()).to.include({ allocatedPages: 2, pins: 2, userSpaces: 0 });
    unpin_user_pages_dirty_lock(s.pages, 2, true);
    expect(s.kernel.mm.statistics()).to.include({ allocatedPages: 0, pins: 0 });
  });

  it('mark pages dirty on request only', () => {
    const s = setup();
    s.pin(at(0), 3, FOLL_WRITE);
    expect(s.pages.map(PageDirty)).to.deep.equal([false, false, false]);
    const [first, second, third] = s.pages as [Page, Page, Page];
    unpin_user_pages_dirty_lock([first], 1, false);
    unpin_user_pages_dirty_lock([second], 1, true);
    unpin_user_page_range_dirty_lock(third, 1, true);
    expect([first, second, third].map(PageDirty)).to.deep.equal([false, true, true]);
    expectNothingLeft(s);
    const again = setup();
    again.pin(at(0), 1, FOLL_WRITE);
    expect(PageDirty(again.pages[0]!)).to.equal(false);
  });

  it('tell of pins that are dropped wrongly, and change nothing then', () => {
    const s = setup();
    s.get(at(0), 1, FOLL_WRITE);
    const page = s.pages[0]!;
    unpin_user_page(page);
    expect(s.kernel.warned).to.have.length(1);
    expect(page_ref_count(page)).to.equal(2);
    put_page(page);
    unpin_user_pages([page], -EFAULT);
    expect(s.kernel.warned).to.have.length(2);
    s.pin(at(0), 1, FOLL_WRITE);
    expect(() => unpin_user_pages(s.pages, 2)).to.throw(/NULL pointer/);
    expect(s.kernel.mm.statistics().pins).to.equal(0);
    s.pin(at(0), 1, FOLL_WRITE);
    put_page(page);
    s.process.exit();
    expect(s.kernel.mm.statistics().allocatedPages, 'put_page of a pin leaks the page').to.equal(1);
  });

  it('pin compound pages that a driver mapped by a counter of their own', () => {
    const s = setup();
    const block = alloc_pages(s.kernel, GFP_KERNEL | __GFP_COMP, 2)!;
    const pages = [0, 1, 2, 3].map((index) => nth_page(block, index));
    const base = s.process.mapFile({ mmap: (vma) => vm_map_pages(vma, pages, 4) }, 4 * PAGE);
    expect(page_ref_count(block)).to.equal(5);
    expect(s.pin(base, 3, FOLL_WRITE | FOLL_LONGTERM)).to.equal(3);
    expect(s.pages).to.deep.equal(pages.slice(0, 3));
    expect([page_ref_count(block), page_maybe_dma_pinned(pages[3]!)]).to.deep.equal([8, true]);
    unpin_user_pages_dirty_lock(s.pages, 3, true);
    expect([page_ref_count(block), page_maybe_dma_pinned(block), PageDirty(block)]).to.deep.equal([5, false, true]);
    s.process.munmap(base, 4 * PAGE);
    __free_pages(block, 2);
    expectNothingLeft(s);
    expect(s.kernel.warned).to.deep.equal([]);
  });

  it('take what a model of the mappings says, for any range', () => {
    const kinds = ['w', 'w', 'w', 'w', '-', 'w', 'w', 'r', 'r', 'n', '-', '-'];
    fc.assert(
      fc.property(
        fc.nat(11),
        fc.nat(12),
        fc.nat(4095),
        fc.boolean(),
        fc.boolean(),
        (first, count, offset, isWrite, pin) => {
          const s = setup();
          const wanted = kinds.slice(first, first + count).map((kind) => kind === 'w' || (kind === 'r' && !isWrite));
          const good = wanted.includes(false) ? wanted.indexOf(false) : wanted.length < count ? wanted.length : count;
          const expected = good === 0 && count > 0 ? -EFAULT : good;
          expect((pin ? s.pin : s.get)(at(first, offset), count, isWrite ? FOLL_WRITE : 0)).to.equal(expected);
          expect(s.pages).to.have.length(good);
          if (isWrite) {
            s.pages.forEach((page, index) => deviceWrite(s, page, index + 1));
            s.pages.forEach((_, index) => expect(read(s, at(first + index))).to.equal(index + 1));
          }
          if (pin) unpin_user_pages(s.pages, good);
          else s.pages.forEach(put_page);
          expectNothingLeft(s);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('what may happen to a buffer that a device has', () => {
  it('fork: a page that is only held goes to the child when the parent writes; a pinned one stays', () => {
    for (const pinned of [false, true]) {
      const s = setup();
      write(s, at(0), 1);
      expect((pinned ? s.pin : s.get)(at(0), 1, FOLL_WRITE)).to.equal(1);
      const page = s.pages[0]!;
      const child = s.process.fork() as UserProcess;
      write(s, at(0), 2);
      deviceWrite(s, page, 99);
      expect(read(s, at(0)), pinned ? 'pinned' : 'held').to.equal(pinned ? 99 : 2);
      expect(child.read(at(0), 1)[0]).to.equal(pinned ? 1 : 99);
      if (pinned) unpin_user_page(page);
      else put_page(page);
      child.exit();
      expectNothingLeft(s);
      expect(s.kernel.warned).to.deep.equal([]);
    }
  });

  it('fork: a child without the range does no harm (MADV_DONTFORK)', () => {
    const s = setup();
    write(s, at(0), 1);
    s.get(at(0), 1, FOLL_WRITE);
    expect(s.process.mm.madvise(at(0), PAGE, MADV_DONTFORK)).to.equal(0);
    const child = s.process.fork() as UserProcess;
    write(s, at(0), 2);
    deviceWrite(s, s.pages[0]!, 99);
    expect(read(s, at(0))).to.equal(99);
    expect(() => child.read(at(0), 1)).to.throw(/Segmentation/);
    expect(child.read(at(1), 1)[0]).to.equal(0);
    put_page(s.pages[0]!);
    child.exit();
    expectNothingLeft(s);
  });

  it('copy-on-write keeps both sides apart, and the last one takes the page over', () => {
    const s = setup();
    write(s, at(0), 1);
    write(s, at(1), 1);
    const before = s.process.physicalOf(at(0));
    const child = s.process.fork() as UserProcess;
    expect(s.kernel.mm.statistics().allocatedPages).to.equal(2);
    child.write(at(0), Uint8Array.of(5));
    expect([read(s, at(0)), child.read(at(0), 1)[0]]).to.deep.equal([1, 5]);
    expect(child.physicalOf(at(0))).not.to.equal(before);
    write(s, at(0), 3);
    expect(s.process.physicalOf(at(0)), 'nobody else has it any more').to.equal(before);
    child.exit();
    write(s, at(1), 4);
    expect(s.kernel.mm.statistics().allocatedPages).to.equal(2);
    expect(child.mm.vmas.count).to.equal(0);
    expectNothingLeft(s);
  });

  it('fork without memory leaves nothing', () => {
    const s = setup();
    s.pin(at(0), 3, FOLL_WRITE);
    s.kernel.mm.failures.failNth(2);
    expect(s.process.fork()).to.equal(-ENOMEM);
    expect(s.kernel.mm.statistics()).to.include({ allocatedPages: 3, userSpaces: 1 });
    unpin_user_pages(s.pages, 3);
    expectNothingLeft(s);
  });

  it('migration moves a page that nobody holds, and no other', () => {
    const s = setup();
    write(s, at(0), 1);
    const before = s.process.physicalOf(at(0));
    expect(s.process.migrate(at(0))).to.equal(0);
    expect(s.process.physicalOf(at(0))).not.to.equal(before);
    expect(read(s, at(0))).to.equal(1);
    for (const take of [s.pin, s.get]) {
      take(at(0), 1, FOLL_WRITE);
      expect(s.process.migrate(at(0))).to.equal(-EAGAIN);
      if (take === s.pin) unpin_user_page(s.pages[0]!);
      else put_page(s.pages[0]!);
    }
    expect(s.process.migrate(at(0))).to.equal(0);
    expect([s.process.migrate(at(4)), s.process.migrate(at(1))]).to.deep.equal([-ENOENT, -ENOENT]);
    read(s, at(1));
    expect(s.process.migrate(at(1)), 'the page of zeroes').to.equal(-ENOENT);
    s.kernel.mm.failures.failNth(1);
    expect(s.process.migrate(at(0))).to.equal(-ENOMEM);
    expectNothingLeft(s);
  });
});
