import type { TraceSubscriber } from '../base/trace';

/** When to look at the queues of a machine: when the scenario is over, at a simulated time, or at an event of the trace. */
export type DumpMoment =
  | { readonly kind: 'end' }
  /** Nanoseconds. */
  | { readonly kind: 'time'; readonly time: number }
  | { readonly kind: 'event'; readonly ordinal: number };

/** Calls `look` once, at the first event that is not before a moment; never for the end. What it causes counts no more. */
export const atMoment = (moment: DumpMoment, look: () => void): TraceSubscriber => {
  let over = moment.kind === 'end';
  return ({ ordinal, time }) => {
    if (over) return;
    if (moment.kind === 'time' && time < moment.time) return;
    if (moment.kind === 'event' && ordinal < moment.ordinal) return;
    over = true;
    look();
  };
};
