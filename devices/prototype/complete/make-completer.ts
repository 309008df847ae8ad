import type { DescriptorBus } from '../bus';
import type { Plan } from '../plan/plan';
import type { Completer } from './completer';
import type { DoneEnd } from './done-end';
import { DoneQueueCompleter } from './done-queue';
import { InPlaceCompleter } from './in-place';
import { InRingCompleter } from './in-ring';
import { OwnersFirst } from './owners-first';
import { UsedRingCompleter } from './used-ring';

/** Who tells of the end where that is not in the entry. */
const tellElsewhere = (plan: Plan, bus: DescriptorBus, queue: number, ends: readonly DoneEnd[]): Completer | null => {
  switch (plan.format.completion.kind) {
    case 'in-place':
      return null;
    case 'in-ring':
      return new InRingCompleter(plan.entry, bus);
    case 'queue':
      return new DoneQueueCompleter(plan, bus, queue, ends);
    case 'used-ring':
      return new UsedRingCompleter(plan, bus);
  }
};

/** What tells of ends in a format's way. @param queue the queue's number; @param ends the completion queues of all */
export const makeCompleter = (plan: Plan, bus: DescriptorBus, queue: number, ends: readonly DoneEnd[]): Completer => {
  const { ownership, follow } = plan.format;
  const elsewhere = tellElsewhere(plan, bus, queue, ends);
  if (elsewhere === null) return new InPlaceCompleter(plan, bus);
  const byBit = ownership.kind === 'bit' && follow.kind !== 'heads';
  return byBit ? new OwnersFirst(new InPlaceCompleter(plan, bus, true), elsewhere) : elsewhere;
};
