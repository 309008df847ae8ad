import type { Format } from './format';
import { ListSpot } from './list-spot';
import { isGivenByMarks } from './ownership';
import type { RingSpot } from './ring-spot';
import type { EntryRoles } from './roles';

/**
 * What a device may find by itself before anybody rings: from where it stands, along entries that their owner or phase bit gives
 * to it, and along the link of a list's last entry once that leads on. An entry that it cannot get to yet is nobody's but the driver's,
 * whatever its bits say.
 */
export class AheadCursor {
  /** Only a doorbell leads on from here. */
  over = false;
  private readonly format: Format;
  private readonly roles: EntryRoles;
  private readonly spot: RingSpot | ListSpot;
  /** The entry that it may not go past. */
  private readonly tail: bigint | undefined;

  constructor(format: Format, roles: EntryRoles, spot: RingSpot | ListSpot, tail?: bigint) {
    this.format = format;
    this.roles = roles;
    this.spot = spot;
    this.tail = tail;
  }

  /** The entry that decides how it goes on: the next one, or one that has been passed, whose link is awaited. */
  get at(): bigint {
    return this.spot.at;
  }

  /** What is awaited is the link of an entry that has been passed. */
  get awaitsLink(): boolean {
    return !this.over && this.spot instanceof ListSpot && this.spot.ended;
  }

  /** The index of the next entry; undefined in a list. */
  get index(): number | undefined {
    return this.spot instanceof ListSpot ? undefined : this.spot.index;
  }

  /** Whether an entry leads on as it stands there: it is the device's, or its link leads somewhere. */
  leadsOn(lanes: Int32Array): boolean {
    const { spot } = this;
    if (spot instanceof ListSpot && spot.ended) return !this.over && spot.after(lanes) !== undefined;
    return this.isGiven(lanes);
  }

  private isGiven(lanes: Int32Array): boolean {
    const { format, roles, spot } = this;
    return isGivenByMarks(format, roles, lanes, spot instanceof ListSpot ? 1 : spot.phase);
  }

  /** Goes past the next entry, if it is the device's as it stands there. Returns whether it is. */
  take(lanes: Int32Array): boolean {
    const { format, spot, tail } = this;
    if (!this.isGiven(lanes)) return false;
    this.over = spot.at === tail;
    spot.pass(lanes);
    // Where each list is rung for, nobody looks again at how one ended.
    if (spot instanceof ListSpot && spot.ended && format.doorbell.value !== 'notify') this.over = true;
    return true;
  }

  /**
   * Goes on from a passed entry, as it stands there, if that leads on by now. Returns whether it does.
   * @param isEntry whether there can be an entry at an address: half a link leads nowhere yet
   */
  followLink(lanes: Int32Array, isEntry: (address: bigint) => boolean): boolean {
    const { spot } = this;
    const next = spot instanceof ListSpot ? spot.after(lanes) : undefined;
    if (next === undefined || !isEntry(next)) return false;
    (spot as ListSpot).goOn(next);
    return true;
  }
}
