import { BUS_OK } from '../bus-outcome';
import type { Walk, WalkChecks, WalkStart } from './findings';
import { walk } from './follow';
import type { Format } from './format';
import { EntryRoles } from './roles';
import { RingSpot } from './ring-spot';
import { readEntry, type WordReader } from './words';

/** How far a queue is, for who follows what it is given. */
export interface GivenNow {
  /** Entries, or heads, that were completed since it began. */
  readonly done: number;
  /** Of a ring whose indices alone give entries away: entries that were given since it began. */
  readonly given: number | undefined;
  /** Entries that were not completed: of a ring, whether they go on with a frame is asked. */
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

  /** @param begin where the queue's first entry is */
  constructor(format: Format, begin: WalkStart) {
    this.format = format;
    this.begin = begin;
    this.roles = new EntryRoles(format.entry, { parameters: begin.parameters });
    if (format.jumps) this.spot = new RingSpot(this.roles, begin);
  }

  /**
   * Looks at what is new; undefined if nothing can be. Of a list, entries may be among it that are done by now, taken before anybody
   * rang for them.
   */
  look(memory: WordReader, now: GivenNow, checks: WalkChecks): NewlyGiven | undefined {
    // A device may take what it finds before anybody rings for it.
    if (this.format.follow.kind !== 'linked' && this.given < now.done) {
      this.spot?.skip(memory, now.done - this.given);
      this.given = now.done;
    }
    const first = this.given;
    const start = this.startOf(memory, now);
    if (start === undefined) return undefined;
    const found = walk(this.format, memory, start, { ...checks, givenOnly: true });
    const { kind } = this.format.follow;
    const isLost = kind === 'heads' && found.findings.some(({ where }) => where === 'header');
    const whole = isLost ? 0 : found.units.length - found.open;
    this.given += whole;
    if (this.spot !== undefined) for (const at of found.units.slice(0, whole)) this.spot.pass(found.entries[at]!.lanes);
    if (kind === 'linked' && whole > 0) this.last = found.entries[found.units[whole - 1]!]!.address;
    return { walk: found, first };
  }

  private startOf(memory: WordReader, now: GivenNow): WalkStart | undefined {
    const { begin, format } = this;
    if (format.follow.kind === 'ring') return this.ringStart(now);
    if (format.follow.kind === 'heads') return { ...begin, from: this.headCount() };
    const { value } = format.doorbell;
    if (value === 'head-address') return { ...begin, at: now.rung };
    if (value === 'tail-address' && now.rung === this.last) return undefined;
    const at = this.last === undefined ? begin.at : this.after(memory, this.last);
    if (at === undefined) return undefined;
    return { ...begin, at, ...(value === 'tail-address' ? { tail: now.rung } : {}) };
  }

  private ringStart({ done, given, pending }: GivenNow): WalkStart | undefined {
    const { entries = 0, from = 0, phase = 1 } = this.begin;
    const count = given === undefined ? entries - (this.given - done) : given - this.given;
    if (!(entries > 0) || count <= 0) return undefined;
    const begun = this.given === done && pending?.begun === true;
    if (this.spot !== undefined) return { ...this.begin, ...this.spot.start, count, begun };
    const position = from + this.given;
    const isFlipped = (Math.floor(position / entries) & 1) === 1;
    return { ...this.begin, from: position % entries, phase: isFlipped === (phase === 1) ? 0 : 1, count, begun };
  }

  /** Heads seen, as their header counts. */
  private headCount(): number {
    const { follow } = this.format;
    const field = follow.kind === 'heads' ? new EntryRoles(follow.header).countField('index') : undefined;
    return ((this.begin.from ?? 0) + this.given) % 2 ** Math.min(field?.bits ?? 32, 32);
  }

  /** Where an entry leads by now; undefined if the list still ends there. */
  private after(memory: WordReader, address: bigint): bigint | undefined {
    const { format, roles } = this;
    const lanes = new Int32Array(format.entry.lanes);
    if (readEntry(memory, format.entry, address, lanes) !== BUS_OK) return undefined;
    const { follow } = format;
    if (follow.kind === 'linked' && follow.end === 'last' && roles.marked('last', lanes)) return undefined;
    const next = roles.address('next', lanes);
    return next === 0n && follow.kind === 'linked' && follow.end === 'null' ? undefined : next;
  }
}
