import type { Format } from '../format';
import type { EntryWriter } from './entry-writer';
import { HeadsGiver, LinkedGiver, RingGiver, type Giver } from './give';
import { JumpRingGiver } from './give-jumps';
import type { QueueLayout } from './layout';
import type { SharedMemory } from './request';

/** The giver that a format's entries need. */
export const giverOf = (format: Format, layout: QueueLayout, shared: SharedMemory, writer: EntryWriter): Giver => {
  const { kind } = format.follow;
  const Ring = format.jumps ? JumpRingGiver : RingGiver;
  const Kind = kind === 'ring' ? Ring : kind === 'linked' ? LinkedGiver : HeadsGiver;
  return new Kind(format, layout, shared, writer);
};
