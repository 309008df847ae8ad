import { sg_dma_address, sg_dma_len, type Scatterlist } from '../scatterlist/scatterlist';
import type { DmaAddress } from './dma-device';

/** One mapped segment of a scatterlist. Iterating over an `SGTable` gives them. */
export class SGEntry {
  readonly #sg: Scatterlist;
  readonly #checkAlive: () => void;

  /** @param checkAlive throws once the table is gone */
  constructor(sg: Scatterlist, checkAlive: () => void) {
    this.#sg = sg;
    this.#checkAlive = checkAlive;
  }

  /** Where the segment is for the device. */
  dmaAddress(): DmaAddress {
    this.#checkAlive();
    return sg_dma_address(this.#sg);
  }

  /** Bytes of the segment. */
  dmaLen(): number {
    this.#checkAlive();
    return sg_dma_len(this.#sg);
  }
}
