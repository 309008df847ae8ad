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
    const longer = this.texts.find((text) => text.endsWith(name));
    const at = longer === undefined ? this.append(name) : this.offsets.get(longer)! + longer.length - name.length;
    this.offsets.set(name, at);
    return at;
  }

  private append(name: string): number {
    const at = this.size;
    this.texts.push(name);
    this.size += name.length + 1;
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
