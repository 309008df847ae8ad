import { hex } from '../../u64';
import type { PlacedField } from '../placed';
import type { EntryRoles } from '../roles';
import type { Refused, RequestPiece } from './request';

/** The data of one entry. */
export interface EntryData {
  /** Its one buffer, or its source. */
  readonly address: bigint;
  /** Its destination, where it has both. */
  readonly destination: bigint;
  /** Bytes. */
  readonly length: number;
  readonly moves: 'from-memory' | 'to-memory';
}

/** What an address field allows. */
interface AddressLimits {
  readonly path: string;
  readonly align: number;
  readonly boundary: number;
  /** The first address past those that it can hold. */
  readonly end: bigint;
}

const limitsOf = (field: PlacedField): AddressLimits => {
  const { path, meaning, bits, below } = field;
  const [align, boundary] = meaning?.kind === 'address' ? [meaning.align, meaning.boundary] : [1, 0];
  return { path, align: Math.max(align, 2 ** below), boundary, end: 1n << BigInt(bits + below) };
};

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
const lcm = (a: number, b: number): number => (a / gcd(a, b)) * b;

/** A piece that is being cut: where it goes on, and how much is left. */
interface Rest {
  address: bigint;
  length: number;
}

/** Cuts a request into what single entries can describe. */
export class Cutter {
  /** The most bytes of one entry, and what lengths are counted in. */
  readonly most: number;
  readonly unit: number;
  private readonly one: AddressLimits | undefined;
  private readonly source: AddressLimits | undefined;
  private readonly destination: AddressLimits | undefined;

  /**
   * @param lanes an entry as it is before it has data: fields that others depend on are set
   * @param limit the most bytes of an entry, besides what the format says
   */
  constructor(roles: EntryRoles, lanes: Int32Array, limit: number) {
    const limits = (field: PlacedField | undefined) => (field === undefined ? undefined : limitsOf(field));
    this.one = limits(roles.addressField('data', lanes));
    this.source = limits(roles.addressField('source', lanes));
    this.destination = limits(roles.addressField('destination', lanes));
    const field = roles.lengthField('data', lanes);
    const meaning = field?.meaning?.kind === 'length' ? field.meaning : undefined;
    this.unit = meaning === undefined ? 1 : roles.unitOf(meaning, lanes);
    const counts = field === undefined ? 0 : 2 ** field.bits - (meaning?.minusOne === true ? 0 : 1);
    const most = Math.max(counts, meaning?.zeroMeans ?? 0) * this.unit;
    this.most = Math.min(most, meaning?.max === undefined || meaning.max === 0 ? most : meaning.max, limit);
  }

  /** Entries' data, in the order of the pieces. */
  cut(pieces: readonly RequestPiece[]): EntryData[] | Refused {
    if (this.one === undefined) return this.cutPairs(pieces);
    const cuts: EntryData[] = [];
    for (const { address, length, moves } of pieces) {
      const rest = { address, length };
      while (rest.length > 0) {
        const at = rest.address;
        const bytes = this.take(rest, this.one, rest.length);
        if (typeof bytes !== 'number') return bytes;
        cuts.push({ address: at, destination: 0n, length: bytes, moves });
      }
    }
    return cuts;
  }

  /** Entries with a source and a destination each: both lists are cut at the ends of either. */
  private cutPairs(pieces: readonly RequestPiece[]): EntryData[] | Refused {
    const { source, destination } = this;
    if (source === undefined || destination === undefined) return { problem: 'its entries hold no address of data' };
    const restOf = (way: RequestPiece['moves']): Rest[] =>
      pieces.filter(({ moves, length }) => moves === way && length > 0).map((piece) => ({ ...piece }));
    const [from, to] = [restOf('from-memory'), restOf('to-memory')];
    const cuts: EntryData[] = [];
    for (let [i, j] = [0, 0]; i < from.length || j < to.length;) {
      const [reads, writes] = [from[i], to[j]];
      if (reads === undefined || writes === undefined)
        return { problem: 'it reads as many bytes as it writes, or none' };
      const { address } = reads;
      const { address: target } = writes;
      const fits = this.take({ ...writes }, destination, Math.min(reads.length, writes.length));
      if (typeof fits !== 'number') return fits;
      const bytes = this.take(reads, source, fits);
      if (typeof bytes !== 'number') return bytes;
      writes.address += BigInt(bytes);
      writes.length -= bytes;
      cuts.push({ address, destination: target, length: bytes, moves: 'to-memory' });
      if (reads.length === 0) i++;
      if (writes.length === 0) j++;
    }
    return cuts;
  }

  /** Takes what one entry can have off a piece, of its next `available` bytes. */
  private take(rest: Rest, { path, align, boundary, end }: AddressLimits, available: number): number | Refused {
    const { address } = rest;
    if (address < 0n || address + BigInt(available) > end) {
      return { problem: `${path} cannot hold ${hex(address)}, or not all of ${available} bytes there` };
    }
    if (address % BigInt(align) !== 0n)
      return { problem: `${hex(address)} is no multiple of ${align}, as ${path} must be` };
    let bytes = Math.min(available, this.most);
    if (boundary > 0) bytes = Math.min(bytes, boundary - Number(address % BigInt(boundary)));
    if (bytes < available) bytes -= bytes % lcm(this.unit, align);
    if (bytes < 1 || bytes % this.unit !== 0) {
      return { problem: `${available} bytes at ${hex(address)} cannot be counted in units of ${this.unit}` };
    }
    rest.address += BigInt(bytes);
    rest.length -= bytes;
    return bytes;
  }
}

/** The pages of a request's data, the first one with its offset. They must be whole but for both ends. */
export const pagesOf = (pieces: readonly RequestPiece[], page: number): bigint[] | Refused => {
  const pages: bigint[] = [];
  const size = BigInt(page);
  const full = pieces.filter(({ length }) => length > 0);
  for (const [i, { address, length }] of full.entries()) {
    const end = address + BigInt(length);
    if ((i > 0 && address % size !== 0n) || (i + 1 < full.length && end % size !== 0n)) {
      return { problem: `${length} bytes at ${hex(address)} leave a gap in a list of pages of ${page} bytes` };
    }
    for (let at = address; at < end; at = (at / size + 1n) * size) pages.push(at);
  }
  return pages;
};
