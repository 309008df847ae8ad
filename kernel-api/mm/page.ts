import { PAGE_SHIFT, PAGE_SIZE, physAddr, virtAddr, type PhysAddr, type VirtAddr } from '../../base/address';
import type { Kernel } from '../kernel';
import type { FrameTable } from './frame-table';
import { PAGE_OFFSET, VMEMMAP_START, STRUCT_PAGE_SIZE } from './layout';

/**
 * `struct page *`: a handle of one page frame. There is one per frame and kernel, so handles can be compared. Like pointer
 * arithmetic in C, the conversions make a handle for any number; `pfn_valid` tells whether there is memory behind it.
 */
export class Page {
  readonly kernel: Kernel;
  /** Page frame number. */
  readonly pfn: number;

  constructor(kernel: Kernel, pfn: number) {
    this.kernel = kernel;
    this.pfn = pfn;
  }
}

const CHUNK_SHIFT = 7;
const CHUNK_MASK = (1 << CHUNK_SHIFT) - 1;

/** The handles made so far. */
export class PageHandles {
  private readonly kernel: Kernel;
  private readonly frames: FrameTable;
  private readonly chunks: ((Page | null)[] | null)[];
  /** Handles of numbers that have no memory: device registers, nonsense. */
  private readonly others = new Map<number, Page>();

  constructor(kernel: Kernel, frames: FrameTable) {
    this.kernel = kernel;
    this.frames = frames;
    this.chunks = new Array<null>(Math.ceil(frames.size / (CHUNK_MASK + 1))).fill(null);
  }

  /** The handle of a page frame number. */
  at(pfn: number): Page {
    const frame = this.frames.frameOf(pfn);
    return frame < 0 ? this.other(pfn) : this.ofFrame(frame, pfn);
  }

  /** The handle of a frame of the table, whose page frame number is known. */
  ofFrame(frame: number, pfn: number): Page {
    const chunk = (this.chunks[frame >>> CHUNK_SHIFT] ??= new Array<Page | null>(CHUNK_MASK + 1).fill(null));
    return (chunk[frame & CHUNK_MASK] ??= new Page(this.kernel, pfn));
  }

  private other(pfn: number): Page {
    let page = this.others.get(pfn);
    if (page === undefined) {
      page = new Page(this.kernel, pfn);
      this.others.set(pfn, page);
    }
    return page;
  }
}

/** The page frame number of a page. */
export const page_to_pfn = (page: Page): number => page.pfn;

/** The page with a page frame number. */
export const pfn_to_page = (kernel: Kernel, pfn: number): Page => kernel.mm.pages.handles.at(pfn);

/** The physical address of a page. */
export const page_to_phys = (page: Page): PhysAddr => physAddr(page.pfn * PAGE_SIZE);

/** The page that holds a physical address. */
export const phys_to_page = (kernel: Kernel, address: PhysAddr): Page =>
  pfn_to_page(kernel, Math.floor(address / PAGE_SIZE));

/** Where the linear map has a page. */
export const page_address = (page: Page): VirtAddr => virtAddr(PAGE_OFFSET + page.pfn * PAGE_SIZE);

/**
 * The page behind an address of the linear map or of the kernel image. For any other address (vmalloc, stack, user) the
 * result is nonsense, as in Linux.
 */
export const virt_to_page = (kernel: Kernel, address: VirtAddr): Page => {
  const image = kernel.mm.image.translate(address);
  const physical = image >= 0 ? image : address - PAGE_OFFSET;
  return pfn_to_page(kernel, Math.floor(physical / PAGE_SIZE));
};

/** Whether a page frame number has memory behind it (`struct page` exists and is initialised). */
export const pfn_valid = (kernel: Kernel, pfn: number): boolean => kernel.mm.pages.frames.hasMemory(pfn);

/** Whether an address lies in the linear map with memory behind it: then `virt_to_page` is right. */
export const virt_addr_valid = (kernel: Kernel, address: VirtAddr): boolean =>
  address >= PAGE_OFFSET && pfn_valid(kernel, Math.floor((address - PAGE_OFFSET) / PAGE_SIZE));

/** `page + n`. */
export const nth_page = (page: Page, n: number): Page => pfn_to_page(page.kernel, page.pfn + n);

/** The address of a `struct page`, as `page_link` holds it. */
export const pageStructAddress = (page: Page): VirtAddr => virtAddr(VMEMMAP_START + page.pfn * STRUCT_PAGE_SIZE);

/** The page whose `struct page` is at an address. */
export const pageAtAddress = (kernel: Kernel, address: VirtAddr): Page =>
  pfn_to_page(kernel, (address - VMEMMAP_START) / STRUCT_PAGE_SIZE);

/** The order of the smallest block of pages that holds `size` bytes. Undefined (52) for a size of 0, as in Linux. */
export const get_order = (size: number): number => {
  const pages = Math.ceil(size / PAGE_SIZE);
  if (pages <= 0) return 64 - PAGE_SHIFT;
  return Math.max(0, Math.ceil(Math.log2(pages)));
};
