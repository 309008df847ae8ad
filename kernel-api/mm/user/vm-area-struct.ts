import { PAGE_SIZE, type VirtAddr } from '../../../base/address';
import type { Pgprot } from '../pgprot';
import type { MmStruct } from './mm-struct';
import { vm_get_page_prot } from './vm-flags';

/** What a device file does when a process maps it (`struct file_operations.mmap`). 0, or a negative errno. */
export interface UserMappable {
  mmap(vma: VmAreaStruct): number;
}

/** `struct vm_area_struct`: a range of user addresses that are mapped alike. The bounds are multiples of a page. */
export class VmAreaStruct {
  readonly vm_mm: MmStruct;
  vm_start: VirtAddr;
  /** The first address behind it. */
  vm_end: VirtAddr;
  /** Offset in the file, in pages; of anonymous memory the page number of `vm_start`. */
  vm_pgoff: number;
  /** `VM_*`. */
  vm_flags: number;
  /** How drivers should map pages into it; they may change it first (`pgprot_writecombine`). */
  vm_page_prot: Pgprot;
  /** The file that is mapped; null for anonymous memory. */
  readonly vm_file: UserMappable | null;
  /** The driver's own. */
  vm_private_data: unknown = null;

  constructor(mm: MmStruct, start: VirtAddr, end: VirtAddr, flags: number, pgoff: number, file: UserMappable | null) {
    this.vm_mm = mm;
    this.vm_start = start;
    this.vm_end = end;
    this.vm_flags = flags;
    this.vm_pgoff = pgoff;
    this.vm_page_prot = vm_get_page_prot(flags);
    this.vm_file = file;
  }
}

/** How many pages a mapping has. */
export const vma_pages = (vma: VmAreaStruct): number => (vma.vm_end - vma.vm_start) / PAGE_SIZE;

/** Whether it is memory of the process's own, with no file behind it. */
export const vma_is_anonymous = (vma: VmAreaStruct): boolean => vma.vm_file === null;

/** A mapping with the same properties over another range (`vm_area_dup`). */
export const duplicateVma = (vma: VmAreaStruct, mm: MmStruct, start: VirtAddr, end: VirtAddr): VmAreaStruct => {
  const pgoff = vma.vm_pgoff + (start - vma.vm_start) / PAGE_SIZE;
  const copy = new VmAreaStruct(mm, start, end, vma.vm_flags, pgoff, vma.vm_file);
  copy.vm_page_prot = vma.vm_page_prot;
  copy.vm_private_data = vma.vm_private_data;
  return copy;
};
