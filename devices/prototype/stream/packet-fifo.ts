/** Bytes of packets on their way, in order, with the ends of packets. */
export class PacketFifo {
  /** Bytes held. */
  level = 0;
  readonly bytes: Uint8Array;
  private from = 0;
  /** Positions in the stream: of the byte that leaves next, of the one that arrives next, and of the ends of packets. */
  private leaving = 0;
  private arriving = 0;
  private lastEnd = 0;
  private readonly ends: number[] = [];

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }

  get free(): number {
    return this.bytes.length - this.level;
  }

  /** Takes bytes, as many as there is room for at most. */
  push(bytes: Uint8Array, at: number, length: number): void {
    const { bytes: ring } = this;
    const to = (this.from + this.level) % ring.length;
    const run = Math.min(length, ring.length - to);
    ring.set(bytes.subarray(at, at + run), to);
    if (run < length) ring.set(bytes.subarray(at + run, at + length), 0);
    this.level += length;
    this.arriving += length;
  }

  /** A packet ends after what has arrived. One of no bytes is none. */
  end(): void {
    if (this.arriving === this.lastEnd) return;
    this.lastEnd = this.arriving;
    this.ends.push(this.arriving);
  }

  /** Bytes of the current packet that lie one after the other, and where. */
  get run(): number {
    const run = Math.min(this.level, this.bytes.length - this.from);
    const [end] = this.ends;
    return end === undefined ? run : Math.min(run, end - this.leaving);
  }

  get at(): number {
    return this.from;
  }

  pop(length: number): void {
    this.from = (this.from + length) % this.bytes.length;
    this.level -= length;
    this.leaving += length;
  }

  /** Whether the current packet is over; it then is the next one's turn. */
  takeEnd(): boolean {
    if (this.ends[0] !== this.leaving) return false;
    this.ends.shift();
    return true;
  }

  clear(): void {
    this.level = 0;
    this.from = 0;
    this.leaving = 0;
    this.arriving = 0;
    this.lastEnd = 0;
    this.ends.length = 0;
  }
}
