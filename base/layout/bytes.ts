import { FlawedLayout } from './flawed';
import { Layout, show } from './layout';
import type { LayoutMemory } from './memory';
import { isCount, type Count } from './count';

/** A run of bytes that mean nothing to the layout. Values are copies: a `Uint8Array` of exactly that length. */
export class BytesLayout extends Layout<Uint8Array> {
  readonly kind = 'bytes';
  readonly typeName: string;
  readonly size: number;
  readonly align = 1;

  constructor(size: number) {
    super();
    this.typeName = `bytes(${size})`;
    this.size = size;
  }

  read(memory: LayoutMemory, address: number): Uint8Array {
    const bytes = new Uint8Array(this.size);
    memory.readInto(address, bytes, 0, this.size);
    return bytes;
  }

  store(memory: LayoutMemory, address: number, value: Uint8Array): void {
    memory.write(address, value);
  }

  problem(value: unknown): string | null {
    if (value instanceof Uint8Array && value.length === this.size) return null;
    return `: ${show(value)} where ${this.size} bytes belong`;
  }
}

/** Bytes of a struct that are not for anything: no part of its values, and zero once a value was written. */
export class PaddingLayout extends Layout<never> {
  readonly kind = 'padding';
  readonly typeName: string;
  readonly size: number;
  readonly align = 1;

  constructor(size: number) {
    super();
    this.typeName = `padding(${size})`;
    this.size = size;
  }

  read(): never {
    throw new TypeError('padding has no value');
  }

  store(memory: LayoutMemory, address: number): void {
    memory.fill(address, 0, this.size);
  }

  problem(): string | null {
    return ': padding has no value';
  }
}

/** `size` bytes as they are. */
export const bytes = <const N extends number>(size: Count<N>): BytesLayout =>
  isCount(size) ? new BytesLayout(size) : (flawed('bytes', size) as never);

/** `size` reserved bytes. Only as a field of a struct. */
export const padding = <const N extends number>(size: Count<N>): PaddingLayout =>
  isCount(size) ? new PaddingLayout(size) : (flawed('padding', size) as never);

const flawed = (what: string, size: unknown): FlawedLayout =>
  new FlawedLayout(`${what}(${show(size)})`, '', `${show(size)} is no number of bytes`);
