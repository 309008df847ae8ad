import type { AnyDescriptor } from './any-descriptor';
import type { DataPiece, PieceMoves } from './findings';
import type { AddressTarget, CountRole, LengthMeaning, MarkRole } from './meaning';
import { readNumber, readWide, type PlacedField } from './placed';

/** A field's bits as a number; of more than 53 bits, a near one. */
export const rawNumber = (field: PlacedField, lanes: Int32Array): number =>
  field.kind === 'wide' ? Number(readWide(field, lanes, 0)) : readNumber(field, lanes, 0);

/** A length as the format counts it, and in bytes. */
export interface Extent {
  readonly field: PlacedField;
  readonly bytes: number;
}

/** The fields of a descriptor by the part that they play. */
export class EntryRoles {
  readonly descriptor: AnyDescriptor;
  private readonly addresses = new Map<AddressTarget, PlacedField>();
  private readonly marks = new Map<MarkRole, PlacedField>();
  private readonly counts = new Map<CountRole, PlacedField>();
  private readonly lengths = new Map<'data' | 'table', PlacedField>();
  private readonly opcode: PlacedField | undefined;

  constructor(descriptor: AnyDescriptor) {
    this.descriptor = descriptor;
    for (const field of descriptor.placedFields) this.enter(field);
    this.opcode = descriptor.placedFields.find(({ meaning }) => meaning?.kind === 'values' && meaning.moves);
  }

  private enter(field: PlacedField): void {
    const { meaning } = field;
    if (meaning?.kind === 'address') keep(this.addresses, meaning.of, field);
    else if (meaning?.kind === 'mark') keep(this.marks, meaning.role, field);
    else if (meaning?.kind === 'count') keep(this.counts, meaning.role, field);
    else if (meaning?.kind === 'length') keep(this.lengths, meaning.of, field);
  }

  /** The address field of a target. */
  addressField(of: AddressTarget): PlacedField | undefined {
    return this.addresses.get(of);
  }

  /** The field with a part in the format. */
  countField(role: CountRole): PlacedField | undefined {
    return this.counts.get(role);
  }

  /** The field that marks something. */
  markField(role: MarkRole): PlacedField | undefined {
    return this.marks.get(role);
  }

  /** The length field of data or of a table. */
  lengthField(of: 'data' | 'table'): PlacedField | undefined {
    return this.lengths.get(of);
  }

  /** An address in an entry; zero if it has none of that kind. */
  address(of: AddressTarget, lanes: Int32Array): bigint {
    const field = this.addresses.get(of);
    return field === undefined ? 0n : readWide(field, lanes, 0);
  }

  /** Whether an entry bears a mark. */
  marked(role: MarkRole, lanes: Int32Array): boolean {
    const field = this.marks.get(role);
    return field?.meaning?.kind === 'mark' && rawNumber(field, lanes) === field.meaning.when;
  }

  /** A number with a part in the format; zero if there is none. */
  count(role: CountRole, lanes: Int32Array): number {
    const field = this.counts.get(role);
    return field === undefined ? 0 : rawNumber(field, lanes);
  }

  /** A length in bytes. */
  length(of: 'data' | 'table', lanes: Int32Array): Extent | undefined {
    const field = this.lengths.get(of);
    if (field?.meaning?.kind !== 'length') return undefined;
    return { field, bytes: this.countOf(field, field.meaning, lanes) * this.unitOf(field.meaning, lanes) };
  }

  /** Bytes that 1 stands for. */
  unitOf({ unit }: LengthMeaning, lanes: Int32Array): number {
    return typeof unit === 'number' ? unit : 2 ** rawNumber(this.descriptor.field(unit), lanes);
  }

  private countOf(field: PlacedField, { minusOne, zeroMeans }: LengthMeaning, lanes: Int32Array): number {
    const raw = rawNumber(field, lanes);
    if (minusOne) return raw + 1;
    return raw === 0 ? zeroMeans : raw;
  }

  /** Where the table of an indirect entry is: its own fields, or else those of the data. */
  table(lanes: Int32Array): { readonly address: PlacedField; readonly at: bigint; readonly bytes: number } | undefined {
    const of = this.addresses.has('table') ? 'table' : 'data';
    const address = this.addresses.get(of);
    const extent = this.length('table', lanes) ?? this.length('data', lanes);
    if (address === undefined || extent === undefined) return undefined;
    return { address, at: readWide(address, lanes, 0), bytes: extent.bytes };
  }

  /** The data that an entry names. @param otherwise which way it goes where the entry does not say */
  pieces(lanes: Int32Array, otherwise: PieceMoves): DataPiece[] {
    const bytes = this.length('data', lanes)?.bytes ?? 0;
    const pieces: DataPiece[] = [];
    const add = (of: AddressTarget, moves: PieceMoves, fixed: boolean): void => {
      const field = this.addresses.get(of);
      if (field === undefined || bytes === 0) return;
      pieces.push({ of, field: field.path, address: readWide(field, lanes, 0), length: bytes, moves, fixed });
    };
    const moves = this.moves(lanes, otherwise);
    if (moves === 'nothing') return [];
    add('data', moves, false);
    add('source', 'from-memory', this.marked('source-fixed', lanes));
    add('destination', 'to-memory', this.marked('destination-fixed', lanes));
    return pieces;
  }

  private moves(lanes: Int32Array, otherwise: PieceMoves): PieceMoves | 'nothing' {
    if (this.marks.has('device-writes')) return this.marked('device-writes', lanes) ? 'to-memory' : 'from-memory';
    const meaning = this.opcode?.meaning;
    if (this.opcode === undefined || meaning?.kind !== 'values' || meaning.moves === undefined) return otherwise;
    const raw = rawNumber(this.opcode, lanes);
    const name = Object.entries(meaning.names).find(([, value]) => value === raw)?.[0];
    return (name === undefined ? undefined : meaning.moves[name]) ?? 'nothing';
  }
}

/** Of elements of an array the first counts. */
const keep = <K>(map: Map<K, PlacedField>, key: K, field: PlacedField): void => {
  if (!map.has(key)) map.set(key, field);
};
