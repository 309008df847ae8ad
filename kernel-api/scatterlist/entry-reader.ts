import { PAGE_SIZE, virtAddr, type VirtAddr } from '../../base/address';
import { BUS_NO_ADDRESS } from '../../base/bus-outcome';
import { pageOfHalves } from '../../base/u64';
import type { Kernel } from '../kernel';
import { kernelFault } from '../mm/kernel-fault';
import { STRUCT_PAGE_SIZE, VMEMMAP_START } from '../mm/layout';
import {
  SG_CHAIN,
  SG_DMA_ADDRESS,
  SG_DMA_LENGTH,
  SG_END,
  SG_ENTRY_SIZE,
  SG_LENGTH,
  SG_OFFSET,
  SG_PAGE_LINK_MASK,
} from './layout';

/** Entries that are read in one go. */
const BATCH = 128;
const WORDS = SG_ENTRY_SIZE / 4;
const TWO_32 = 0x1_0000_0000;

/**
 * Reads the entries of a list one after the other, quickly: a batch of neighbours per access to memory. What is written to
 * an entry after its batch was read is not seen. Keep one and use it again; it holds no state between lists.
 *
 * `reader.begin(kernel, sgl, nents); while (reader.next()) { … }`
 */
export class EntryReader {
  /** Address of the entry. */
  entry = virtAddr(0);
  private readonly words = new Uint32Array(BATCH * WORDS);
  private readonly bytes = new Uint8Array(this.words.buffer);
  private kernel: Kernel | null = null;
  /** Entries still to come. */
  private left = 0;
  /** Where the next entry is, unless it turns out to be a chain link. */
  private following = virtAddr(0);
  /** First word of the current entry, and of the end of what was read. */
  private at = 0;
  private filled = 0;

  /** Begins a list: its first `nents` entries. */
  begin(kernel: Kernel, sgl: VirtAddr, nents: number): void {
    this.kernel = kernel;
    this.left = nents;
    this.following = sgl;
    this.at = 0;
    this.filled = 0;
  }

  /** Goes on to the next entry. @returns false after the last of `nents`. A list that ends before is an oops: NULL. */
  next(): boolean {
    if (this.left === 0) return false;
    const isFirst = this.filled === 0;
    if (!isFirst && (this.words[this.at]! & SG_END) !== 0) throw kernelFault(0, BUS_NO_ADDRESS);
    this.step();
    if (!isFirst && (this.words[this.at]! & SG_CHAIN) !== 0) {
      const link = this.words[this.at + 1]! * TWO_32 + this.words[this.at]!;
      this.fetch(virtAddr(link - (link % 4)));
    }
    this.left--;
    return true;
  }

  private step(): void {
    const next = this.at + WORDS;
    if (next >= this.filled) {
      this.fetch(this.following);
      return;
    }
    this.at = next;
    this.entry = this.following;
    this.following = virtAddr(this.entry + SG_ENTRY_SIZE);
  }

  /** Reads the batch that begins at an address and ends with its page, at most. */
  private fetch(address: VirtAddr): void {
    const inPage = Math.floor((PAGE_SIZE - (address % PAGE_SIZE)) / SG_ENTRY_SIZE);
    const count = Math.max(1, Math.min(BATCH, this.left, inPage));
    this.kernel!.mm.readInto(address, this.bytes, 0, count * SG_ENTRY_SIZE);
    this.filled = count * WORDS;
    this.at = 0;
    this.entry = address;
    this.following = virtAddr(address + SG_ENTRY_SIZE);
  }

  /** Page frame number of the entry's page; negative if it has none. */
  get pfn(): number {
    const low = this.words[this.at]!;
    const link = this.words[this.at + 1]! * TWO_32 + low - (low & SG_PAGE_LINK_MASK);
    return Math.floor((link - VMEMMAP_START) / STRUCT_PAGE_SIZE);
  }

  /** Offset of the data from the start of the page; may be larger than a page. */
  get offset(): number {
    return this.words[this.at + SG_OFFSET / 4]!;
  }

  /** Bytes of data. */
  get length(): number {
    return this.words[this.at + SG_LENGTH / 4]!;
  }

  /** Page number of the mapped segment's device address. */
  get dmaPage(): number {
    return pageOfHalves(this.words[this.at + SG_DMA_ADDRESS / 4]!, this.words[this.at + SG_DMA_ADDRESS / 4 + 1]!);
  }

  /** Offset of the mapped segment in its first page. */
  get dmaOffset(): number {
    return this.words[this.at + SG_DMA_ADDRESS / 4]! & (PAGE_SIZE - 1);
  }

  /** Bytes of the mapped segment. */
  get dmaLength(): number {
    return this.words[this.at + SG_DMA_LENGTH / 4]!;
  }
}
