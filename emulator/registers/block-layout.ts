import { LabError } from '../../base/errors';
import { RegisterLayout } from './register-layout';
import type { BlockSpec, RegisterSpec } from './spec';

const CHUNK_SHIFT = 10;
const CHUNK_SIZE = 1024;
/** Far beyond any real block; keeps offsets within 32 bits. */
const SIZE_LIMIT = 0x4000_0000;

/** Where one register lies in its block. */
export interface RegisterPlace {
  readonly name: string;
  readonly offset: number;
  /** Its number among the registers of one declaration (`count`). */
  readonly index: number;
  /** What it shares with those. */
  readonly layout: RegisterLayout;
}

const placesOf = (block: string, name: string, spec: RegisterSpec): RegisterPlace[] => {
  const layout = new RegisterLayout(block, name, spec);
  return Array.from({ length: spec.count ?? 1 }, (_, index) => ({
    name: spec.count === undefined ? name : `${name}[${index}]`,
    offset: spec.offset + index * (spec.stride ?? spec.width),
    index,
    layout,
  }));
};

/** What all blocks of one declaration share: which registers there are, and what an offset belongs to. */
export class BlockLayout {
  /** All registers by offset. */
  readonly places: readonly RegisterPlace[];
  private readonly name: string;
  private readonly size: number;
  /** By name, in order: positions in `places`. */
  private readonly positions = new Map<string, number[]>();
  /** For each 4-byte word of the block, in chunks: 1 + the position of its register, or 0. A chunk without registers is absent. */
  private readonly chunks: (Int32Array | undefined)[];

  /** Registers that overlap, are not aligned or lie outside of the block, and sizes that no block has, are a `LabError`. */
  constructor({ name, size, registers }: BlockSpec) {
    if (!Number.isSafeInteger(size) || size <= 0 || size % 4 !== 0 || size > SIZE_LIMIT) {
      throw new LabError(`its size of ${size} bytes is not a multiple of 4 up to ${SIZE_LIMIT}`, { what: name });
    }
    this.name = name;
    this.size = size;
    this.chunks = new Array<Int32Array | undefined>(Math.ceil(size / CHUNK_SIZE)).fill(undefined);
    const declared = Object.entries(registers).flatMap(([register, spec]) => placesOf(name, register, spec));
    declared.forEach((place, position) => this.claim(place, position, declared));
    this.places = declared.sort((a, b) => a.offset - b.offset);
    this.places.forEach((place, position) => this.enter(place, position));
  }

  /** Refuses a register where there is another already. */
  private claim({ name, offset, layout }: RegisterPlace, position: number, all: readonly RegisterPlace[]): void {
    const place = { what: `${this.name}.${name}` };
    const { width } = layout.spec;
    if (offset % width !== 0) throw new LabError(`offset 0x${offset.toString(16)} is not aligned`, place);
    if (offset < 0 || offset + width > this.size) throw new LabError('register lies outside its block', place);
    for (let at = offset; at < offset + width; at += 4) {
      const other = all[this.positionAt(at)];
      if (other !== undefined) throw new LabError(`register overlaps ${other.name}`, place);
    }
    this.put(offset, width, position);
  }

  private put(offset: number, width: number, position: number): void {
    for (let at = offset; at < offset + width; at += 4) {
      const chunk = (this.chunks[at >>> CHUNK_SHIFT] ??= new Int32Array(CHUNK_SIZE / 4));
      chunk[(at & (CHUNK_SIZE - 1)) >>> 2] = position + 1;
    }
  }

  private enter({ offset, layout }: RegisterPlace, position: number): void {
    this.put(offset, layout.spec.width, position);
    const same = this.positions.get(layout.name);
    if (same === undefined) this.positions.set(layout.name, [position]);
    else same.push(position);
  }

  /** The position of the register that covers an offset of the block, or -1. */
  positionAt(offset: number): number {
    const chunk = this.chunks[offset >>> CHUNK_SHIFT];
    return chunk === undefined ? -1 : chunk[(offset & (CHUNK_SIZE - 1)) >>> 2]! - 1;
  }

  /** The positions of all registers of a declaration, in their order; none if there is no such name. */
  positionsOf(name: string): readonly number[] {
    return this.positions.get(name) ?? [];
  }
}
