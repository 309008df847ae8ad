import type { DescriptorBus } from '../bus';
import type { EntryPlan } from '../plan/entry-plan';
import type { Plan } from '../plan/plan';
import { ERROR, type ErrorCode } from '../spec';
import { rangeOf, tellEnd, UNFINISHED, type ByteRange, type Completer } from './completer';
import type { RequestEnd } from './request-end';

const { NONE } = ERROR;

/** Entries of a chain that one step gives back at most. */
const MOST_AT_ONCE = 64;

/** Tells in the entry, and gives it back. Entries of a chain go back together, the first one last. */
export class InPlaceCompleter implements Completer {
  readonly tail = 0;
  private readonly plan: EntryPlan;
  private readonly bus: DescriptorBus;
  private readonly range: ByteRange;
  private readonly tellsPackets: boolean;
  private readonly ownerOnly: boolean;
  private lanes = new Int32Array(0);
  private readonly pages: number[] = [];
  private readonly offsets: number[] = [];
  private kept = 0;
  /** The last entry of a chain has been given back. */
  private begun = false;

  /** @param ownerOnly the end itself is told elsewhere: entries only go back */
  constructor({ entry: plan, format: { follow } }: Plan, bus: DescriptorBus, ownerOnly = false) {
    this.plan = plan;
    this.ownerOnly = ownerOnly;
    // Where `last` ends the list, it says nothing of packets.
    this.tellsPackets = follow.kind !== 'linked' || follow.end !== 'last';
    this.bus = bus;
    const { done, error, status, written, owner, lastFirst, lastLast } = plan;
    if (ownerOnly) {
      this.range = rangeOf(plan, [owner]);
      return;
    }
    const told = [done, error, status, written, owner];
    this.range = rangeOf(plan, this.tellsPackets ? [...told, lastFirst, lastLast] : told);
  }

  start(): ErrorCode {
    this.drop();
    return NONE;
  }

  hasRoom(): boolean {
    return true;
  }

  keep({ lanes, base, entryBytes, lastPage, lastOffset }: RequestEnd): void {
    const { plan } = this;
    const needed = (this.kept + 1) * plan.lanes;
    if (needed > this.lanes.length) {
      const larger = new Int32Array(Math.max(needed, 2 * this.lanes.length));
      larger.set(this.lanes);
      this.lanes = larger;
    }
    const at = this.kept * plan.lanes;
    for (let i = 0; i < plan.lanes; i++) this.lanes[at + i] = lanes[base + i]!;
    plan.written?.put(this.lanes, at, Math.floor(entryBytes / plan.writtenUnit));
    this.pages[this.kept] = lastPage;
    this.offsets[this.kept] = lastOffset;
    this.kept++;
  }

  holds(page: number, offset: number): boolean {
    for (let i = 0; i < this.kept; i++) if (this.pages[i] === page && this.offsets[i] === offset) return true;
    return false;
  }

  drop(): void {
    this.kept = 0;
    this.begun = false;
  }

  complete(end: RequestEnd): ErrorCode | typeof UNFINISHED {
    const { lanes, base } = end;
    if (!this.begun) {
      if (!this.ownerOnly) this.tellLast(end);
      if (!this.giveBack(lanes, base, end.lastPage, end.lastOffset)) return ERROR.COMPLETION;
      this.begun = true;
    }
    for (let i = 0; this.kept > 0; i++) {
      if (i === MOST_AT_ONCE) return UNFINISHED;
      this.kept--;
      const at = this.kept * this.plan.lanes;
      if (!this.ownerOnly) this.tellKept(at, end);
      if (!this.giveBack(this.lanes, at, this.pages[this.kept]!, this.offsets[this.kept]!)) return ERROR.COMPLETION;
    }
    this.begun = false;
    return NONE;
  }

  pass(end: RequestEnd): ErrorCode {
    const { lanes, base } = end;
    if (!this.ownerOnly) tellEnd(this.plan, lanes, base, end, 0);
    return this.giveBack(lanes, base, end.lastPage, end.lastOffset) ? NONE : ERROR.COMPLETION;
  }

  private tellLast(end: RequestEnd): void {
    const { lanes, base } = end;
    tellEnd(this.plan, lanes, base, end, end.entryBytes);
    if (end.fromStream && this.tellsPackets) this.tellPacket(lanes, base, end);
  }

  private tellKept(at: number, { code }: RequestEnd): void {
    this.plan.done?.mark(this.lanes, at, true);
    this.plan.error?.mark(this.lanes, at, code !== NONE);
    this.plan.status?.put(this.lanes, at, code);
  }

  private tellPacket(lanes: Int32Array, base: number, end: RequestEnd): void {
    this.plan.lastFirst?.mark(lanes, base, end.startsPacket);
    this.plan.lastLast?.mark(lanes, base, end.endsPacket);
  }

  private giveBack(lanes: Int32Array, base: number, page: number, offset: number): boolean {
    const { range, bus } = this;
    this.plan.owner?.mark(lanes, base, false);
    if (range.to <= range.from) return true;
    const at = offset + range.from;
    return bus.complete(page + (at >>> 12), at & 0xfff, lanes, 4 * base + range.from, range.to - range.from);
  }
}
