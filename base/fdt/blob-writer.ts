import { alignToken } from './format';

const FIRST_SIZE = 4096;

/** Bytes one after the other, big-endian and aligned to tokens as in a structure block. */
export class BlobWriter {
  /** How much is written. */
  size = 0;
  private room = new Uint8Array(FIRST_SIZE);
  private view = new DataView(this.room.buffer);

  /** A token or another word. */
  word(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.size, value);
    this.size += 4;
  }

  /** Bytes, padded to the next token. */
  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length + 4);
    this.room.set(bytes, this.size);
    this.size += alignToken(bytes.length);
  }

  /** ASCII text with its zero, padded to the next token. */
  text(text: string): void {
    this.reserve(text.length + 5);
    for (let i = 0; i < text.length; i++) this.room[this.size + i] = text.charCodeAt(i);
    this.size += alignToken(text.length + 1);
  }

  /** What is written so far. */
  written(): Uint8Array {
    return this.room.slice(0, this.size);
  }

  private reserve(bytes: number): void {
    if (this.size + bytes <= this.room.length) return;
    const larger = new Uint8Array(Math.max(2 * this.room.length, this.size + bytes));
    larger.set(this.room);
    this.room = larger;
    this.view = new DataView(larger.buffer);
  }
}
