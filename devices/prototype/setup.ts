import { Place } from './place';

/** What a queue's registers said when it was enabled. */
export class QueueSetup {
  size = 0;
  index = 0;
  phase = 1;
  counting = false;
  toMemory = false;
  events = false;
  eventIndex = false;
  doneSize = 0;
  doneTail = 0;
  donePhase = 1;
  /** The queue in whose completion queue ends are told. */
  doneQueue = 0;
  readonly base = new Place();
  readonly heads = new Place();
  readonly done = new Place();
}
