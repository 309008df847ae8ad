import type { LayoutMemory } from '../../base/layout';
import type { U64 } from '../../base/u64';

const LINE = 64;

/** A way to memory that counts the cache lines that are touched: each once between two marks. */
export class CountingMemory implements LayoutMemory {
  /** Lines touched so far. */
  lines = 0;
  private readonly memory: LayoutMemory;
  private readonly touched = new Set<number>();

  constructor(memory: LayoutMemory) {
    this.memory = memory;
  }

  /** An operation has ended: lines that it touched count again from here on. */
  mark(): void {
    this.touched.clear();
  }

  private touch(address: number, length: number): void {
    for (let line = Math.floor(address / LINE); line * LINE < address + length; line++) {
      if (this.touched.has(line)) continue;
      this.touched.add(line);
      this.lines++;
    }
  }

  load8(address: number): number {
    this.touch(address, 1);
    return this.memory.load8(address);
  }

  load16(address: number): number {
    this.touch(address, 2);
    return this.memory.load16(address);
  }

  load32(address: number): number {
    this.touch(address, 4);
    return this.memory.load32(address);
  }

  load64(address: number, into: U64): void {
    this.touch(address, 8);
    this.memory.load64(address, into);
  }

  store8(address: number, value: number): void {
    this.touch(address, 1);
    this.memory.store8(address, value);
  }

  store16(address: number, value: number): void {
    this.touch(address, 2);
    this.memory.store16(address, value);
  }

  store32(address: number, value: number): void {
    this.touch(address, 4);
    this.memory.store32(address, value);
  }

  store64(address: number, lo: number, hi: number): void {
    this.touch(address, 8);
    this.memory.store64(address, lo, hi);
  }

  readInto(address: number, into: Uint8Array, at: number, length: number): void {
    this.touch(address, length);
    this.memory.readInto(address, into, at, length);
  }

  write(address: number, bytes: Uint8Array): void {
    this.touch(address, bytes.length);
    this.memory.write(address, bytes);
  }

  fill(address: number, value: number, length: number): void {
    this.memory.fill(address, value, length);
  }
}
