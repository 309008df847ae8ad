import type { AnyCursor, AnyDescriptor } from './any-descriptor';
import { Layout, isAlignment, show } from '../layout/layout';
import type { LayoutMemory } from '../layout/memory';
import { cursorClass, type CursorBase, type DescriptorCursor } from './cursor';
import { loadLanes, storeLanes } from './lanes';
import { checkMeanings } from './meaning-checks';
import type { Joined, JoinedFields, Members, MembersValue } from './members';
import { contradiction, placeMembers } from './placement';
import type { PlacedNested, PlacedVariants, PlacedWord, Placement } from './placed-members';
import { isThat, type PlacedField } from './placed';
import { allCases, uncovered } from './shapes';
import { nodesProblem, readNodes, storeNodes } from './values';

/** The values of a descriptor. */
export type DescriptorValue<D extends AnyDescriptor> = MembersValue<D['members'], D['joined']>;

/** Attributes of a descriptor. */
export interface DescriptorOptions<J extends JoinedFields> {
  /** What addresses of entries are a multiple of; a power of two. Default: 4, or less if it has only smaller words. */
  readonly align?: number;
  /** The size that it must come to, in bytes; another one is a `LabError`. */
  readonly size?: number;
  /** Fields whose bits lie in several words. */
  readonly joined?: J;
  /** What it is, and where that is specified. */
  readonly doc?: string;
}

/**
 * How one entry of a descriptor format lies in memory, and what its fields mean. Made by `descriptor`.
 *
 * It is a layout: its values can be read, written and held by the typed APIs. Where no garbage is wanted, a cursor
 * (`cursor`) reads and writes fields in lanes, 32-bit words as `DevicePort.readWords` fetches them.
 */
export class Descriptor<in out M extends Members, in out J extends JoinedFields>
  extends Layout<MembersValue<M, J>>
  implements AnyDescriptor
{
  readonly kind = 'descriptor';
  readonly typeName: string;
  readonly size: number;
  readonly align: number;
  readonly doc: string;
  readonly members: M;
  readonly joined: J;
  /** Lanes that hold it: its size in 32-bit words, rounded up. */
  readonly lanes: number;
  /** All fields that have values and are always there, and those of variants. */
  readonly placedFields: readonly PlacedField[];
  readonly variantFields: readonly PlacedField[];
  readonly words: readonly PlacedWord[];
  readonly placedVariants: readonly PlacedVariants[];
  readonly placedNested: readonly PlacedNested[];
  /** Bits that must be zero, by lane; those of a place with variants are not among them. */
  readonly reservedMask: Int32Array;
  private readonly placement: Placement;
  private readonly byName: ReadonlyMap<string, PlacedField>;
  private readonly cursorType: new (lanes: Int32Array) => CursorBase;
  /** Holds an entry only while `read` or `store` run. */
  private readonly scratch: Int32Array;

  constructor(name: string, members: M, joined: J, placement: Placement, options: DescriptorOptions<J>) {
    super();
    this.typeName = name;
    this.members = members;
    this.joined = joined;
    this.placement = placement;
    this.size = placement.size;
    this.align = options.align ?? Math.min(4, ...placement.words.map(({ word }) => word.bits / 8));
    this.doc = options.doc ?? '';
    this.lanes = Math.ceil(this.size / 4);
    this.placedFields = placement.fields;
    this.words = placement.words;
    this.placedVariants = placement.variants;
    this.placedNested = placement.nested;
    this.variantFields = allCases(placement.variants).flatMap(({ shape }) => shape.placement.fields);
    this.reservedMask = uncovered(placement, 0, this.size, this.lanes);
    this.byName = new Map([...placement.fields, ...this.variantFields].map((field) => [field.path, field]));
    this.cursorType = cursorClass([...placement.fields, ...this.variantFields], this.lanes);
    this.scratch = new Int32Array(this.lanes);
  }

  /** A field at its place, by the path of its value. An unknown path is a `LabError`. */
  field(path: string): PlacedField {
    const field = this.byName.get(path);
    if (field === undefined) throw contradiction(this.typeName, `${this.typeName} has no field ${path}`);
    return field;
  }

  /** The fields of a meaning: `fieldsThat('address', 'next')`. */
  fieldsThat(kind: string, part?: string): readonly PlacedField[] {
    return this.placedFields.filter((field) => isThat(field, kind, part));
  }

  /** A cursor over entries in lanes. Keep it: it makes no garbage, but is some. @param lanes default: room for one entry */
  cursor(lanes: Int32Array = new Int32Array(this.lanes)): DescriptorCursor<M, J> {
    return new this.cursorType(lanes) as DescriptorCursor<M, J>;
  }

  /** The same, for code that knows its fields by name only. */
  anyCursor(lanes: Int32Array = new Int32Array(this.lanes)): AnyCursor {
    return new this.cursorType(lanes) as AnyCursor;
  }

  /** Loads an entry of memory into lanes, from index `at`. */
  load(memory: LayoutMemory, address: number, lanes: Int32Array, at = 0): void {
    loadLanes(memory, address, this.size, lanes, at);
  }

  /** Stores an entry from lanes, from index `at`, in ascending order of addresses. */
  save(memory: LayoutMemory, address: number, lanes: Int32Array, at = 0): void {
    storeLanes(memory, address, this.size, lanes, at);
  }

  read(memory: LayoutMemory, address: number): MembersValue<M, J> {
    const { scratch } = this;
    loadLanes(memory, address, this.size, scratch, 0);
    return this.decode(scratch);
  }

  /** Every bit is defined afterwards: those in no field are zero. */
  store(memory: LayoutMemory, address: number, value: MembersValue<M, J>): void {
    const { scratch } = this;
    this.encode(value, scratch);
    storeLanes(memory, address, this.size, scratch, 0);
  }

  /** The value in lanes. */
  decode(lanes: Int32Array, at = 0): MembersValue<M, J> {
    return readNodes(this.placement.nodes, lanes, at) as MembersValue<M, J>;
  }

  /** Puts a value into lanes without looking at it; see `problem`. */
  encode(value: MembersValue<M, J>, lanes: Int32Array, at = 0): void {
    lanes.fill(0, at, at + this.lanes);
    storeNodes(this.placement.nodes, lanes, at, value);
  }

  problem(value: unknown): string | null {
    if (typeof value !== 'object' || value === null) return `: ${show(value)} where a descriptor belongs`;
    return nodesProblem(this.placement.nodes, value as Record<string, unknown>, '');
  }
}

/** What has no fields across words. */
// eslint-disable-next-line @typescript-eslint/no-generated-empty-object-type -- it has none
type NoFields = Readonly<Record<never, Joined<never>>>;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Declares a descriptor: sizes, places, the TypeScript type of its values, cursors, and all that is derived follow from it.
 *
 *     const simple = descriptor('simple_desc', {
 *       addr: word64(addressOf('data')),
 *       len: word32({ LENGTH: bits(15, 0, lengthIn(1)), LAST: flag(30, marks('last')), OWN: flag(31, marks('owner')) }),
 *       status: word32({ DONE: flag(0, marks('done')) }),
 *     });
 *
 * Bits in no field are reserved and must be zero. A declaration that contradicts itself is a `LabError` of one sentence
 * that names both places.
 */
export const descriptor = <const M extends Members, const J extends JoinedFields = NoFields>(
  name: string,
  members: M,
  options: DescriptorOptions<J> = {},
): Descriptor<M, J> => {
  if (!NAME.test(name)) throw contradiction(name, `${show(name)} cannot name a descriptor`);
  if (options.align !== undefined && !isAlignment(options.align)) {
    throw contradiction(name, `${name}: ${show(options.align)} is no alignment`);
  }
  const joined = options.joined ?? ({} as J);
  const placement = placeMembers(name, members, joined);
  if (placement.words.length === 0) throw contradiction(name, `${name}: a descriptor has words`);
  if (options.size !== undefined && options.size !== placement.size) {
    throw contradiction(name, `${name}: its members take ${placement.size} bytes, and it is to have ${options.size}`);
  }
  const made = new Descriptor(name, members, joined, placement, options);
  checkMeanings(made);
  return made;
};
