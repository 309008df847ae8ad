/** The first bytes of a stream, up to a limit, in a buffer that grows with them. */
export class KeptBytes {
  private readonly limit: number;
  private buffer = new Uint8Array(0);
  private length = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Appends a byte unless the limit is reached. */
  push(byte: number): void {
    if (this.length === this.limit) return;
    if (this.length === this.buffer.length) this.grow();
    this.buffer[this.length++] = byte;
  }

  private grow(): void {
    const larger = new Uint8Array(Math.min(this.limit, Math.max(256, this.buffer.length * 2)));
    larger.set(this.buffer);
    this.buffer = larger;
  }

  /** A copy of what is kept. */
  copy(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  /** Forgets everything. */
  clear(): void {
    this.length = 0;
  }
}
