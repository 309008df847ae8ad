import { strings } from './values';

/**
 * The strings block while it is written: each property name once. A name that is the end of another one shares its
 * bytes, as in blobs of `dtc`.
 */
export class StringTable {
  private readonly offsets = new Map<string, number>();
  private readonly texts: string[] = [];
  private size = 0;

  /** The offset of a name in the block. */
  add(name: string): number {
    const known = this.offsets.get(name);
    if (known !== undefined) return known;
    const at = this.size;
    this.texts.push(name);
    this.size += name.length + 1;
    for (let i = 0; i < name.length; i++) {
      const tail = name.slice(i);
      if (!this.offsets.has(tail)) this.offsets.set(tail, at + i);
    }
    return at;
  }

  /** The block. */
  bytes(): Uint8Array {
    const block = new Uint8Array(this.size);
    let at = 0;
    for (const text of this.texts) {
      block.set(strings(text), at);
      at += text.length + 1;
    }
    return block;
  }
}
