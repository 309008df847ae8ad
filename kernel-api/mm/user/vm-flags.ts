import type { Pgprot } from '../pgprot';

/** `vma->vm_flags` (`include/linux/mm.h`), what `mmap` takes (`uapi/linux/mman.h`), and the protection that follows. */

export const VM_READ = 1 << 0;
export const VM_WRITE = 1 << 1;
/** Stores are seen by everybody who maps the same object. */
export const VM_SHARED = 1 << 3;
/** `mprotect` may add the right. */
export const VM_MAYREAD = 1 << 4;
export const VM_MAYWRITE = 1 << 5;
/** Raw page frames, without references to their pages. */
export const VM_PFNMAP = 1 << 10;
/** Device memory. */
export const VM_IO = 1 << 14;
/** A forked process does not get it. */
export const VM_DONTCOPY = 1 << 17;
export const VM_DONTEXPAND = 1 << 18;
export const VM_DONTDUMP = 1 << 26;
/** Pages of the kernel, each with a reference. */
export const VM_MIXEDMAP = 1 << 28;

export const PROT_NONE = 0;
export const PROT_READ = 1 << 0;
export const PROT_WRITE = 1 << 1;

export const MAP_SHARED = 1 << 0;
export const MAP_PRIVATE = 1 << 1;
/** At this very address; what is there is unmapped. */
export const MAP_FIXED = 1 << 4;
export const MAP_ANONYMOUS = 1 << 5;

/** The pages go; what is touched next is new. */
export const MADV_DONTNEED = 4;
/** A forked process does not get the range: what to do with a buffer of `get_user_pages` before forking. */
export const MADV_DONTFORK = 10;
/** Undoes `MADV_DONTFORK`. */
export const MADV_DOFORK = 11;

/** In a `Pgprot`: user loads and stores are allowed. Beside the memory type in `pgprot.ts`. */
const PAGE_USER_READ = 1 << 1;
const PAGE_USER_WRITE = 1 << 2;

/** No access. */
export const PAGE_NONE: Pgprot = 0;
export const PAGE_READ: Pgprot = PAGE_USER_READ;
/** A private, writable mapping: the first store makes a copy. */
export const PAGE_COPY: Pgprot = PAGE_USER_READ;
export const PAGE_SHARED: Pgprot = PAGE_USER_READ | PAGE_USER_WRITE;

/** Whether a page mapped so takes stores without a fault. */
export const isUserWritable = (prot: Pgprot): boolean => (prot & PAGE_USER_WRITE) !== 0;

/** The protection of pages of a mapping with these `VM_*` flags. */
export const vm_get_page_prot = (flags: number): Pgprot => {
  if ((flags & (VM_READ | VM_WRITE)) === 0) return PAGE_NONE;
  return (flags & (VM_WRITE | VM_SHARED)) === (VM_WRITE | VM_SHARED) ? PAGE_SHARED : PAGE_READ;
};

/** Whether stores go to a private copy, now or after an `mprotect`. */
export const is_cow_mapping = (flags: number): boolean => (flags & (VM_SHARED | VM_MAYWRITE)) === VM_MAYWRITE;
