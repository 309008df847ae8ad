import type { TraceSubscriber } from '../base/trace';
import type { ReportId } from './sanitizer/catalogue';

/**
 * When to look at the queues of a machine: when the scenario is over, at a simulated time, at an event of the trace, or at what the
 * sanitizer finds first.
 */
export type DumpMoment =
  | { readonly kind: 'end' }
  /** Nanoseconds. */
  | { readonly kind: 'time'; readonly time: number }
  | { readonly kind: 'event'; readonly ordinal: number }
  /** Of an id, or of any. */
  | { readonly kind: 'report'; readonly id?: ReportId };

/** Moments that the trace tells. */
type TraceMoment = Extract<DumpMoment, { kind: 'time' | 'event' }>;

/** Calls `look` once, at the first event that is not before a moment. */
export const atMoment = (moment: TraceMoment, look: () => void): TraceSubscriber => {
  let over = false;
  return ({ ordinal, time }) => {
    if (over) return;
    if (moment.kind === 'time' && time < moment.time) return;
    if (moment.kind === 'event' && ordinal < moment.ordinal) return;
    over = true;
    look();
  };
};

/** Calls `look` once, at the first finding of an id, or of any. */
export const atReport = (wanted: ReportId | undefined, look: () => void): ((id: ReportId) => void) => {
  let over = false;
  return (id) => {
    if (over || (wanted !== undefined && id !== wanted)) return;
    over = true;
    look();
  };
};
