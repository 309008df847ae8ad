import type { Follower, FollowerParts } from './follower';
import { HeadsFollower } from './heads-follower';
import { JumpFollower } from './jump-follower';
import { LinkedFollower } from './linked-follower';
import { RingFollower } from './ring-follower';

/** What fetches entries in a format's way. */
export const makeFollower = (parts: FollowerParts): Follower => {
  const { follow } = parts.plan.format;
  if (follow.kind === 'ring') return parts.plan.format.jumps ? new JumpFollower(parts) : new RingFollower(parts);
  return follow.kind === 'heads' ? new HeadsFollower(parts) : new LinkedFollower(parts, follow);
};
