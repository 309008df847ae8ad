import { MOVES, type AddressAccess, type EntryPlan, type Moves } from '../plan/entry-plan';
import type { LengthAccess } from '../plan/field-access';
import type { Plan } from '../plan/plan';
import type { Shapes } from '../plan/shapes';
import type { Place } from '../place';
import { ERROR, type ErrorCode } from '../spec';
import type { DataMover } from './data-mover';
import type { EntryData } from './entry-data';

const { NONE } = ERROR;
const { COPY, FROM_MEMORY, NOTHING } = MOVES;

/** Whether a run at a place keeps what its address field asks for. */
export const addressFits = (field: AddressAccess, lo: number, hi: number, bytes: number): boolean => {
  if ((lo & field.alignMask) !== 0) return false;
  if (field.boundary === 0 || bytes === 0) return true;
  const { boundary } = field;
  // Boundaries are powers of two: where they are larger than 4 GiB the high half has a part in it.
  const low = boundary >= 2 ** 32 ? (hi >>> 0) * 2 ** 32 + (lo >>> 0) : lo >>> 0;
  return (low % boundary) + bytes <= boundary;
};

/** How much data an entry has. */
export const bytesOf = (length: LengthAccess | null, plan: EntryPlan, lanes: Int32Array, base: number): number =>
  length === null ? plan.bytes : length.bytes(lanes, base);

/** Takes an address out of an entry. */
export const setPlace = (place: Place, field: AddressAccess, lanes: Int32Array, base: number): void =>
  place.setHalves(field.lo(lanes, base), field.hi(lanes, base));

/** Data that lies where the entry says, or from its source to its destination. */
export class OwnData implements EntryData {
  over = true;
  private readonly shapes: Shapes;
  private readonly mover: DataMover;
  private readonly maxLength: number;
  private plan: EntryPlan;
  private lanes: Int32Array = new Int32Array(0);
  private base = 0;
  private run = 0;

  constructor({ shapes, entry }: Plan, mover: DataMover, maxLength: number) {
    this.shapes = shapes;
    this.plan = entry;
    this.mover = mover;
    this.maxLength = maxLength;
  }

  begin(lanes: Int32Array, base: number, otherwise: Moves): ErrorCode {
    const { mover } = this;
    mover.clear();
    this.over = true;
    this.plan = this.shapes.of(lanes, base).plan;
    const moves = this.plan.moves(lanes, base, otherwise);
    if (moves === NOTHING) return NONE;
    if (moves === MOVES.UNKNOWN) return ERROR.OPCODE;
    mover.moves = moves;
    if (moves === COPY) return this.setCopy(lanes, base);
    this.lanes = lanes;
    this.base = base;
    this.run = 0;
    return this.next();
  }

  /** The next address of the entry, with its length. */
  next(): ErrorCode {
    const { plan, mover, lanes, base } = this;
    const run = plan.runs[this.run];
    if (run === undefined) return ERROR.OPCODE;
    const { address, length } = run;
    this.run++;
    this.over = this.run === plan.runs.length;
    const bytes = bytesOf(length, plan, lanes, base);
    if (this.tooLong(length, bytes)) return ERROR.LENGTH;
    if (!addressFits(address, address.lo(lanes, base), address.hi(lanes, base), bytes)) return ERROR.ADDRESS;
    setPlace(mover.moves === FROM_MEMORY ? mover.from : mover.to, address, lanes, base);
    mover.left = bytes;
    return NONE;
  }

  private tooLong(length: LengthAccess | null, bytes: number): boolean {
    return bytes > this.maxLength || (length !== null && length.max !== 0 && bytes > length.max);
  }

  private setCopy(lanes: Int32Array, base: number): ErrorCode {
    const { plan, mover } = this;
    const { source, destination, length } = plan;
    if (source === null || destination === null) return ERROR.OPCODE;
    const bytes = bytesOf(length, plan, lanes, base);
    if (this.tooLong(length, bytes)) return ERROR.LENGTH;
    mover.fromFixed = plan.sourceFixed !== null && plan.sourceFixed.is(lanes, base);
    mover.toFixed = plan.destinationFixed !== null && plan.destinationFixed.is(lanes, base);
    const read = mover.fromFixed ? 1 : bytes;
    const written = mover.toFixed ? 1 : bytes;
    if (!addressFits(source, source.lo(lanes, base), source.hi(lanes, base), read)) return ERROR.ADDRESS;
    if (!addressFits(destination, destination.lo(lanes, base), destination.hi(lanes, base), written)) {
      return ERROR.ADDRESS;
    }
    setPlace(mover.from, source, lanes, base);
    setPlace(mover.to, destination, lanes, base);
    if (mover.fromFixed || mover.toFixed) mover.itemBytes = itemBytes(length, lanes, base);
    mover.left = bytes;
    return NONE;
  }
}

/** Bytes of an item at an address that stays: the unit of the length, if that is one. */
const itemBytes = (length: LengthAccess | null, lanes: Int32Array, base: number): number =>
  length === null ? 1 : Math.min(8, Math.max(1, length.unitOf(lanes, base)));
