import { dmaAddr, dmaOffsetOf, dmaPageOf, PAGE_SIZE } from '../../base/address';

/** The last byte that a device can address, split so that mapping code can compare with it without a bigint. */
export class DmaLimit {
  readonly page: number;
  readonly offset: number;

  /** @param last the last address in reach. */
  constructor(last: bigint) {
    const address = dmaAddr(last);
    this.page = dmaPageOf(address);
    this.offset = dmaOffsetOf(address);
  }

  /** Whether all of `length` bytes at a DMA address are in reach (the last test of `dma_capable`). */
  covers(page: number, offset: number, length: number): boolean {
    const last = offset + length - 1;
    const lastPage = last < PAGE_SIZE ? page : page + Math.floor(last / PAGE_SIZE);
    return lastPage < this.page || (lastPage === this.page && (last & (PAGE_SIZE - 1)) <= this.offset);
  }
}
