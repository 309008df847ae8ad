import { BUS_ACCESS_FAULT, BUS_OK, BUS_POISONED, type BusOutcome } from '../../base/bus-outcome';
import type { MemoryMark } from '../bus/physical-bus';

/** A marked range of bytes, end exclusive. */
interface Mark {
  readonly start: number;
  readonly end: number;
  readonly kind: MemoryMark;
}

/**
 * Marked byte ranges: sorted, none overlapping. A later mark replaces an earlier one where they meet.
 *
 * Marks are a tool of tests and few, so every operation looks at all of them; RAM asks only for pages that its page
 * flags say have any.
 */
export class MarkList {
  private marks: readonly Mark[] = [];

  /** Marks `start … end`, end exclusive. */
  add(start: number, end: number, kind: MemoryMark): void {
    this.remove(start, end);
    this.marks = [...this.marks, { start, end, kind }].sort((a, b) => a.start - b.start);
  }

  /** Takes marks off every byte of `start … end`, end exclusive. */
  remove(start: number, end: number): void {
    this.marks = this.marks.flatMap((mark) => {
      if (mark.end <= start || mark.start >= end) return [mark];
      const before = { ...mark, end: start };
      const after = { ...mark, start: end };
      return [before, after].filter((rest) => rest.start < rest.end);
    });
  }

  /** Takes all marks off. */
  clear(): void {
    this.marks = [];
  }

  /** Whether any byte of `start … end` is marked. */
  any(start: number, end: number): boolean {
    return this.marks.some((mark) => mark.start < end && mark.end > start);
  }

  /** What an access to these bytes answers: one faulting byte refuses the access, poison only spoils what is read. */
  outcome(start: number, end: number, write: boolean): BusOutcome {
    let outcome: BusOutcome = BUS_OK;
    for (const mark of this.marks) {
      if (mark.end <= start || mark.start >= end) continue;
      if (mark.kind === 'faulting') return BUS_ACCESS_FAULT;
      if (!write) outcome = BUS_POISONED;
    }
    return outcome;
  }
}
