import type { AnyDescriptor } from '../any-descriptor';
import type { WalkStart } from '../findings';
import type { Format } from '../format';
import { contradiction } from '../placement';
import { clearEntry } from '../put';
import { completionReader, type CompletionReader } from './completions';
import type { QueueLayout } from './layout';
import { Poster, type PostOptions } from './post';
import type { Finished, Posted, RequestPiece, SharedMemory } from './request';
import { RingSlots } from './slots';
import type { Completed, PostedRequest, Unit } from './state';

/** Makes all of a queue's memory say nothing: no entry is the device's, no completion is there. */
const clearQueue = ({ entry, completion }: Format, layout: QueueLayout, { memory, cpu }: SharedMemory): void => {
  memory.fill(cpu, 0, layout.bytes);
  const fill = (descriptor: AnyDescriptor, from: number, count: number, stride: number): void => {
    const lanes = new Int32Array(descriptor.lanes);
    clearEntry(descriptor, lanes);
    if (lanes.every((lane) => lane === 0)) return;
    for (let i = 0; i < count; i++) descriptor.save(memory, cpu + from + i * stride, lanes);
  };
  fill(entry, 0, layout.entries, layout.stride);
  if (completion.kind === 'queue') fill(completion.entry, layout.doneAt, layout.completions, completion.entry.size);
};

/**
 * The driver's side of a queue of any declared format: posts requests as entries, and finds those that the device has
 * finished. It knows memory only; ringing the doorbell and taking interrupts is the caller's.
 *
 *     const layout = queueLayout(format, { entries: 64 });
 *     const queue = new DescriptorQueue<Packet>(format, layout, { memory: kernel.mm, cpu, device, wmb, rmb });
 *     queue.post([{ address, length: 1500, moves: 'from-memory' }], packet);
 *     const value = queue.doorbell();
 *     …
 *     for (const { tag, written, failed } of queue.reap()) …
 *
 * Whatever a device writes into completions, work is bounded and nothing is thrown; completions of nothing known are counted
 * in `strays`.
 */
export class DescriptorQueue<T> {
  readonly format: Format;
  readonly layout: QueueLayout;
  /** Completions that were about no request that was posted. */
  strays = 0;
  private readonly shared: SharedMemory;
  private readonly poster: Poster<T>;
  private readonly reader: CompletionReader;
  /** Units in the order in which they were posted, from `first` on. */
  private order: Unit<T>[] = [];
  private first = 0;
  private readonly byId = new Map<number, Unit<T>>();
  private requests = 0;
  private readonly completed: Completed = { id: 0, written: -1, failed: false, status: 0, head: -1 };

  /** Clears the memory. Addresses that are not aligned as the layout asks are a `LabError`. */
  constructor(format: Format, layout: QueueLayout, shared: SharedMemory, options: PostOptions = {}) {
    if (shared.device % BigInt(layout.align) !== 0n) {
      throw contradiction(format.name, `a queue of ${format.name} lies at no multiple of ${layout.align}`);
    }
    this.format = format;
    this.layout = layout;
    this.shared = shared;
    clearQueue(format, layout, shared);
    this.poster = new Poster(format, layout, shared, options);
    this.reader = completionReader(format, layout, shared, () => this.order[this.first]);
  }

  /** Where its parts are for the device: ring, table or first entry of a list; ring of heads; completions. */
  get addresses(): { readonly base: bigint; readonly heads: bigint; readonly done: bigint } {
    const { device } = this.shared;
    const { headsAt, doneAt } = this.layout;
    return { base: device, heads: device + BigInt(headsAt), done: device + BigInt(doneAt) };
  }

  /** Requests that were posted and not reaped. */
  get outstanding(): number {
    return this.requests;
  }

  /** Posts a request. `tag` comes back with its completion. */
  post(pieces: readonly RequestPiece[], tag: T): Posted {
    const request: PostedRequest<T> = { tag, left: 0, written: 0, failed: false, status: 0 };
    const units: Unit<T>[] = [];
    const posted = this.poster.post(pieces, request, units);
    if (posted !== 'posted') return posted;
    this.requests++;
    for (const unit of units) {
      this.order.push(unit);
      this.byId.set(unit.id, unit);
    }
    return posted;
  }

  /** What to write to the doorbell now, for all that was posted since the last time; undefined: there is no need to. */
  doorbell(): bigint | undefined {
    return this.poster.giver.doorbell();
  }

  /** The completion that is read next, by index: what devices with a completion queue want to be told. */
  get donePosition(): number {
    return this.reader.position;
  }

  /** Requests that have ended since the last time, in the order in which the device told of them. */
  reap(): Finished<T>[] {
    const finished: Finished<T>[] = [];
    const { completed, reader } = this;
    // A device that never stops telling keeps nobody here.
    for (let i = 0; i < 2 * Math.max(this.layout.entries, this.layout.completions); i++) {
      if (!reader.read(completed)) break;
      this.take(completed, finished);
    }
    return finished;
  }

  private take(completed: Completed, finished: Finished<T>[]): void {
    const unit = this.byId.get(completed.id);
    const { giver } = this.poster;
    this.reader.accept(unit);
    if (this.format.follow.kind !== 'ring') completed.head = -1;
    if (completed.head >= 0 && giver.slots instanceof RingSlots) giver.slots.giveBefore(completed.head);
    if (unit === undefined) this.strays++;
    else this.end(unit, completed, finished);
  }

  private end(unit: Unit<T>, { written, failed, status, head }: Completed, finished: Finished<T>[]): void {
    const { request } = unit;
    unit.done = true;
    this.byId.delete(unit.id);
    this.poster.forget(unit);
    this.giveBack(unit, head);
    request.left--;
    request.written = written < 0 ? -1 : request.written + written;
    request.failed ||= failed;
    request.status ||= status;
    if (request.left > 0) return;
    this.requests--;
    const { tag } = request;
    finished.push({
      tag,
      written: request.written < 0 ? undefined : request.written,
      failed: request.failed,
      status: request.status,
    });
  }

  /** Places are free when the device has told so: at once, in the order of the ring, or as far as it says that it is. */
  private giveBack(unit: Unit<T>, head: number): void {
    const { slots } = this.poster.giver;
    const { completion, follow } = this.format;
    const atOnce = follow.kind === 'heads' || completion.kind === 'in-ring';
    if (atOnce) slots.give(unit.slots);
    for (; this.order[this.first]?.done === true; this.first++) {
      const { slots: oldest } = this.order[this.first]!;
      this.poster.giver.finished(oldest);
      if (!atOnce && head < 0) slots.give(oldest);
    }
    if (this.first < 64 || this.first < this.order.length / 2) return;
    this.order = this.order.slice(this.first);
    this.first = 0;
  }

  /**
   * Where a walk finds what was posted and not told to be done. Where requests end in another order than they were posted,
   * only who knows how far the device is can say what it has still to take.
   * @param from entries of a ring, or heads, that the device has taken since the queue was made
   */
  pending(from?: number): WalkStart {
    const units = this.order.slice(this.first);
    const start = this.poster.giver.pending(
      units.map(({ slots }) => slots),
      from,
    );
    const begins = from === undefined || this.format.follow.kind === 'linked';
    return begins && units[0]?.goesOn === true ? { ...start, begun: true } : start;
  }
}
