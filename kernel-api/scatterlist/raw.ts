import { virtAddr, type VirtAddr } from '../../base/address';
import { pageOfHalves } from '../../base/u64';
import type { Kernel } from '../kernel';
import { STRUCT_PAGE_SIZE, VMEMMAP_START } from '../mm/layout';
import {
  SG_CHAIN,
  SG_DMA_ADDRESS,
  SG_DMA_LENGTH,
  SG_END,
  SG_ENTRY_SIZE,
  SG_LENGTH,
  SG_OFFSET,
  SG_PAGE_LINK,
} from './layout';

/**
 * Reading entries of a scatterlist by address: no handles, no allocation, no bigint. Whole lists are quicker by
 * `EntryReader`, and written by `DmaWriter`. An entry must be readable; a bad address is an oops, as everywhere.
 */

const at = (entry: VirtAddr, field: number): VirtAddr => virtAddr(entry + field);

/** The entry after this one (`sg_next`), or 0 after the last. */
export const nextEntry = ({ mm }: Kernel, entry: VirtAddr): VirtAddr => {
  if ((mm.load32(entry) & SG_END) !== 0) return virtAddr(0);
  const next = virtAddr(entry + SG_ENTRY_SIZE);
  if ((mm.load32(next) & SG_CHAIN) === 0) return next;
  const link = mm.loadPointer(next);
  return virtAddr(link - (link % 4));
};

/** Page frame number of the entry's page; negative if it has none. Nonsense in `page_link` gives a nonsensical number. */
export const entryPfn = ({ mm }: Kernel, entry: VirtAddr): number => {
  const link = mm.loadPointer(at(entry, SG_PAGE_LINK));
  return Math.floor((link - VMEMMAP_START) / STRUCT_PAGE_SIZE);
};

/** Offset of the data from the start of the entry's page; may be larger than a page. */
export const entryOffset = ({ mm }: Kernel, entry: VirtAddr): number => mm.load32(at(entry, SG_OFFSET));

/** Bytes of data. */
export const entryLength = ({ mm }: Kernel, entry: VirtAddr): number => mm.load32(at(entry, SG_LENGTH));

/** Page number of the mapped segment's device address. */
export const dmaPage = ({ mm }: Kernel, entry: VirtAddr): number =>
  pageOfHalves(mm.load32(at(entry, SG_DMA_ADDRESS)), mm.load32(at(entry, SG_DMA_ADDRESS + 4)));

/** Offset of the mapped segment in its first page. */
export const dmaOffset = ({ mm }: Kernel, entry: VirtAddr): number => mm.load32(at(entry, SG_DMA_ADDRESS)) & 0xfff;

/** Bytes of the mapped segment. */
export const dmaLength = ({ mm }: Kernel, entry: VirtAddr): number => mm.load32(at(entry, SG_DMA_LENGTH));
