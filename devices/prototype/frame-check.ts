import type { EntryPlan } from './plan/entry-plan';
import { ERROR, type ErrorCode } from './spec';

/** Sees whether entries make frames, from one marked first to one marked last. */
export class FrameCheck {
  private readonly plan: EntryPlan;
  private readonly limit: number;
  private length = 0;
  private before = 0;

  constructor(plan: EntryPlan, limit: number) {
    this.plan = plan;
    this.limit = limit;
  }

  clear(): void {
    this.length = 0;
    this.before = 0;
  }

  /** Whether a frame goes on. @param taken the entry that was taken last is one of those that are asked about */
  hasBegun(taken: boolean): boolean {
    return (taken ? this.before : this.length) > 0;
  }

  /** Takes the next entry. */
  take(lanes: Int32Array, base: number): ErrorCode {
    const { plan, limit } = this;
    const first = plan.first!.is(lanes, base);
    this.before = this.length;
    const code = first === this.length > 0 ? ERROR.FRAME : this.length >= limit ? ERROR.TOO_LONG : ERROR.NONE;
    // After a wrong one it goes on as if that had been right.
    const length = first ? 1 : this.length + 1;
    this.length = plan.last!.is(lanes, base) ? 0 : length;
    return code;
  }
}
