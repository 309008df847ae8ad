import { MOVES, type AddressAccess, type EntryPlan, type Moves } from '../plan/entry-plan';
import type { Place } from '../place';
import { ERROR, type ErrorCode } from '../spec';
import type { DataMover } from './data-mover';
import type { EntryData } from './entry-data';

/** Whether a run at a place keeps what its address field asks for. */
export const addressFits = (field: AddressAccess, lo: number, hi: number, bytes: number): boolean => {
  if ((lo & field.alignMask) !== 0) return false;
  if (field.boundary === 0 || bytes === 0) return true;
  const { boundary } = field;
  // Boundaries are powers of two: where they are larger than 4 GiB the high half has a part in it.
  const low = boundary >= 2 ** 32 ? (hi >>> 0) * 2 ** 32 + (lo >>> 0) : lo >>> 0;
  return (low % boundary) + bytes <= boundary;
};

/** Takes an address out of an entry. */
export const setPlace = (place: Place, field: AddressAccess, lanes: Int32Array, base: number): void =>
  place.setHalves(field.lo(lanes, base), field.hi(lanes, base));

/** Data that lies where the entry says, or from its source to its destination. */
export class OwnData implements EntryData {
  over = true;
  private readonly plan: EntryPlan;
  private readonly mover: DataMover;
  private readonly maxLength: number;

  constructor(plan: EntryPlan, mover: DataMover, maxLength: number) {
    this.plan = plan;
    this.mover = mover;
    this.maxLength = maxLength;
  }

  begin(lanes: Int32Array, base: number, otherwise: Moves): ErrorCode {
    const { plan, mover } = this;
    mover.clear();
    const moves = plan.moves(lanes, base, otherwise);
    if (moves === MOVES.NOTHING) return ERROR.NONE;
    if (moves === MOVES.UNKNOWN) return ERROR.OPCODE;
    const { length } = plan;
    const bytes = length === null ? 0 : length.bytes(lanes, base);
    if (bytes > this.maxLength || (length !== null && length.max !== 0 && bytes > length.max)) return ERROR.LENGTH;
    mover.moves = moves;
    const refused = moves === MOVES.COPY ? this.setCopy(lanes, base, bytes) : this.setData(lanes, base, moves, bytes);
    if (refused !== ERROR.NONE) return refused;
    mover.left = bytes;
    return ERROR.NONE;
  }

  private setData(lanes: Int32Array, base: number, moves: Moves, bytes: number): ErrorCode {
    const { data } = this.plan;
    if (data === null) return ERROR.OPCODE;
    if (!addressFits(data, data.lo(lanes, base), data.hi(lanes, base), bytes)) return ERROR.ADDRESS;
    setPlace(moves === MOVES.FROM_MEMORY ? this.mover.from : this.mover.to, data, lanes, base);
    return ERROR.NONE;
  }

  private setCopy(lanes: Int32Array, base: number, bytes: number): ErrorCode {
    const { plan, mover } = this;
    const source = plan.source!;
    const destination = plan.destination!;
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
    if (mover.fromFixed || mover.toFixed) mover.itemBytes = Math.min(8, Math.max(1, plan.length!.unitOf(lanes, base)));
    return ERROR.NONE;
  }

  next(): ErrorCode {
    return ERROR.NONE;
  }
}
