import type { AnyDescriptor } from '../any-descriptor';
import type { Completion, Format } from '../format';
import type { Parameters } from '../meaning';
import { EntryRoles, rawNumber } from '../roles';
import type { QueueLayout } from './layout';
import type { SharedMemory } from './request';
import type { Completed, Unit } from './state';

/** Finds out what the device has finished. */
export interface CompletionReader {
  /** Reads the next completion; false if there is none. */
  read(into: Completed): boolean;
  /** A completion was understood: the reader moves on. @param unit what it was about; undefined: nothing known */
  accept(unit: Unit<unknown> | undefined): void;
  /** The completion that is read next, for devices that want to know (`Q_DONE_HEAD`). */
  readonly position: number;
}

/** What completions share: entries in memory, and the fields of them that tell how a request ended. */
abstract class Reader implements CompletionReader {
  protected readonly descriptor: AnyDescriptor;
  protected readonly roles: EntryRoles;
  protected readonly lanes: Int32Array;
  protected readonly shared: SharedMemory;

  constructor(descriptor: AnyDescriptor, shared: SharedMemory, parameters: Parameters = {}) {
    this.descriptor = descriptor;
    this.shared = shared;
    this.roles = new EntryRoles(descriptor, { parameters });
    this.lanes = new Int32Array(descriptor.lanes);
  }

  abstract readonly position: number;
  abstract read(into: Completed): boolean;
  abstract accept(unit: Unit<unknown> | undefined): void;

  /** Loads only the words with these marks, of an entry that may be the device's still. */
  protected peek(offset: number, marks: readonly ('owner' | 'done' | 'phase' | 'used-phase')[]): void {
    const { shared, lanes, roles } = this;
    let before = -1;
    for (const mark of marks) {
      for (const { lane } of roles.markField(mark)?.pieces ?? []) {
        if (lane !== before) lanes[lane] = this.word(shared.cpu + offset, lane);
        before = lane;
      }
    }
  }

  private word(address: number, lane: number): number {
    const { memory } = this.shared;
    const { size } = this.descriptor;
    if (4 * lane + 4 <= size) return memory.load32(address + 4 * lane) | 0;
    let word = 0;
    for (let byte = 4 * lane; byte < size; byte++) word |= memory.load8(address + byte) << (8 * (byte & 3));
    return word;
  }

  /** Loads all of an entry that has come back, not before what showed that. */
  protected load(offset: number): void {
    this.shared.rmb();
    this.descriptor.load(this.shared.memory, this.shared.cpu + offset, this.lanes);
  }

  protected tell(into: Completed): void {
    const { roles, lanes } = this;
    into.id = roles.count('id', lanes);
    into.written = this.written();
    into.status = roles.count('status', lanes);
    into.failed = roles.marked('error', lanes) || into.status !== 0;
    into.head = roles.countField('head') === undefined ? -1 : roles.count('head', lanes);
  }

  protected written(): number {
    const { roles, lanes } = this;
    const field = roles.countField('written');
    return field?.meaning?.kind === 'count' ? rawNumber(field, lanes) * field.meaning.unit : -1;
  }
}

/** In the entries themselves, in the order in which they were posted. */
class InPlaceReader extends Reader {
  readonly position = 0;
  private readonly byOwner: boolean;
  private readonly stride: number;
  private readonly oldest: () => Unit<unknown> | undefined;

  constructor(format: Format, layout: QueueLayout, shared: SharedMemory, oldest: () => Unit<unknown> | undefined) {
    super(format.entry, shared, layout.parameters);
    this.byOwner = format.ownership.kind === 'bit' || this.roles.markField('done') === undefined;
    this.stride = layout.stride;
    this.oldest = oldest;
  }

  /** Entries of a chain come back from the last to the first, those of a frame from the first to the last. */
  read(into: Completed): boolean {
    const unit = this.oldest();
    if (unit === undefined) return false;
    const { slots } = unit;
    const last = slots.length - 1;
    if (!this.isBack(slots[0]!) || (last > 0 && !this.isBack(slots[last]!))) return false;
    this.collect(unit, into);
    return true;
  }

  private isBack(slot: number): boolean {
    const { roles, lanes, byOwner } = this;
    this.peek(slot * this.stride, [byOwner ? 'owner' : 'done']);
    return byOwner ? !roles.marked('owner', lanes) : roles.marked('done', lanes);
  }

  private collect({ id, slots }: Unit<unknown>, into: Completed): void {
    const sum = { written: 0, failed: false, status: 0 };
    for (const slot of slots) {
      this.load(slot * this.stride);
      this.tell(into);
      sum.written = into.written < 0 ? -1 : sum.written + into.written;
      sum.failed ||= into.failed;
      sum.status ||= into.status;
    }
    Object.assign(into, sum, { id, head: -1 });
  }

  accept(): void {
    // The next one is the oldest then.
  }
}

/** In the ring, over the first entry of each request that is done, by phase. */
class InRingReader extends Reader {
  /** Entries that completions ever stood for. */
  private taken = 0;
  private readonly entries: number;

  constructor(format: Format, layout: QueueLayout, shared: SharedMemory) {
    super(format.entry, shared, layout.parameters);
    this.entries = layout.entries;
  }

  get position(): number {
    return this.taken % this.entries;
  }

  read(into: Completed): boolean {
    const { roles, lanes, entries } = this;
    const offset = this.position * this.descriptor.size;
    this.peek(offset, ['phase', 'used-phase']);
    const phase = Math.floor(this.taken / entries) % 2 === 0;
    if (roles.marked('phase', lanes) !== phase || roles.marked('used-phase', lanes) !== phase) return false;
    this.load(offset);
    this.tell(into);
    return true;
  }

  /** Where there is no field for the bytes written, the entry's length has them. */
  protected override written(): number {
    const told = super.written();
    return told >= 0 ? told : (this.roles.length('data', this.lanes)?.bytes ?? -1);
  }

  accept(unit: Unit<unknown> | undefined): void {
    this.taken += unit?.slots.length ?? 1;
  }
}

/** In a queue of its own, by phase. */
class QueueReader extends Reader {
  private taken = 0;
  private readonly at: number;
  private readonly entries: number;

  constructor(entry: AnyDescriptor, layout: QueueLayout, shared: SharedMemory) {
    super(entry, shared);
    this.at = layout.doneAt;
    this.entries = layout.completions;
  }

  get position(): number {
    return this.taken % this.entries;
  }

  read(into: Completed): boolean {
    const offset = this.at + this.position * this.descriptor.size;
    this.peek(offset, ['phase']);
    const phase = Math.floor(this.taken / this.entries) % 2 === 0;
    if (this.roles.marked('phase', this.lanes) !== phase) return false;
    this.load(offset);
    this.tell(into);
    return true;
  }

  accept(): void {
    this.taken++;
  }
}

/** In a ring behind a header, whose index counts all completions. */
class UsedRingReader extends Reader {
  private taken = 0;
  private told = 0;
  private readonly header: AnyDescriptor;
  private readonly index: EntryRoles;
  private readonly headerLanes: Int32Array;
  private readonly modulus: number;
  private readonly layout: QueueLayout;

  constructor(
    { header, element }: Extract<Completion, { kind: 'used-ring' }>,
    layout: QueueLayout,
    shared: SharedMemory,
  ) {
    super(element, shared);
    this.header = header;
    this.index = new EntryRoles(header);
    this.headerLanes = new Int32Array(header.lanes);
    this.modulus = 2 ** Math.min(this.index.countField('index')!.bits, 32);
    this.layout = layout;
  }

  get position(): number {
    return this.taken % this.modulus;
  }

  read(into: Completed): boolean {
    if (this.taken % this.modulus === this.told && !this.readIndex()) return false;
    const { header, descriptor, layout } = this;
    const slot = this.taken % layout.entries;
    this.load(layout.doneAt + header.size + slot * descriptor.size);
    this.tell(into);
    return true;
  }

  /** Whether there are more than were known; never more than the ring holds. */
  private readIndex(): boolean {
    const { header, headerLanes, index, modulus, shared, layout } = this;
    header.load(shared.memory, shared.cpu + layout.doneAt, headerLanes);
    const ahead = (index.count('index', headerLanes) - (this.taken % modulus) + modulus) % modulus;
    this.told = (this.taken + Math.min(ahead, layout.entries)) % modulus;
    return ahead > 0;
  }

  accept(): void {
    this.taken++;
  }
}

/** The reader of a format's completions. @param oldest the unit that was posted first, of those that are not done */
export const completionReader = (
  format: Format,
  layout: QueueLayout,
  shared: SharedMemory,
  oldest: () => Unit<unknown> | undefined,
): CompletionReader => {
  const { completion } = format;
  if (completion.kind === 'in-place') return new InPlaceReader(format, layout, shared, oldest);
  if (completion.kind === 'in-ring') return new InRingReader(format, layout, shared);
  if (completion.kind === 'queue') return new QueueReader(completion.entry, layout, shared);
  return new UsedRingReader(completion, layout, shared);
};
