import type { DescriptorBus } from '../bus';
import type { PrototypeParameters } from '../options';
import { Place } from '../place';
import type { EntryPlan } from '../plan/entry-plan';

/** Elements of a list or table in memory, read a burst at a time. */
export class ListWindow {
  readonly lanes: Int32Array;
  /** Where the list begins, and how many elements it has. */
  readonly start = new Place();
  count = 0;
  readonly plan: EntryPlan;
  private readonly bus: DescriptorBus;
  private readonly size: number;
  private readonly at = new Place();
  private from = 0;
  private held = 0;

  constructor(plan: EntryPlan, bus: DescriptorBus, { burstBytes }: PrototypeParameters) {
    this.plan = plan;
    this.bus = bus;
    this.size = Math.max(1, Math.floor(burstBytes / plan.size));
    this.lanes = new Int32Array(this.size * plan.lanes);
  }

  /** Another list. Nothing of it is known yet. */
  open(count: number): void {
    this.count = count;
    this.held = 0;
  }

  /** The lane at which element `index` begins, read if need be; -1 if it cannot be read. */
  element(index: number): number {
    const { plan } = this;
    if (index < this.from || index >= this.from + this.held) {
      const count = Math.min(this.size, this.count - index);
      this.at.setPast(this.start, index * plan.size);
      this.held = 0;
      if (!this.bus.fetchNow(this.at.page, this.at.offset, this.lanes, 0, plan.size, plan.lanes, count)) return -1;
      this.from = index;
      this.held = count;
    }
    return (index - this.from) * plan.lanes;
  }
}
