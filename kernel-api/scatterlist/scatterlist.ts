import { offsetInPage, physAddr, virtAddr, type DmaAddr, type PhysAddr, type VirtAddr } from '../../base/address';
import { hex, highHalf, lowHalf, u64ToBigInt } from '../../base/u64';
import type { Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { __get_free_page, free_page } from '../mm/page-alloc';
import {
  pageAtAddress,
  pageStructAddress,
  page_address,
  page_to_phys,
  pfn_valid,
  virt_to_page,
  type Page,
} from '../mm/page';
import { kfree, kmalloc } from '../mm/kmalloc';
import { kernelFault } from '../mm/kernel-fault';
import { BUS_NO_ADDRESS } from '../../base/bus-outcome';
import { KernelOops } from '../oops';
import {
  SG_CHAIN,
  SG_DMA_ADDRESS,
  SG_DMA_FLAGS,
  SG_DMA_LENGTH,
  SG_END,
  SG_ENTRY_SIZE,
  SG_LENGTH,
  SG_MAX_SINGLE_ALLOC,
  SG_OFFSET,
  SG_PAGE_LINK,
  SG_PAGE_LINK_MASK,
} from './layout';
import { nextEntry } from './raw';
import { SgPools } from './sg-pools';

/**
 * `struct scatterlist *`: a handle of 32 bytes in RAM. All of the entry's state is in these bytes; the fields here are
 * loads and stores. There is one handle per address and kernel, so handles can be compared.
 */
export class Scatterlist {
  readonly kernel: Kernel;
  readonly address: VirtAddr;

  constructor(kernel: Kernel, address: VirtAddr) {
    this.kernel = kernel;
    this.address = address;
  }

  /** Offset of the data from the start of the page; may be larger than a page. */
  get offset(): number {
    return this.kernel.mm.load32(virtAddr(this.address + SG_OFFSET));
  }

  set offset(value: number) {
    this.kernel.mm.store32(virtAddr(this.address + SG_OFFSET), value);
  }

  /** Bytes of data. */
  get length(): number {
    return this.kernel.mm.load32(virtAddr(this.address + SG_LENGTH));
  }

  set length(value: number) {
    this.kernel.mm.store32(virtAddr(this.address + SG_LENGTH), value);
  }

  /** Device address of the mapped segment that this entry begins. */
  get dma_address(): DmaAddr {
    const { mm } = this.kernel;
    const lo = mm.load32(virtAddr(this.address + SG_DMA_ADDRESS));
    return u64ToBigInt(lo, mm.load32(virtAddr(this.address + SG_DMA_ADDRESS + 4))) as DmaAddr;
  }

  set dma_address(value: DmaAddr) {
    const lo = Number(BigInt.asUintN(32, value));
    const hi = Number(BigInt.asUintN(32, value >> 32n));
    this.kernel.mm.store64(virtAddr(this.address + SG_DMA_ADDRESS), lo, hi);
  }

  /** Bytes of the mapped segment that this entry begins. */
  get dma_length(): number {
    return this.kernel.mm.load32(virtAddr(this.address + SG_DMA_LENGTH));
  }

  set dma_length(value: number) {
    this.kernel.mm.store32(virtAddr(this.address + SG_DMA_LENGTH), value);
  }

  /** `SG_DMA_*` bits. */
  get dma_flags(): number {
    return this.kernel.mm.load32(virtAddr(this.address + SG_DMA_FLAGS));
  }

  set dma_flags(value: number) {
    this.kernel.mm.store32(virtAddr(this.address + SG_DMA_FLAGS), value);
  }

  /** Page address and the two bits below it, as a number. */
  get page_link(): number {
    return this.kernel.mm.loadPointer(virtAddr(this.address + SG_PAGE_LINK));
  }

  set page_link(value: number) {
    this.kernel.mm.store64(virtAddr(this.address + SG_PAGE_LINK), lowHalf(value), highHalf(value));
  }
}

const UINT_MAX = 0xffff_ffff;

/** Bytes whose handles are kept together. */
const CHUNK_BYTES = SG_MAX_SINGLE_ALLOC * SG_ENTRY_SIZE;

/** The handles of a kernel's scatterlist entries, and the pools that chained tables come from. */
export class Scatterlists {
  readonly pools: SgPools;
  private readonly kernel: Kernel;
  private readonly chunks = new Map<number, (Scatterlist | null)[]>();
  private readonly unaligned = new Map<VirtAddr, Scatterlist>();
  private recentNumber = -1;
  private recent: (Scatterlist | null)[] = [];
  private readonly warnedOnce = new Set<string>();

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.pools = new SgPools(kernel);
  }

  /** `WARN_ON_ONCE`: a misuse is told the first time. */
  warnOnce(where: string, message: string): void {
    if (this.warnedOnce.has(where)) return;
    this.warnedOnce.add(where);
    this.kernel.warn(where, message);
  }

  /** The handle of the entry at an address. */
  at(address: VirtAddr): Scatterlist {
    const slot = (address & (CHUNK_BYTES - 1)) / SG_ENTRY_SIZE;
    if (!Number.isInteger(slot)) return this.unalignedAt(address);
    const number = Math.floor(address / CHUNK_BYTES);
    const chunk = number === this.recentNumber ? this.recent : this.chunk(number);
    return (chunk[slot] ??= new Scatterlist(this.kernel, address));
  }

  private chunk(number: number): (Scatterlist | null)[] {
    let chunk = this.chunks.get(number);
    if (chunk === undefined) {
      chunk = new Array<Scatterlist | null>(SG_MAX_SINGLE_ALLOC).fill(null);
      this.chunks.set(number, chunk);
    }
    this.recentNumber = number;
    this.recent = chunk;
    return chunk;
  }

  private unalignedAt(address: VirtAddr): Scatterlist {
    let sg = this.unaligned.get(address);
    if (sg === undefined) {
      sg = new Scatterlist(this.kernel, address);
      this.unaligned.set(address, sg);
    }
    return sg;
  }
}

/** The low bits of `page_link`. */
const flagsOf = (sg: Scatterlist): number => sg.kernel.mm.load32(sg.address) & SG_PAGE_LINK_MASK;

/** `page_link` without its low bits. */
const pointerOf = (sg: Scatterlist): VirtAddr => {
  const link = sg.page_link;
  return virtAddr(link - (link % 4));
};

/** `&sg[index]`: plain pointer arithmetic, whatever the list says. */
export const sg_entry = (sg: Scatterlist, index: number): Scatterlist =>
  sg.kernel.scatterlists.at(virtAddr(sg.address + index * SG_ENTRY_SIZE));

/** Whether the entry holds no data but leads to the next part of the list. */
export const sg_is_chain = (sg: Scatterlist): boolean => (flagsOf(sg) & SG_CHAIN) !== 0;

/** Whether the entry is marked as the last one. */
export const sg_is_last = (sg: Scatterlist): boolean => (flagsOf(sg) & SG_END) !== 0;

/** Where a chain entry leads to. */
export const sg_chain_ptr = (sg: Scatterlist): Scatterlist => sg.kernel.scatterlists.at(pointerOf(sg));

/** The next entry, across chain links; NULL after the last one. */
export const sg_next = (sg: Scatterlist): Scatterlist | null => {
  const next = nextEntry(sg.kernel, sg.address);
  return next === 0 ? null : sg.kernel.scatterlists.at(next);
};

/** Sets the entry's page; the chain and end marks stay. An entry that is a chain link is a warning (`CONFIG_DEBUG_SG`). */
export const sg_assign_page = (sg: Scatterlist, page: Page): void => {
  const address = pageStructAddress(page);
  const flags = flagsOf(sg);
  if (address % 4 !== 0) throw new KernelOops(`sg_assign_page: ${address} is no address of a struct page`);
  if ((flags & SG_CHAIN) !== 0) sg.kernel.warn('sg_assign_page', 'the entry is a chain link: the list is broken now');
  sg.page_link = address + flags;
};

/** Makes the entry point at data in a page. */
export const sg_set_page = (sg: Scatterlist, page: Page, len: number, offset: number): void => {
  sg_assign_page(sg, page);
  sg.kernel.mm.store64(virtAddr(sg.address + SG_OFFSET), offset, len);
};

/** Makes the entry point at data in a compound page, given by its first page. */
export const sg_set_folio = (sg: Scatterlist, folio: Page, len: number, offset: number): void => {
  if (len > UINT_MAX || offset > UINT_MAX)
    sg.kernel.scatterlists.warnOnce('sg_set_folio', 'the length or the offset does not fit 32 bits');
  sg_assign_page(sg, folio);
  sg.kernel.mm.store64(virtAddr(sg.address + SG_OFFSET), lowHalf(offset), lowHalf(len));
};

/** The entry's page. An entry that was given none is a NULL pointer: following it is an oops. */
export const sg_page = (sg: Scatterlist): Page => {
  const address = pointerOf(sg);
  if (address === 0) throw kernelFault(0, BUS_NO_ADDRESS);
  return pageAtAddress(sg.kernel, address);
};

/**
 * Makes the entry point at data in the linear map (`kmalloc`, `alloc_pages`) or in the kernel image. For any other address
 * (`vmalloc`, the stack, user memory) the page is nonsense: a warning, where Linux with `CONFIG_DEBUG_SG` stops.
 */
export const sg_set_buf = (sg: Scatterlist, buf: VirtAddr, buflen: number): void => {
  const page = virt_to_page(sg.kernel, buf);
  if (!pfn_valid(sg.kernel, page.pfn))
    sg.kernel.warn('sg_set_buf', `${hex(buf)} is not in the linear map: no page has it`);
  sg_set_page(sg, page, buflen, offsetInPage(buf));
};

/** Physical address of the data. */
export const sg_phys = (sg: Scatterlist): PhysAddr => physAddr(page_to_phys(sg_page(sg)) + sg.offset);

/** Address of the data in the linear map. */
export const sg_virt = (sg: Scatterlist): VirtAddr => virtAddr(page_address(sg_page(sg)) + sg.offset);

/** Device address of a mapped segment. Means something for the first `nents` entries of a mapped list. */
export const sg_dma_address = (sg: Scatterlist): DmaAddr => sg.dma_address;

/** Bytes of a mapped segment. */
export const sg_dma_len = (sg: Scatterlist): number => sg.dma_length;

/** Marks the entry as the last one; it is then no chain entry. */
export const sg_mark_end = (sg: Scatterlist): void => {
  const { mm } = sg.kernel;
  mm.store32(sg.address, ((mm.load32(sg.address) | SG_END) & ~SG_CHAIN) >>> 0);
};

/** Takes the mark of the last entry off. */
export const sg_unmark_end = (sg: Scatterlist): void => {
  const { mm } = sg.kernel;
  mm.store32(sg.address, (mm.load32(sg.address) & ~SG_END) >>> 0);
};

/** Makes an entry lead to another part of the list. */
export const __sg_chain = (chain: Scatterlist, sgl: Scatterlist): void => {
  chain.kernel.mm.store64(virtAddr(chain.address + SG_OFFSET), 0, 0);
  chain.page_link = sgl.address - (sgl.address % 4) + SG_CHAIN;
};

/** Joins two lists: the last of the `prv_nents` entries of the first one becomes the link. */
export const sg_chain = (prv: Scatterlist, prv_nents: number, sgl: Scatterlist): void =>
  __sg_chain(sg_entry(prv, prv_nents - 1), sgl);

/** Marks the last of `nents` entries. */
export const sg_init_marker = (sgl: Scatterlist, nents: number): void => sg_mark_end(sg_entry(sgl, (nents - 1) >>> 0));

/** Zeroes `nents` entries and marks the last one. */
export const sg_init_table = (sgl: Scatterlist, nents: number): void => {
  sgl.kernel.mm.fill(sgl.address, 0, SG_ENTRY_SIZE * nents);
  sg_init_marker(sgl, nents);
};

/** Initialises a list of one entry. */
export const sg_init_one = (sg: Scatterlist, buf: VirtAddr, buflen: number): void => {
  sg_init_table(sg, 1);
  sg_set_buf(sg, buf, buflen);
};

/** The first `nr` entries. Going past the end of the list follows NULL: an oops. */
export function* for_each_sg(sglist: Scatterlist | null, nr: number): Generator<Scatterlist, void, undefined> {
  let sg = sglist;
  for (let index = 0; index < nr; index++) {
    if (sg === null) throw kernelFault(0, BUS_NO_ADDRESS);
    yield sg;
    if (index + 1 < nr) sg = sg_next(sg);
  }
}

/** Memory for an array of entries, not initialised: a page for `SG_MAX_SINGLE_ALLOC` of them, otherwise `kmalloc`. */
export const sg_kmalloc = (kernel: Kernel, nents: number, gfp: Gfp): Scatterlist | null => {
  const single = nents === SG_MAX_SINGLE_ALLOC;
  const address = single ? __get_free_page(kernel, gfp) : kmalloc(kernel, nents * SG_ENTRY_SIZE, gfp);
  return address === 0 ? null : kernel.scatterlists.at(address);
};

/** Frees memory of `sg_kmalloc`, with the same number. */
export const sg_kfree = (sg: Scatterlist, nents: number): void => {
  if (nents === SG_MAX_SINGLE_ALLOC) free_page(sg.kernel, sg.address);
  else kfree(sg.kernel, sg.address);
};
