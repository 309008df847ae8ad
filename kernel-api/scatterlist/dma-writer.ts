import { virtAddr, type VirtAddr } from '../../base/address';
import { addressHigh, addressLow } from '../../base/u64';
import type { Kernel } from '../kernel';
import { SG_DMA_ADDRESS, SG_DMA_LENGTH, SG_ENTRY_SIZE } from './layout';

/** Entries that are written in one go. */
const BATCH = 128;
const WORDS = SG_ENTRY_SIZE / 4;
const ADDRESS_WORD = SG_DMA_ADDRESS / 4;
const LENGTH_WORD = SG_DMA_LENGTH / 4;

/**
 * Sets the mapped segments of many entries, quickly: neighbours are written in one access to memory. Nothing is in memory
 * before `end`. Keep one and use it again.
 *
 * `writer.begin(kernel); for (…) writer.put(entry, page, offset, length); writer.end();`
 */
export class DmaWriter {
  private readonly words = new Uint32Array(BATCH * WORDS);
  private readonly bytes = new Uint8Array(this.words.buffer);
  /** Low and high half of the address, and the length, of every entry of the batch. */
  private readonly pending = new Uint32Array(BATCH * 3);
  private kernel: Kernel | null = null;
  private first = virtAddr(0);
  /** Where the next neighbour would be. */
  private following = virtAddr(0);
  private count = 0;

  /** Begins with nothing to write. */
  begin(kernel: Kernel): void {
    this.kernel = kernel;
    this.count = 0;
  }

  /** Sets an entry's segment: its device address as page number (up to 52 bits) and offset in the page, and its length. */
  put(entry: VirtAddr, page: number, offset: number, length: number): void {
    if (this.count === BATCH || (this.count > 0 && entry !== this.following)) this.end();
    if (this.count === 0) this.first = entry;
    const at = this.count * 3;
    this.pending[at] = addressLow(page, offset);
    this.pending[at + 1] = addressHigh(page);
    this.pending[at + 2] = length;
    this.following = virtAddr(entry + SG_ENTRY_SIZE);
    this.count++;
  }

  /** Writes what was put. The rest of the entries is read and written back as it is. */
  end(): void {
    const { words, pending, count } = this;
    if (count === 0) return;
    const { mm } = this.kernel!;
    mm.readInto(this.first, this.bytes, 0, count * SG_ENTRY_SIZE);
    for (let index = 0; index < count; index++) {
      words[index * WORDS + ADDRESS_WORD] = pending[index * 3]!;
      words[index * WORDS + ADDRESS_WORD + 1] = pending[index * 3 + 1]!;
      words[index * WORDS + LENGTH_WORD] = pending[index * 3 + 2]!;
    }
    mm.write(this.first, this.bytes, 0, count * SG_ENTRY_SIZE);
    this.count = 0;
  }
}
