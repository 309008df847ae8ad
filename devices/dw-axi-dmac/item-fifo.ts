/** The channel's FIFO: a plain run of bytes in a buffer that grows when a block needs more, never during one. */
export class ItemFifo {
  bytes = new Uint8Array(0);
  /** Position of the oldest byte. */
  head = 0;
  /** Bytes held. */
  level = 0;

  /** Makes room for at least this many bytes. What is held is lost. */
  reserve(capacity: number): void {
    if (this.bytes.length < capacity) this.bytes = new Uint8Array(2 ** Math.ceil(Math.log2(capacity)));
  }

  /** Forgets everything. */
  clear(): void {
    this.head = 0;
    this.level = 0;
  }

  /** Where the next `length` bytes go. */
  tail(length: number): number {
    if (this.head + this.level + length > this.bytes.length) {
      this.bytes.copyWithin(0, this.head, this.head + this.level);
      this.head = 0;
    }
    return this.head + this.level;
  }

  /** `length` bytes were put at the tail. */
  pushed(length: number): void {
    this.level += length;
  }

  /** `length` bytes were taken from the head. */
  popped(length: number): void {
    this.level -= length;
    this.head = this.level === 0 ? 0 : this.head + length;
  }
}
