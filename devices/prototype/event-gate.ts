import type { DescriptorBus } from './bus';
import type { RequestEnd } from './complete/request-end';
import { Place } from './place';
import type { EntryPlan } from './plan/entry-plan';
import type { Plan } from './plan/plan';
import type { QueueSetup } from './setup';

/**
 * Whether software wants to hear of a completion, by what it says in memory. That is read after the completion was told, and
 * waited for. What cannot be read holds nothing back.
 */
export class EventGate {
  private readonly flags: EntryPlan | null;
  private readonly index: EntryPlan | null;
  private readonly headsBytes: number;
  private readonly elementBytes: number;
  private readonly bus: DescriptorBus;
  private readonly setup: QueueSetup;
  private readonly lanes: Int32Array;
  private readonly place = new Place();

  constructor(plan: Plan, bus: DescriptorBus, setup: QueueSetup) {
    this.flags = plan.eventFlags;
    this.index = plan.eventIndex;
    this.headsBytes = plan.header?.size ?? 0;
    this.elementBytes = plan.element?.size ?? 0;
    this.bus = bus;
    this.setup = setup;
    this.lanes = new Int32Array(Math.max(1, this.flags?.lanes ?? 0, this.index?.lanes ?? 0));
  }

  /** Whether software says anything: else it wants to hear of all. */
  get active(): boolean {
    return this.flags !== null && this.setup.events;
  }

  /**
   * Asked while it is active.
   * @param end the request that was told
   * @param entries how many it had in the ring
   * @param told completions ever told, as a used ring counts them
   */
  wants(end: RequestEnd, entries: number, told: number): boolean {
    const { index, setup } = this;
    const flags = this.flags!;
    if (index !== null && setup.eventIndex) return this.reaches(index, told);
    this.place.set(setup.heads.page, setup.heads.offset);
    if (!this.read(flags)) return true;
    if (flags.noEvent?.is(this.lanes, 0) === true) return false;
    return flags.byEvent?.is(this.lanes, 0) !== true || this.covers(flags, end, entries);
  }

  private read({ size, lanes }: EntryPlan): boolean {
    return this.bus.fetchNow(this.place.page, this.place.offset, this.lanes, 0, size, lanes, 1);
  }

  /** Whether the last completion has the number that software waits for. */
  private reaches(index: EntryPlan, told: number): boolean {
    const { place, setup, headsBytes, elementBytes } = this;
    place.setPast(setup.heads, headsBytes + setup.size * elementBytes);
    if (!this.read(index)) return true;
    const { event } = index;
    const modulus = 2 ** Math.min(event!.field.bits, 32);
    return (event!.number(this.lanes, 0) + 1) % modulus === told % modulus;
  }

  /** Whether the place that software waits for is among those of the request, in its lap. */
  private covers(flags: EntryPlan, end: RequestEnd, entries: number): boolean {
    const { size } = this.setup;
    const at = flags.event!.number(this.lanes, 0);
    const first = (end.index + size - (entries % size)) % size;
    if (at >= size || (at + size - first) % size >= entries) return false;
    const lap = at >= first ? end.extra : 1 - end.extra;
    return (flags.eventPhase?.is(this.lanes, 0) === true ? 1 : 0) === lap;
  }
}
