import type { DescriptorBus } from '../bus';
import type { Plan } from '../plan/plan';
import type { Completer } from './completer';
import { DoneQueueCompleter } from './done-queue';
import { InPlaceCompleter } from './in-place';
import { InRingCompleter } from './in-ring';
import { UsedRingCompleter } from './used-ring';

/** What tells of ends in a format's way. @param queue the queue's number */
export const makeCompleter = (plan: Plan, bus: DescriptorBus, queue: number): Completer => {
  switch (plan.format.completion.kind) {
    case 'in-place':
      return new InPlaceCompleter(plan, bus);
    case 'in-ring':
      return new InRingCompleter(plan.entry, bus);
    case 'queue':
      return new DoneQueueCompleter(plan, bus, queue);
    case 'used-ring':
      return new UsedRingCompleter(plan, bus);
  }
};
