import { BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import type { DescriptorBus } from './bus';
import { Place } from './place';
import { ERROR, type ErrorCode } from './spec';

/** What went wrong, and where. Nothing, while its code is `NONE`. */
export class Failure {
  code: ErrorCode = ERROR.NONE;
  outcome: BusOutcome = BUS_OK;
  readonly at = new Place();
  /** Entry or head, counted as `Q_INDEX` is. */
  index = 0;

  clear(): void {
    this.code = ERROR.NONE;
    this.outcome = BUS_OK;
    this.index = 0;
    this.at.set(0, 0);
  }

  /** An entry, or what it says, is wrong. */
  set(code: ErrorCode, page: number, offset: number, index: number): void {
    this.code = code;
    this.outcome = BUS_OK;
    this.at.set(page, offset);
    this.index = index;
  }

  /** An access failed. */
  setFromBus(code: ErrorCode, bus: DescriptorBus, index: number): void {
    this.set(code, bus.failedPage, bus.failedOffset, index);
    this.outcome = bus.outcome;
  }

  take(other: Failure): void {
    this.set(other.code, other.at.page, other.at.offset, other.index);
    this.outcome = other.outcome;
  }
}

const SENTENCES: Partial<Record<ErrorCode, string>> = {
  [ERROR.INDEX]: 'leads to an index past its table',
  [ERROR.TOO_LONG]: 'is part of a chain or list that does not end',
  [ERROR.FRAME]: 'begins a frame within another, or goes on with one that never began',
  [ERROR.INDIRECT]: 'leads to a table that is none',
  [ERROR.LENGTH]: 'names more bytes than there may be',
  [ERROR.ADDRESS]: 'names data at an address where it may not lie',
  [ERROR.OPCODE]: 'has an opcode without a meaning',
  [ERROR.OWNER]: "is not the engine's",
};

/** What is wrong with a descriptor, as the end of a sentence; undefined if the descriptor is not at fault. */
export const descriptorFault = (code: ErrorCode): string | undefined => SENTENCES[code];
