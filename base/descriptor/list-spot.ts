import type { LinkedFollow } from './format';
import type { EntryRoles } from './roles';

/** Whether a list ends with an entry by what stands in it. Where a tail does, no entry says so. */
export const saysEnd = ({ end }: LinkedFollow, roles: EntryRoles, lanes: Int32Array): boolean => {
  if (end === 'last') return roles.marked('last', lanes);
  return end === 'null' && roles.address('next', lanes) === 0n;
};

/** Where somebody is in a list: before an entry, or behind the last one, whose link may lead on later. */
export class ListSpot {
  /** The entry that comes next, or the last one. */
  at: bigint;
  /** It is the last one. */
  ended = false;
  private readonly follow: LinkedFollow;
  private readonly roles: EntryRoles;

  constructor(follow: LinkedFollow, roles: EntryRoles, at: bigint) {
    this.follow = follow;
    this.roles = roles;
    this.at = at;
  }

  copy(): ListSpot {
    const { follow, roles, at, ended } = this;
    const spot = new ListSpot(follow, roles, at);
    spot.ended = ended;
    return spot;
  }

  /** Goes on after an entry. */
  pass(lanes: Int32Array, address = this.at): void {
    this.ended = saysEnd(this.follow, this.roles, lanes);
    this.at = this.ended ? address : this.roles.address('next', lanes);
  }

  /** Where the last entry leads by now; undefined if the list still ends there. */
  after(lanes: Int32Array): bigint | undefined {
    return saysEnd(this.follow, this.roles, lanes) ? undefined : this.roles.address('next', lanes);
  }

  /** Goes on from the last entry, which leads there now. */
  goOn(at: bigint): void {
    this.at = at;
    this.ended = false;
  }
}
