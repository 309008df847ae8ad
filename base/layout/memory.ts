import type { U64 } from '../u64';

/**
 * Memory as layouts use it: little-endian loads and stores by byte address, at any alignment. A kernel's memory is one
 * (`kernel.mm`), and so is a plain array of bytes (`BytesMemory`). What an address means, and what happens where there is
 * no memory, is up to the memory.
 */
export interface LayoutMemory {
  load8(address: number): number;
  load16(address: number): number;
  load32(address: number): number;
  load64(address: number, into: U64): void;
  store8(address: number, value: number): void;
  store16(address: number, value: number): void;
  store32(address: number, value: number): void;
  store64(address: number, lo: number, hi: number): void;
  /** Reads `length` bytes into `into` at `at`. */
  readInto(address: number, into: Uint8Array, at: number, length: number): void;
  /** Writes all of `bytes`. */
  write(address: number, bytes: Uint8Array): void;
  /** Fills `length` bytes with `value`. */
  fill(address: number, value: number, length: number): void;
}

/** An array of bytes as memory; address 0 is its first byte. Outside of it is a `RangeError`. */
export class BytesMemory implements LayoutMemory {
  readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  load8(address: number): number {
    return this.view.getUint8(address);
  }

  load16(address: number): number {
    return this.view.getUint16(address, true);
  }

  load32(address: number): number {
    return this.view.getUint32(address, true);
  }

  load64(address: number, into: U64): void {
    into.hi = this.view.getUint32(address + 4, true);
    into.lo = this.view.getUint32(address, true);
  }

  store8(address: number, value: number): void {
    this.view.setUint8(address, value);
  }

  store16(address: number, value: number): void {
    this.view.setUint16(address, value, true);
  }

  store32(address: number, value: number): void {
    this.view.setUint32(address, value, true);
  }

  store64(address: number, lo: number, hi: number): void {
    this.view.setUint32(address + 4, hi, true);
    this.view.setUint32(address, lo, true);
  }

  readInto(address: number, into: Uint8Array, at: number, length: number): void {
    this.check(address, length);
    into.set(this.bytes.subarray(address, address + length), at);
  }

  write(address: number, bytes: Uint8Array): void {
    this.check(address, bytes.length);
    this.bytes.set(bytes, address);
  }

  fill(address: number, value: number, length: number): void {
    this.check(address, length);
    this.bytes.fill(value, address, address + length);
  }

  private check(address: number, length: number): void {
    if (!(address >= 0 && length >= 0 && address + length <= this.bytes.length)) {
      throw new RangeError(`bytes ${address} to ${address + length} of ${this.bytes.length}`);
    }
  }
}
