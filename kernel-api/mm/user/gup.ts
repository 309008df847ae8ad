import { PAGE_SIZE, pageStart, pageOf, type VirtAddr } from '../../../base/address';
import { EEXIST, EFAULT, EINVAL, ENOMEM, EOVERFLOW } from '../../../base/errno';
import type { Kernel } from '../../kernel';
import { TASK_SIZE } from '../layout';
import { pfn_to_page, type Page } from '../page-alloc';
import { handleFault, vmaPermits } from './fault';
import type { MmStruct } from './mm-struct';
import { addPin, addRefs } from './page-refs';
import type { Pte } from './user-page-table';
import type { VmAreaStruct } from './vm-area-struct';
import { is_cow_mapping, VM_IO, VM_PFNMAP, VM_WRITE } from './vm-flags';

/**
 * User pages for a device (`mm/gup.c`). Whoever lets a device read or write user memory pins it (`pin_user_pages*`);
 * `get_user_pages*` only keeps the page from being freed, and a later `fork` or copy-on-write may leave the process with
 * another page at the address.
 */

/** The device will write to the pages. */
export const FOLL_WRITE = 1 << 0;
/** Do it although the mapping is read-only: private memory, for debuggers. */
export const FOLL_FORCE = 1 << 3;
/** Fail rather than fault a page in. */
export const FOLL_NOFAULT = 1 << 9;
/** The pages stay pinned for longer than a transfer. */
export const FOLL_LONGTERM = 1 << 8;

/** Set by the functions here, never by their callers. */
const FOLL_GET = 1 << 16;
const FOLL_PIN = 1 << 17;
const FOLL_FAST_ONLY = 1 << 18;
const INTERNAL = FOLL_GET | FOLL_PIN | FOLL_FAST_ONLY;
const KNOWN = FOLL_WRITE | FOLL_FORCE | FOLL_NOFAULT | FOLL_LONGTERM;

/** Where the pages go: an array that the functions fill from index 0 on. */
type PageArray = Page[] | null;

const areValid = (kernel: Kernel, pages: PageArray, flags: number, mode: number): boolean => {
  const problem =
    (flags & INTERNAL) !== 0
      ? 'internal FOLL_ flags were given'
      : (mode & FOLL_PIN) === 0 && (flags & FOLL_LONGTERM) !== 0
        ? 'FOLL_LONGTERM is for pin_user_pages only'
        : (mode & (FOLL_GET | FOLL_PIN)) !== 0 && pages === null
          ? 'there is no array for the pages'
          : '';
  if (problem !== '') kernel.mm.user.warnOnce('is_valid_gup_args', problem);
  return problem === '';
};

/** Whether the mapping gives pages out at all, and for this access (`check_vma_flags`). */
const mayGive = (vma: VmAreaStruct, flags: number): boolean => {
  if ((vma.vm_flags & (VM_IO | VM_PFNMAP)) !== 0) return false;
  const force = (flags & FOLL_FORCE) !== 0;
  return vmaPermits(vma, (flags & FOLL_WRITE) !== 0 ? 'write' : 'read', force);
};

/** Whether a reader that pins must first get a page of its own (`gup_must_unshare`). */
const mustUnshare = (vma: VmAreaStruct, pte: Pte, flags: number): boolean => {
  if (pte.writable || (flags & (FOLL_WRITE | FOLL_PIN)) !== FOLL_PIN) return false;
  if (pte.anonymous) return !pte.exclusive;
  return (flags & FOLL_LONGTERM) !== 0 && is_cow_mapping(vma.vm_flags);
};

/** Whether the page may be handed to a writer: a forced one takes a read-only page if it is the process's own. */
const mayWrite = (vma: VmAreaStruct, pte: Pte, flags: number): boolean =>
  pte.writable || ((flags & FOLL_FORCE) !== 0 && (vma.vm_flags & VM_WRITE) === 0 && pte.anonymous && pte.exclusive);

/** The fault that an entry needs before its page can be handed out, or null. */
const faultFor = (vma: VmAreaStruct, pte: Pte | undefined, flags: number): 'read' | 'write' | 'unshare' | null => {
  const isWrite = (flags & FOLL_WRITE) !== 0;
  if (pte === undefined) return isWrite ? 'write' : 'read';
  if (isWrite && !mayWrite(vma, pte, flags)) return 'write';
  return mustUnshare(vma, pte, flags) ? 'unshare' : null;
};

/** The entry for an address, faulted in as need be (`follow_page_mask`, `faultin_page`); a negative errno. */
const follow = (vma: VmAreaStruct, address: number, flags: number): Pte | number => {
  const mm = vma.vm_mm;
  // Zeroes are mapped first, and given up for a page of one's own then: three rounds do for every case.
  for (let round = 0; round < 3; round++) {
    const pte = mm.table.at(address);
    const fault = faultFor(vma, pte, flags);
    if (pte !== undefined && fault === null) return pte;
    if ((flags & (FOLL_NOFAULT | FOLL_FAST_ONLY)) !== 0) return -EFAULT;
    const error = handleFault(mm, address, fault!, (flags & FOLL_FORCE) !== 0);
    if (error !== 0) return error;
  }
  return -EFAULT;
};

/** Takes the page of one address into `pages`. 0, or a negative errno. */
const takePage = (mm: MmStruct, address: number, flags: number, pages: PageArray, index: number): number => {
  const vma = mm.vmas.lookup(address);
  if (vma === null || !mayGive(vma, flags)) return -EFAULT;
  const pte = follow(vma, address, flags);
  if (typeof pte === 'number') return pte;
  const isZero = mm.kernel.mm.user.isZeroPfn(pte.pfn);
  if (pte.special && (!isZero || (flags & FOLL_FAST_ONLY) !== 0)) return -EEXIST;
  if (pages === null) return 0;
  const page = pfn_to_page(mm.kernel, pte.pfn);
  const taken = (flags & FOLL_PIN) !== 0 ? addPin(page) : addRefs(page, 1);
  if (!taken) return -ENOMEM;
  pages[index] = page;
  return 0;
};

/** Takes pages one after the other. @returns how many before the first that failed, or its error if it was the first */
const takePages = (mm: MmStruct, start: number, count: number, flags: number, pages: PageArray): number => {
  if ((flags & FOLL_PIN) !== 0) mm.hasPinned = true;
  for (let index = 0; index < count; index++) {
    const error = takePage(mm, start + index * PAGE_SIZE, flags, pages, index);
    if (error !== 0) return index > 0 ? index : error;
  }
  return Math.max(0, count);
};

const fast = (kernel: Kernel, start: VirtAddr, count: number, flags: number, pages: PageArray): number => {
  if ((flags & ~(KNOWN | INTERNAL)) !== 0) {
    kernel.mm.user.warnOnce('gup_fast_fallback', `unknown FOLL_ flags 0x${(flags >>> 0).toString(16)}`);
    return -EINVAL;
  }
  const mm = kernel.mm.user.currentOrOops;
  if ((flags & FOLL_FAST_ONLY) === 0) kernel.sched.mightSleep('gup_fast_fallback');
  const first = pageStart(pageOf(start));
  // A negative number is a huge one to Linux, whose end wraps around or is far beyond user space.
  if (count < 0) return first + count * PAGE_SIZE >= 0 ? -EOVERFLOW : -EFAULT;
  if (!(first + count * PAGE_SIZE <= TASK_SIZE)) return -EFAULT;
  const taken = takePages(mm, first, count, flags, pages);
  return (flags & FOLL_FAST_ONLY) !== 0 ? Math.max(0, taken) : taken;
};

/**
 * Takes a reference to each page of `nr_pages` from `start` on, faulting them in. Give them back by `put_page`.
 *
 * @returns how many pages, which may be fewer; -EFAULT, -ENOMEM if there is none; -EINVAL for bad flags
 */
export const get_user_pages_fast = (
  kernel: Kernel,
  start: VirtAddr,
  nr_pages: number,
  gup_flags: number,
  pages: PageArray,
): number =>
  areValid(kernel, pages, gup_flags, FOLL_GET) ? fast(kernel, start, nr_pages, gup_flags | FOLL_GET, pages) : -EINVAL;

/** The same of pages that are there already, and may be called in atomic context. @returns how many, perhaps 0 */
export const get_user_pages_fast_only = (
  kernel: Kernel,
  start: VirtAddr,
  nr_pages: number,
  gup_flags: number,
  pages: PageArray,
): number =>
  areValid(kernel, pages, gup_flags, FOLL_GET)
    ? fast(kernel, start, nr_pages, gup_flags | FOLL_GET | FOLL_FAST_ONLY, pages)
    : -EINVAL;

/**
 * Pins pages for DMA: they stay the process's pages, whatever it does. Give them back by `unpin_user_page(s)`. A page of
 * zeroes, which only a reader gets, is not counted.
 *
 * @returns as `get_user_pages_fast`
 */
export const pin_user_pages_fast = (
  kernel: Kernel,
  start: VirtAddr,
  nr_pages: number,
  gup_flags: number,
  pages: PageArray,
): number =>
  areValid(kernel, pages, gup_flags, FOLL_PIN) ? fast(kernel, start, nr_pages, gup_flags | FOLL_PIN, pages) : -EINVAL;

const slow = (mm: MmStruct, start: VirtAddr, count: number, flags: number, pages: PageArray): number => {
  mm.kernel.sched.mightSleep('__get_user_pages');
  const mode = pages !== null && (flags & FOLL_PIN) === 0 ? FOLL_GET : 0;
  return takePages(mm, start, count, flags | mode, pages);
};

/** `get_user_pages_fast`, except that a range may end beyond user space: what comes before is taken. NULL only faults in. */
export const get_user_pages = (
  kernel: Kernel,
  start: VirtAddr,
  nr_pages: number,
  gup_flags: number,
  pages: PageArray,
): number =>
  areValid(kernel, pages, gup_flags, 0)
    ? slow(kernel.mm.user.currentOrOops, start, nr_pages, gup_flags, pages)
    : -EINVAL;

/** `get_user_pages` of another process. */
export const get_user_pages_remote = (
  mm: MmStruct,
  start: VirtAddr,
  nr_pages: number,
  gup_flags: number,
  pages: PageArray,
): number => (areValid(mm.kernel, pages, gup_flags, 0) ? slow(mm, start, nr_pages, gup_flags, pages) : -EINVAL);

/** `pin_user_pages_fast`, except that a range may end beyond user space, and that bad flags give 0 pages. */
export const pin_user_pages = (
  kernel: Kernel,
  start: VirtAddr,
  nr_pages: number,
  gup_flags: number,
  pages: PageArray,
): number =>
  areValid(kernel, pages, gup_flags, FOLL_PIN)
    ? slow(kernel.mm.user.currentOrOops, start, nr_pages, gup_flags | FOLL_PIN, pages)
    : 0;

/** `pin_user_pages` of another process. */
export const pin_user_pages_remote = (
  mm: MmStruct,
  start: VirtAddr,
  nr_pages: number,
  gup_flags: number,
  pages: PageArray,
): number =>
  areValid(mm.kernel, pages, gup_flags, FOLL_PIN) ? slow(mm, start, nr_pages, gup_flags | FOLL_PIN, pages) : 0;

/** `get_user_pages`; the locks, which make the difference in Linux, are not modelled. Mind the order of the arguments. */
export const get_user_pages_unlocked = (
  kernel: Kernel,
  start: VirtAddr,
  nr_pages: number,
  pages: PageArray,
  gup_flags: number,
): number => get_user_pages(kernel, start, nr_pages, gup_flags, pages);

/** `pin_user_pages`, with the arguments in the order of `get_user_pages_unlocked`. */
export const pin_user_pages_unlocked = (
  kernel: Kernel,
  start: VirtAddr,
  nr_pages: number,
  pages: PageArray,
  gup_flags: number,
): number => pin_user_pages(kernel, start, nr_pages, gup_flags, pages);
