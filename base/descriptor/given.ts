import { BUS_OK } from '../bus-outcome';
import { AheadCursor } from './ahead';
import type { Walk, WalkChecks, WalkedEntry, WalkStart } from './findings';
import { walk } from './follow';
import type { Format } from './format';
import { ListSpot } from './list-spot';
import { EntryRoles } from './roles';
import { RingSpot } from './ring-spot';
import { readEntry, type WordReader } from './words';

/** How far a queue is, for who follows what it is given. */
export interface GivenNow {
  /** Entries, or heads, that were completed since it began. */
  readonly done: number;
  /** Of a ring whose indices alone give entries away: entries that were given since it began. */
  readonly given: number | undefined;
  /** Entries that were not completed: whether they go on with a frame is asked. */
  readonly pending?: WalkStart | undefined;
  /** What was written to its doorbell last. */
  readonly rung: bigint;
}

/** What is new. */
export interface NewlyGiven {
  readonly walk: Walk;
  /** Which unit of all the first of the walk is. */
  readonly first: number;
}

/**
 * Follows what becomes the device's in a queue: each look walks over what is new since the one before, and over nothing else. A
 * request that does not end yet is looked at again.
 */
export class GivenCursor {
  readonly format: Format;
  /** Entries of a ring or list, or heads, that were seen to be given. */
  given = 0;
  /** The entry of a list that was given last. */
  last: bigint | undefined;
  private readonly begin: WalkStart;
  private readonly roles: EntryRoles;
  /** Of a ring in pieces: where the first entry is that was not seen. */
  private readonly spot: RingSpot | undefined;
  /** Of a list: where its device goes on. Undefined if nobody has named an entry yet. */
  private list: ListSpot | undefined;
  /** The doorbell was looked at. */
  private rung = false;

  /** @param begin where the queue's first entry is */
  constructor(format: Format, begin: WalkStart) {
    this.format = format;
    this.begin = begin;
    this.roles = new EntryRoles(format.entry, { parameters: begin.parameters });
    if (format.jumps) this.spot = new RingSpot(this.roles, begin);
    const { follow, doorbell } = format;
    if (follow.kind === 'linked' && doorbell.value !== 'head-address')
      this.list = new ListSpot(follow, this.roles, begin.at);
  }

  /**
   * Looks at what is new; undefined if nothing can be. Of a list, entries may be among it that are done by now, taken before anybody
   * rang for them.
   */
  look(memory: WordReader, now: GivenNow, checks: WalkChecks): NewlyGiven | undefined {
    this.rung = true;
    // A device may take what it finds before anybody rings for it.
    if (this.format.follow.kind !== 'linked' && this.given < now.done) {
      this.spot?.skip(memory, now.done - this.given);
      this.given = now.done;
    }
    const first = this.given;
    const start = this.startOf(memory, now);
    if (start === undefined) return undefined;
    const found = walk(this.format, memory, start, { ...checks, givenOnly: true });
    const { follow } = this.format;
    const whole = found.units.length - found.open;
    if (follow.kind === 'heads') {
      if (!found.findings.some(({ where }) => where === 'header')) this.given += whole;
      return { walk: found, first };
    }
    if (follow.kind === 'linked') this.list = new ListSpot(follow, this.roles, start.at);
    for (const at of found.units.slice(0, whole)) this.pass(found.entries[at]!);
    return { walk: found, first };
  }

  /** Goes on after an entry that was given: what `look` found, or what its device has taken before anybody rang for it. */
  pass({ address, lanes }: Pick<WalkedEntry, 'address' | 'lanes'>): void {
    this.given++;
    this.spot?.pass(lanes);
    if (this.format.follow.kind !== 'linked') return;
    this.last = address;
    this.list?.pass(lanes, address);
  }

  /**
   * What its device may go on to find before anybody rings again; undefined if only a doorbell, an index or a count of heads leads on.
   * @param rung what was written to its doorbell last
   */
  ahead(rung: bigint): AheadCursor | undefined {
    const { format, roles, begin } = this;
    if (format.follow.kind === 'ring') {
      if (format.ownership.kind === 'indices' || !((begin.entries ?? 0) > 0)) return undefined;
      return new AheadCursor(format, roles, this.ringSpot());
    }
    const spot = this.list?.copy();
    if (spot === undefined || (!this.rung && format.doorbell.value !== 'notify')) return undefined;
    if (format.doorbell.value === 'tail-address')
      return rung === this.last ? undefined : this.ownAhead(new AheadCursor(format, roles, spot, rung));
    // Who rings for each list by itself does not add to those that have ended.
    if (spot.ended) return format.doorbell.value === 'notify' ? new AheadCursor(format, roles, spot) : undefined;
    return this.ownAhead(new AheadCursor(format, roles, spot));
  }

  /** Without marks of their own, entries are given by the link that leads to them, and by nothing before that. */
  private ownAhead(ahead: AheadCursor): AheadCursor | undefined {
    return this.format.ownership.kind === 'indices' ? undefined : ahead;
  }

  private ringSpot(): RingSpot {
    const { begin, roles, spot, format } = this;
    if (spot !== undefined) return new RingSpot(roles, { ...begin, ...spot.start });
    const { from, phase } = this.position();
    const at = begin.at + BigInt(from) * BigInt(format.entry.size);
    return new RingSpot(roles, { ...begin, at, from, phase }, begin.at);
  }

  /** Of a ring in one piece: the first entry that was not seen, and the phase of its lap. */
  private position(): { readonly from: number; readonly phase: 0 | 1 } {
    const { entries = 1, from = 0, phase = 1 } = this.begin;
    const position = from + this.given;
    const isFlipped = (Math.floor(position / entries) & 1) === 1;
    return { from: position % entries, phase: isFlipped === (phase === 1) ? 0 : 1 };
  }

  private startOf(memory: WordReader, now: GivenNow): WalkStart | undefined {
    const { begin, format } = this;
    if (format.follow.kind === 'ring') return this.ringStart(now);
    if (format.follow.kind === 'heads') return { ...begin, from: this.headCount() };
    const { value } = format.doorbell;
    if (value === 'head-address') return { ...begin, at: now.rung };
    if (value === 'tail-address' && now.rung === this.last) return undefined;
    const at = this.nextOf(memory);
    if (at === undefined) return undefined;
    return { ...begin, at, begun: this.isBegun(now), ...(value === 'tail-address' ? { tail: now.rung } : {}) };
  }

  /** Whether what comes next goes on with a frame, of which the device has taken the beginning. */
  private isBegun({ done, pending }: GivenNow): boolean {
    return this.given === done && pending?.begun === true;
  }

  private ringStart(now: GivenNow): WalkStart | undefined {
    const { done, given } = now;
    const { entries = 0 } = this.begin;
    const count = given === undefined ? entries - (this.given - done) : given - this.given;
    if (!(entries > 0) || count <= 0) return undefined;
    const begun = this.isBegun(now);
    if (this.spot !== undefined) return { ...this.begin, ...this.spot.start, count, begun };
    return { ...this.begin, ...this.position(), count, begun };
  }

  /** Heads seen, as their header counts. */
  private headCount(): number {
    const { follow } = this.format;
    const field = follow.kind === 'heads' ? new EntryRoles(follow.header).countField('index') : undefined;
    return ((this.begin.from ?? 0) + this.given) % 2 ** Math.min(field?.bits ?? 32, 32);
  }

  /** Where a list goes on; undefined if it still ends where it did. */
  private nextOf(memory: WordReader): bigint | undefined {
    const { format, list } = this;
    if (list?.ended !== true) return list?.at;
    const lanes = new Int32Array(format.entry.lanes);
    return readEntry(memory, format.entry, list.at, lanes) === BUS_OK ? list.after(lanes) : undefined;
  }
}
