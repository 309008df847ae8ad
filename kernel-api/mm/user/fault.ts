import { physAddr, PAGE_SIZE } from '../../../base/address';
import { EFAULT, ENOMEM } from '../../../base/errno';
import { __GFP_ZERO, GFP_KERNEL } from '../../gfp';
import { page_ref_count, pfn_to_page } from '../page-alloc';
import type { MmStruct } from './mm-struct';
import { putRefs } from './page-refs';
import type { Pte } from './user-page-table';
import { vma_is_anonymous, type VmAreaStruct } from './vm-area-struct';
import { is_cow_mapping, VM_READ, VM_SHARED, VM_WRITE } from './vm-flags';

/** What an access wants. `unshare`: to read for long, from a page that is the process's own (`FAULT_FLAG_UNSHARE`). */
export type FaultKind = 'read' | 'write' | 'unshare';

/** Whether a mapping allows an access. `force` is a debugger's write to private memory (`FOLL_FORCE`). */
export const vmaPermits = (vma: VmAreaStruct, kind: FaultKind, force: boolean): boolean => {
  if (kind !== 'write') return (vma.vm_flags & (VM_READ | VM_WRITE)) !== 0 || force;
  return (vma.vm_flags & VM_WRITE) !== 0 || (force && is_cow_mapping(vma.vm_flags));
};

/**
 * A page fault (`handle_mm_fault`): makes a page accessible. 0, -EFAULT where the access is not allowed (SIGSEGV, SIGBUS),
 * -ENOMEM.
 */
export const handleFault = (mm: MmStruct, address: number, kind: FaultKind, force = false): number => {
  const vma = mm.vmas.lookup(address);
  if (vma === null || !vmaPermits(vma, kind, force)) return -EFAULT;
  const pte = mm.table.at(address);
  if (pte === undefined) return vma_is_anonymous(vma) ? touchAnonymous(vma, address, kind) : -EFAULT;
  if (kind === 'read' || (kind === 'write' && pte.writable)) return 0;
  if ((vma.vm_flags & VM_SHARED) !== 0) {
    pte.writable = kind === 'write' || pte.writable;
    return 0;
  }
  return ownPage(vma, address, kind, pte);
};

/** The first touch of anonymous memory: the page of zeroes to read from, or a page of its own. */
const touchAnonymous = (vma: VmAreaStruct, address: number, kind: FaultKind): number => {
  const { kernel, table } = vma.vm_mm;
  if (kind === 'write') return mapFresh(vma, address, kind, null);
  const pfn = kernel.mm.user.zeroPfn;
  table.set(address, { pfn, writable: false, uncached: false, special: true, anonymous: false, exclusive: false });
  return 0;
};

/** A store to a page that may be shared with another process: it goes on with the page if nobody else has it (`do_wp_page`). */
const ownPage = (vma: VmAreaStruct, address: number, kind: FaultKind, pte: Pte): number => {
  const { kernel } = vma.vm_mm;
  const isOwn = pte.anonymous && (pte.exclusive || page_ref_count(pfn_to_page(kernel, pte.pfn)) === 1);
  if (!isOwn) return mapFresh(vma, address, kind, pte);
  pte.exclusive = true;
  pte.writable = kind === 'write' && (vma.vm_flags & VM_WRITE) !== 0;
  return 0;
};

/** Maps a new page, with what was there before or zeroes (`wp_page_copy`, `do_anonymous_page`). */
const mapFresh = (vma: VmAreaStruct, address: number, kind: FaultKind, before: Pte | null): number => {
  const { kernel, table } = vma.vm_mm;
  const isZero = before === null || kernel.mm.user.isZeroPfn(before.pfn);
  const pfn = kernel.mm.allocPfn(isZero ? GFP_KERNEL | __GFP_ZERO : GFP_KERNEL, 0);
  if (pfn < 0) return -ENOMEM;
  if (!isZero) {
    const outcome = kernel.cpu.copyBytes(physAddr(pfn * PAGE_SIZE), physAddr(before.pfn * PAGE_SIZE), PAGE_SIZE);
    if (outcome < 0) {
      kernel.mm.freePfn(pfn, 0);
      return -EFAULT;
    }
  }
  const writable = kind === 'write' && (vma.vm_flags & VM_WRITE) !== 0;
  table.set(address, { pfn, writable, uncached: false, special: false, anonymous: true, exclusive: true });
  if (before !== null && !before.special) putRefs(pfn_to_page(kernel, before.pfn), 1);
  return 0;
};
