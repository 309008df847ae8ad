import type { AnyDescriptor, LanePiece, Parameters, PlacedField } from '../../../base/descriptor';
import { pieceMask } from '../../../base/descriptor/placed';
import type { PlacedCase, PlacedNested, PlacedVariants } from '../../../base/descriptor/placed-members';
import { EntryPlan } from './entry-plan';
import { FieldAccess } from './field-access';

/** A shape that a number chooses. */
interface Chosen {
  /** Its place among those that may be chosen; none is zero or one. */
  readonly index: number;
  readonly shape: PlacedCase;
  readonly within: readonly Choice[];
}

/** Fields of more bits than this are looked up in a map. */
const TABLE_BITS = 8;

/** Chooses among the shapes of one place: by the number in a field. */
class Choice {
  readonly by: FieldAccess;
  private readonly table: readonly (Chosen | undefined)[] | null;
  private readonly map: ReadonlyMap<number, Chosen>;

  constructor({ by, cases }: PlacedVariants) {
    this.by = new FieldAccess(by);
    this.map = new Map(
      cases.flatMap((shape, i) => {
        const chosen = { index: i + 2, shape, within: choicesOf(shape.placement.variants) };
        return shape.when.map((when) => [when, chosen] as const);
      }),
    );
    this.table = by.bits > TABLE_BITS ? null : Array.from({ length: 2 ** by.bits }, (_, i) => this.map.get(i));
  }

  /** What an entry has there; undefined if no shape is declared for its number. */
  of(lanes: Int32Array, base: number): Chosen | undefined {
    const number = this.by.number(lanes, base);
    return this.table === null ? this.map.get(number) : this.table[number];
  }
}

const choicesOf = (variants: readonly PlacedVariants[]): Choice[] => variants.map((one) => new Choice(one));

/** The bits of an entry that chose its shape: another one with the same bits has the same shape. */
class ChoosingBits {
  private readonly at: number[] = [];
  private readonly masks: number[] = [];
  private readonly values: number[] = [];

  constructor(choices: readonly Choice[], lanes: Int32Array, base: number) {
    for (const { lane, mask } of choices.flatMap(({ by }) => by.field.pieces.map(bitsOf))) {
      this.at.push(lane);
      this.masks.push(mask);
      this.values.push(lanes[base + lane]! & mask);
    }
  }

  match(lanes: Int32Array, base: number): boolean {
    const { at, masks, values } = this;
    for (let i = 0; i < at.length; i++) if ((lanes[base + at[i]!]! & masks[i]!) !== values[i]!) return false;
    return true;
  }
}

const bitsOf = (piece: LanePiece) => ({ lane: piece.lane, mask: pieceMask(piece) });

/** A shape of an entry: its fields by their parts, and where in it an element of a segment list lies. */
export interface Shape {
  readonly plan: EntryPlan;
  /** Lanes from the beginning of the entry; negative if there is none. */
  readonly elementLane: number;
}

/** A shape, and the bits of the first entry that had it. */
interface Known {
  readonly shape: Shape;
  readonly bits: ChoosingBits;
}

/** The shapes of a descriptor, each compiled when it is met first. */
export class Shapes {
  private readonly descriptor: AnyDescriptor;
  private readonly parameters: Parameters;
  private readonly element: AnyDescriptor | null;
  private readonly choices: readonly Choice[];
  private readonly known = new Map<number, Known>();
  private readonly only: Shape | null;
  /** The shape that was met last, and what chose it: most queues see the same one over and over. */
  private last: Shape | null = null;
  private lastBits: ChoosingBits | null = null;

  /** @param element a descriptor within this one that speaks for itself */
  constructor(descriptor: AnyDescriptor, parameters: Parameters, element: AnyDescriptor | null) {
    this.descriptor = descriptor;
    this.parameters = parameters;
    this.element = element;
    this.choices = choicesOf(descriptor.placedVariants);
    this.only = this.choices.length === 0 ? this.compile([]) : null;
  }

  /** The shape that an entry has. */
  of(lanes: Int32Array, base: number): Shape {
    if (this.only !== null) return this.only;
    if (this.last !== null && this.lastBits!.match(lanes, base)) return this.last;
    const key = keyOf(this.choices, lanes, base, 0);
    const known = this.known.get(key) ?? this.learn(key, lanes, base);
    this.last = known.shape;
    this.lastBits = known.bits;
    return known.shape;
  }

  private learn(key: number, lanes: Int32Array, base: number): Known {
    const chosen: PlacedCase[] = [];
    const asked: Choice[] = [];
    collect(this.choices, lanes, base, chosen, asked);
    const known = { shape: this.compile(chosen), bits: new ChoosingBits(asked, lanes, base) };
    this.known.set(key, known);
    return known;
  }

  private compile(chosen: readonly PlacedCase[]): Shape {
    const { descriptor, element, parameters } = this;
    const inner = [descriptor.placedNested, ...chosen.map(({ placement }) => placement.nested)].flat();
    const apart = inner.filter((one) => element !== null && one.descriptor === element);
    const fields = [...descriptor.placedFields, ...chosen.flatMap(({ placement }) => placement.fields)];
    const bytes = Math.max(0, ...chosen.map((shape) => shape.bytes));
    return {
      plan: new EntryPlan(descriptor, parameters, fields.filter(notIn(apart)), bytes),
      elementLane: apart[0] === undefined ? -1 : apart[0].offset >>> 2,
    };
  }
}

const notIn =
  (apart: readonly PlacedNested[]) =>
  ({ path }: PlacedField): boolean =>
    !apart.some((inner) => path.startsWith(`${inner.path}.`));

/** Choices as the digits of a number: none is zero, so that different ones make different numbers. */
const DIGITS = 256;

const keyOf = (choices: readonly Choice[], lanes: Int32Array, base: number, start: number): number => {
  let key = start;
  for (let i = 0; i < choices.length; i++) {
    const chosen = choices[i]!.of(lanes, base);
    key = key * DIGITS + (chosen?.index ?? 1);
    if (chosen !== undefined && chosen.within.length > 0) key = keyOf(chosen.within, lanes, base, key);
  }
  return key;
};

const collect = (
  choices: readonly Choice[],
  lanes: Int32Array,
  base: number,
  into: PlacedCase[],
  asked: Choice[],
): void => {
  for (const choice of choices) {
    asked.push(choice);
    const chosen = choice.of(lanes, base);
    if (chosen === undefined) continue;
    into.push(chosen.shape);
    collect(chosen.within, lanes, base, into, asked);
  }
};
