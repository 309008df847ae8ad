import { PAGE_SIZE, pageAlign, virtAddr, type VirtAddr } from '../../../base/address';
import { EINVAL, ENOMEM } from '../../../base/errno';
import { LabError } from '../../../base/errors';
import type { Kernel } from '../../kernel';
import { TASK_SIZE } from '../layout';
import { UserPageTable } from './user-page-table';
import { VmAreaStruct, type UserMappable } from './vm-area-struct';
import { VmaList } from './vma-list';
import {
  MADV_DOFORK,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
  VM_DONTCOPY,
  VM_IO,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  vm_get_page_prot,
} from './vm-flags';

const isWhole = (address: number): boolean =>
  Number.isSafeInteger(address) && address >= 0 && address % PAGE_SIZE === 0;

/** `PROT_*` as `VM_*`: RISC-V's system call lets what may be written be read as well. */
const protectionBits = (prot: number): number => {
  if ((prot & PROT_WRITE) !== 0) return VM_READ | VM_WRITE;
  return (prot & PROT_READ) !== 0 ? VM_READ : 0;
};

/** A user address space (`struct mm_struct`): its mappings, its page table, and the system calls that change them. */
export class MmStruct {
  readonly kernel: Kernel;
  readonly vmas = new VmaList();
  readonly table: UserPageTable;
  /** Pages were pinned in it at some time (`MMF_HAS_PINNED`): `fork` has to look. */
  hasPinned = false;
  /** Users; at 0 it is destroyed. */
  users = 1;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.table = new UserPageTable(kernel);
    kernel.mm.user.live++;
  }

  /**
   * `mmap(2)`. Anonymous memory is private; its pages come when they are touched. A file's `mmap` maps what it likes.
   *
   * @param address where, with `MAP_FIXED`; a hint otherwise, which is not followed
   * @param offset in the file, a multiple of a page
   * @returns the address, or -EINVAL, -ENOMEM, or what the file says, with nothing mapped
   */
  mmap(address: number, length: number, prot: number, flags: number, file: UserMappable | null, offset = 0): number {
    const size = pageAlign(length);
    const sharing = flags & (MAP_SHARED | MAP_PRIVATE);
    const isBad = !(length > 0) || !isWhole(offset) || (sharing !== MAP_SHARED && sharing !== MAP_PRIVATE);
    if (isBad || (file === null) !== ((flags & MAP_ANONYMOUS) !== 0)) return -EINVAL;
    if (file === null && sharing === MAP_SHARED) throw new LabError('Shared anonymous memory is not modelled.');
    if (!(size <= TASK_SIZE)) return -ENOMEM;
    const start = this.place(address, size, (flags & MAP_FIXED) !== 0);
    if (start < 0) return start;
    const shared = sharing === MAP_SHARED ? VM_SHARED : 0;
    const vmFlags = protectionBits(prot) | shared | VM_MAYREAD | VM_MAYWRITE;
    const pgoff = (file === null ? start : offset) / PAGE_SIZE;
    const vma = new VmAreaStruct(this, virtAddr(start), virtAddr(start + size), vmFlags, pgoff, file);
    this.vmas.insert(vma);
    const error = file === null ? 0 : file.mmap(vma);
    if (error === 0) return start;
    this.drop(vma);
    return error;
  }

  private place(address: number, size: number, fixed: boolean): number {
    if (!fixed) {
      const free = this.vmas.findFree(size);
      return free < 0 ? -ENOMEM : free;
    }
    if (!isWhole(address)) return -EINVAL;
    if (address + size > TASK_SIZE) return -ENOMEM;
    this.munmap(address, size);
    return address;
  }

  private drop(vma: VmAreaStruct): void {
    this.table.zap(vma.vm_start, vma.vm_end);
    this.vmas.remove(vma);
  }

  /** `munmap(2)`: whatever is mapped in the range goes. 0, or -EINVAL. */
  munmap(address: number, length: number): number {
    const end = address + pageAlign(length);
    if (!isWhole(address) || !(length > 0) || end > TASK_SIZE) return -EINVAL;
    for (const vma of this.vmas.isolate(address, end)) this.drop(vma);
    return 0;
  }

  /** `mprotect(2)`. 0, -EINVAL, or -ENOMEM at the first page that is not mapped: what comes before it has changed. */
  mprotect(address: number, length: number, prot: number): number {
    const end = address + pageAlign(length);
    if (!isWhole(address) || !(length >= 0)) return -EINVAL;
    const reached = this.vmas.coveredTo(address, end);
    for (const vma of reached > address ? this.vmas.isolate(address, reached) : []) {
      vma.vm_flags = (vma.vm_flags & ~(VM_READ | VM_WRITE)) | protectionBits(prot);
      vma.vm_page_prot = vm_get_page_prot(vma.vm_flags);
    }
    // Whoever may write finds out by a fault, which knows about copies.
    this.table.forEach(address, reached, (pte) => {
      pte.writable = false;
    });
    return reached < end ? -ENOMEM : 0;
  }

  /** `madvise(2)`: `MADV_DONTNEED`, `MADV_DONTFORK`, `MADV_DOFORK`. 0, -EINVAL, or -ENOMEM if some of it is not mapped. */
  madvise(address: number, length: number, advice: number): number {
    const end = address + pageAlign(length);
    if (!isWhole(address) || !(length >= 0)) return -EINVAL;
    if (![MADV_DONTNEED, MADV_DONTFORK, MADV_DOFORK].includes(advice)) return -EINVAL;
    const areas = advice === MADV_DONTNEED ? this.vmas.touching(address, end) : this.vmas.isolate(address, end);
    for (const vma of areas) {
      if (advice === MADV_DONTFORK) vma.vm_flags |= VM_DONTCOPY;
      else if ((vma.vm_flags & (advice === MADV_DOFORK ? VM_IO : VM_PFNMAP)) !== 0) return -EINVAL;
      else if (advice === MADV_DOFORK) vma.vm_flags &= ~VM_DONTCOPY;
      else this.table.zap(Math.max(address, vma.vm_start), Math.min(end, vma.vm_end));
    }
    return this.vmas.coveredTo(address, end) < end ? -ENOMEM : 0;
  }

  /** Unmaps everything (`exit_mmap`). */
  clear(): void {
    this.table.zap(0, TASK_SIZE);
    for (const vma of [...this.vmas.list()]) this.vmas.remove(vma);
  }
}

/** A new, empty address space with one user. */
export const mm_alloc = (kernel: Kernel): MmStruct => new MmStruct(kernel);

/** Keeps an address space alive. */
export const mmget = (mm: MmStruct): void => {
  mm.users++;
};

/** Lets go of an address space; the last one destroys it. Pages that are pinned or held stay until they are let go. */
export const mmput = (mm: MmStruct): void => {
  if (mm.users <= 0) mm.kernel.warn('mmput', 'the address space is destroyed already');
  else if (--mm.users === 0) {
    mm.clear();
    mm.kernel.mm.user.live--;
  }
};

/** Makes an address space the current task's, as a kernel thread does that works for a process. Undo with `kthread_unuse_mm`. */
export const kthread_use_mm = (mm: MmStruct): void => {
  const { user } = mm.kernel.mm;
  if (user.current !== null) mm.kernel.warn('kthread_use_mm', 'the task has an address space already');
  user.enter(mm);
};

/** Undoes `kthread_use_mm`. */
export const kthread_unuse_mm = (mm: MmStruct): void => mm.kernel.mm.user.leave(mm);

/** The mapping that an address lies in, or null. */
export const vma_lookup = (mm: MmStruct, address: VirtAddr): VmAreaStruct | null => mm.vmas.lookup(address);
