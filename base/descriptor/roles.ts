import type { AnyDescriptor } from './any-descriptor';
import type { DataPiece, PieceMoves } from './findings';
import {
  valueOf,
  type AddressTarget,
  type CountRole,
  type LengthMeaning,
  type LengthTarget,
  type MarkRole,
  type Parameters,
} from './meaning';
import type { Nestable } from './members';
import { readNumber, readWide, type PlacedField } from './placed';
import { activeNested, chosenShapes, type Chosen } from './shapes';

/** A field's bits as a number; of more than 53 bits, a near one. */
export const rawNumber = (field: PlacedField, lanes: Int32Array): number =>
  field.kind === 'wide' ? Number(readWide(field, lanes, 0)) : readNumber(field, lanes, 0);

/** A length as the format counts it, and in bytes. */
export interface Extent {
  readonly field: PlacedField;
  readonly bytes: number;
}

/** Where data lies, before anybody knows how much of it moves. */
const DATA: readonly AddressTarget[] = ['data', 'source', 'destination'];

/** The fields of one shape by the part that they play. Of several in an array all count. */
class ShapeRoles {
  readonly addresses = new Map<AddressTarget, PlacedField[]>();
  readonly marks = new Map<MarkRole, PlacedField>();
  readonly counts = new Map<CountRole, PlacedField>();
  readonly lengths = new Map<LengthTarget, PlacedField[]>();
  /** Bytes of data where no field says so. */
  readonly bytes: number;
  readonly opcode: PlacedField | undefined;

  constructor(fields: readonly PlacedField[], bytes: number) {
    this.bytes = bytes;
    for (const field of fields) this.enter(field);
    this.opcode = fields.find(({ meaning }) => meaning?.kind === 'values' && meaning.moves);
  }

  private enter(field: PlacedField): void {
    const { meaning } = field;
    if (meaning?.kind === 'address') add(this.addresses, meaning.of, field);
    else if (meaning?.kind === 'mark') keep(this.marks, meaning.role, field);
    else if (meaning?.kind === 'count') keep(this.counts, meaning.role, field);
    else if (meaning?.kind === 'length') add(this.lengths, meaning.of, field);
  }
}

/** What roles may depend on besides the entry. */
export interface RoleOptions {
  /** Values of the queue's parameters. */
  readonly parameters?: Parameters | undefined;
  /** A descriptor within this one that speaks for itself. */
  readonly without?: Nestable | undefined;
}

/** The fields of a descriptor by the part that they play: those that are always there, and those of chosen shapes. */
export class EntryRoles {
  readonly descriptor: AnyDescriptor;
  readonly parameters: Parameters;
  private readonly without: Nestable | undefined;
  private readonly base: ShapeRoles;
  private readonly shapes = new Map<string, ShapeRoles>();

  constructor(descriptor: AnyDescriptor, { parameters = {}, without }: RoleOptions = {}) {
    this.descriptor = descriptor;
    this.parameters = parameters;
    this.without = without;
    this.base = new ShapeRoles(descriptor.placedFields, 0);
  }

  /** The fields of the shape that an entry has; without an entry, those that are always there. */
  private of(lanes: Int32Array | undefined): ShapeRoles {
    if (lanes === undefined || this.descriptor.placedVariants.length === 0) return this.base;
    const chosen = chosenShapes(this.descriptor, lanes);
    const key = chosen.map(({ variants, shape }) => (shape === undefined ? -1 : variants.cases.indexOf(shape))).join();
    const known = this.shapes.get(key);
    if (known !== undefined) return known;
    const made = this.shapeOf(chosen, lanes);
    this.shapes.set(key, made);
    return made;
  }

  private shapeOf(chosen: readonly Chosen[], lanes: Int32Array): ShapeRoles {
    const apart = activeNested(this.descriptor, lanes).filter(({ descriptor }) => descriptor === this.without);
    const own = ({ path }: PlacedField): boolean => !apart.some((inner) => path.startsWith(`${inner.path}.`));
    const fields = chosen.flatMap(({ shape }) => shape?.placement.fields ?? []);
    const bytes = Math.max(0, ...chosen.map(({ shape }) => shape?.bytes ?? 0));
    return new ShapeRoles([...this.descriptor.placedFields, ...fields].filter(own), bytes);
  }

  /** The (first) address field of a target. */
  addressField(of: AddressTarget, lanes?: Int32Array): PlacedField | undefined {
    return this.of(lanes).addresses.get(of)?.[0];
  }

  /** The field with a part in the format. */
  countField(role: CountRole, lanes?: Int32Array): PlacedField | undefined {
    return this.of(lanes).counts.get(role);
  }

  /** The field that marks something. */
  markField(role: MarkRole, lanes?: Int32Array): PlacedField | undefined {
    return this.of(lanes).marks.get(role);
  }

  /** The (first) length field. */
  lengthField(of: LengthTarget, lanes?: Int32Array): PlacedField | undefined {
    return this.of(lanes).lengths.get(of)?.[0];
  }

  /** Every length field of an entry. */
  lengthFields(lanes: Int32Array): readonly PlacedField[] {
    return [...this.of(lanes).lengths.values()].flat();
  }

  /** An address in an entry; zero if it has none of that kind. */
  address(of: AddressTarget, lanes: Int32Array): bigint {
    const field = this.addressField(of, lanes);
    return field === undefined ? 0n : readWide(field, lanes, 0);
  }

  /** Whether an entry bears a mark. */
  marked(role: MarkRole, lanes: Int32Array): boolean {
    const field = this.markField(role, lanes);
    return field?.meaning?.kind === 'mark' && rawNumber(field, lanes) === field.meaning.when;
  }

  /** A number with a part in the format; zero if there is none. */
  count(role: CountRole, lanes: Int32Array): number {
    const field = this.countField(role, lanes);
    return field === undefined ? 0 : rawNumber(field, lanes);
  }

  /** A length in bytes. */
  length(of: LengthTarget, lanes: Int32Array): Extent | undefined {
    const field = this.lengthField(of, lanes);
    return field === undefined ? undefined : this.extent(field, lanes);
  }

  /** The length in a field. */
  extent(field: PlacedField, lanes: Int32Array): Extent | undefined {
    if (field.meaning?.kind !== 'length') return undefined;
    return { field, bytes: this.countOf(field, field.meaning, lanes) * this.unitOf(field.meaning, lanes) };
  }

  /** Bytes of data that an entry moves: its length, or what its shape always has. */
  bytes(lanes: Int32Array): number {
    return this.length('data', lanes)?.bytes ?? this.of(lanes).bytes;
  }

  /** Bytes that 1 stands for. */
  unitOf({ unit }: LengthMeaning, lanes: Int32Array): number {
    if (typeof unit === 'string') return 2 ** rawNumber(this.descriptor.field(unit), lanes);
    return valueOf(unit, this.parameters);
  }

  private countOf(field: PlacedField, { minusOne, zeroMeans }: LengthMeaning, lanes: Int32Array): number {
    const raw = rawNumber(field, lanes);
    if (minusOne) return raw + 1;
    return raw === 0 ? zeroMeans : raw;
  }

  /** Where the table of an indirect entry is: its own fields, or else those of the data. */
  table(lanes: Int32Array): { readonly address: PlacedField; readonly at: bigint; readonly bytes: number } | undefined {
    const address = this.addressField('table', lanes) ?? this.addressField('data', lanes);
    const extent = this.length('table', lanes) ?? this.length('data', lanes);
    if (address === undefined || extent === undefined) return undefined;
    return { address, at: readWide(address, lanes, 0), bytes: extent.bytes };
  }

  /** The data that an entry names. @param otherwise which way it goes where the entry does not say */
  pieces(lanes: Int32Array, otherwise: PieceMoves): DataPiece[] {
    const moves = this.moves(lanes, otherwise);
    if (moves === 'nothing') return [];
    return DATA.flatMap((of) =>
      (this.of(lanes).addresses.get(of) ?? []).flatMap((field) => {
        const length = this.lengthAt(field, lanes);
        return length === 0 ? [] : [this.piece(of, field, length, lanes, moves)];
      }),
    );
  }

  private piece(
    of: AddressTarget,
    field: PlacedField,
    length: number,
    lanes: Int32Array,
    moves: PieceMoves,
  ): DataPiece {
    const one = { of, field: field.path, address: readWide(field, lanes, 0), length };
    if (of === 'source') return { ...one, moves: 'from-memory', fixed: this.marked('source-fixed', lanes) };
    if (of === 'destination') return { ...one, moves: 'to-memory', fixed: this.marked('destination-fixed', lanes) };
    return { ...one, moves, fixed: false };
  }

  /** Bytes at an address: in an array, by the length of the same element, else by the one length of the entry. */
  private lengthAt(address: PlacedField, lanes: Int32Array): number {
    const lengths = this.of(lanes).lengths.get('data') ?? [];
    const own = lengthOfElement(address, lengths) ?? lengths.find(({ path }) => !path.includes('['));
    return own === undefined ? this.of(lanes).bytes : this.extent(own, lanes)!.bytes;
  }

  /** Which way an entry's data goes. */
  moves(lanes: Int32Array, otherwise: PieceMoves): PieceMoves | 'nothing' {
    const { marks, opcode } = this.of(lanes);
    if (marks.has('device-writes')) return this.marked('device-writes', lanes) ? 'to-memory' : 'from-memory';
    const meaning = opcode?.meaning;
    if (opcode === undefined || meaning?.kind !== 'values' || meaning.moves === undefined) return otherwise;
    const raw = rawNumber(opcode, lanes);
    const name = Object.entries(meaning.names).find(([, value]) => value === raw)?.[0];
    return (name === undefined ? undefined : meaning.moves[name]) ?? 'nothing';
  }
}

/** The element that a field is in, `bufs[2]` of `bufs[2].addr`, and its index. */
const elementOf = ({ path }: PlacedField): { readonly element: string; readonly index: string } => {
  const end = path.lastIndexOf(']');
  return { element: path.slice(0, end + 1), index: path.slice(path.lastIndexOf('[') + 1, end) };
};

/** The length of the same element, or of the element of the same index in another array. */
const lengthOfElement = (address: PlacedField, lengths: readonly PlacedField[]): PlacedField | undefined => {
  if (!address.path.includes('[')) return undefined;
  const { element, index } = elementOf(address);
  const inArrays = lengths.filter(({ path }) => path.includes('['));
  return (
    inArrays.find((length) => elementOf(length).element === element) ??
    inArrays.find((length) => elementOf(length).index === index)
  );
};

const keep = <K>(map: Map<K, PlacedField>, key: K, field: PlacedField): void => {
  if (!map.has(key)) map.set(key, field);
};

const add = <K>(map: Map<K, PlacedField[]>, key: K, field: PlacedField): void => {
  map.set(key, [...(map.get(key) ?? []), field]);
};
