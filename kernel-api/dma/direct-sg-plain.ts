import { PAGE_OFFSET_MASK, PAGE_SIZE, virtAddr, type VirtAddr } from '../../base/address';
import { BUS_NO_ADDRESS } from '../../base/bus-outcome';
import { addressHigh, addressLow } from '../../base/u64';
import type { StructDevice } from '../base/struct-device';
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
} from '../scatterlist/layout';

/** Entries that are worked on in one go. */
const BATCH = 128;
const WORDS = SG_ENTRY_SIZE / 4;
const OFFSET = SG_OFFSET / 4;
const LENGTH = SG_LENGTH / 4;
const DMA_ADDRESS = SG_DMA_ADDRESS / 4;
const DMA_LENGTH = SG_DMA_LENGTH / 4;
const TWO_32 = 0x1_0000_0000;

/**
 * Maps lists for a device that snoops and whose bus shows memory where it is, where mapping is no more than copying
 * addresses: entries are read, filled in and written back, many at a time. Keep one and use it again.
 */
export class PlainSgMapper {
  private readonly words = new Uint32Array(BATCH * WORDS);
  private readonly bytes = new Uint8Array(this.words.buffer);
  /** Where the list goes on, if it does so elsewhere. */
  private link = 0;

  /** Whether all entries are mapped. If not, one is out of the device's reach, and nothing is to be undone. */
  map(dev: StructDevice, sgl: VirtAddr, nents: number): boolean {
    const { mm } = dev.kernel;
    let entry = sgl as number;
    let isHead = true;
    for (let left = nents; left > 0;) {
      const inPage = Math.floor((PAGE_SIZE - (entry % PAGE_SIZE)) / SG_ENTRY_SIZE);
      const count = Math.max(1, Math.min(BATCH, left, inPage));
      mm.readInto(virtAddr(entry), this.bytes, 0, count * SG_ENTRY_SIZE);
      const done = this.fill(dev, count, isHead, left);
      if (done < 0) return false;
      if (done > 0) mm.write(virtAddr(entry), this.bytes, 0, done * SG_ENTRY_SIZE);
      left -= done;
      isHead = this.link !== 0;
      entry = isHead ? this.link : entry + done * SG_ENTRY_SIZE;
    }
    return true;
  }

  /** Fills in the entries that were read. @returns how many: all of them, those before a link, or -1 for one out of reach */
  private fill(dev: StructDevice, count: number, isHead: boolean, left: number): number {
    const { words } = this;
    const { page: limitPage, offset: limitOffset } = dev.dma.limit;
    this.link = 0;
    for (let index = 0, at = 0; index < count; index++, at += WORDS) {
      const low = words[at]!;
      const pointer = words[at + 1]! * TWO_32 + low - (low & SG_PAGE_LINK_MASK);
      if ((low & SG_CHAIN) !== 0 && (index > 0 || !isHead)) {
        this.link = pointer;
        return index;
      }
      if ((low & SG_END) !== 0 && index < left - 1) throw kernelFault(0, BUS_NO_ADDRESS);
      const inPages = words[at + OFFSET]!;
      const length = words[at + LENGTH]!;
      const page = Math.floor((pointer - VMEMMAP_START) / STRUCT_PAGE_SIZE) + (inPages >>> 12);
      const offset = inPages & PAGE_OFFSET_MASK;
      const last = offset + length - 1;
      const lastPage = last < PAGE_SIZE ? page : page + Math.floor(last / PAGE_SIZE);
      if (page < 0 || lastPage > limitPage) return -1;
      if (lastPage === limitPage && (last & PAGE_OFFSET_MASK) > limitOffset) return -1;
      words[at + DMA_ADDRESS] = addressLow(page, offset);
      words[at + DMA_ADDRESS + 1] = addressHigh(page);
      words[at + DMA_LENGTH] = length;
    }
    return count;
  }
}
