import type { Format } from '../format';
import { markRun, put } from '../put';
import { valueOf } from '../meaning';
import { EntryRoles } from '../roles';
import type { EntryData } from './cut';
import type { EntryWriter } from './entry-writer';
import type { QueueLayout } from './layout';
import { pagesOfFormat, type SegmentWriter } from './lists';
import type { SharedMemory } from './request';

/** The tables and lists of requests: each request that needs one has it until it is finished. */
export class Tables {
  private readonly free: number[];
  private readonly format: Format;
  private readonly layout: QueueLayout;
  private readonly shared: SharedMemory;

  constructor(format: Format, layout: QueueLayout, shared: SharedMemory) {
    this.format = format;
    this.layout = layout;
    this.shared = shared;
    this.free = Array.from({ length: layout.tableBytes === 0 ? 0 : layout.tables }, (_, i) => layout.tables - 1 - i);
  }

  /** Tables that are free. */
  get left(): number {
    return this.free.length;
  }

  /** A table; -1 if there is none free. */
  take(): number {
    return this.free.pop() ?? -1;
  }

  give(table: number): void {
    if (table >= 0) this.free.push(table);
  }

  private offset(table: number): number {
    return this.layout.tablesAt + table * this.layout.tableBytes;
  }

  /** Its address for the device. */
  address(table: number): bigint {
    return this.shared.device + BigInt(this.offset(table));
  }

  /** Stores a table of entries. */
  writeEntries(table: number, data: readonly EntryData[], writer: EntryWriter): void {
    const { format, shared } = this;
    const { entry, pieces } = format;
    const byIndex = pieces.kind === 'chain' && pieces.next === 'index';
    const lanes = new Int32Array(entry.lanes);
    data.forEach((one, i) => {
      writer.putData(lanes, one);
      if (byIndex) {
        markRun(writer.roles, 'chain', lanes, i, data.length);
        if (i + 1 < data.length) put(writer.roles.countField('next-index')!, lanes, i + 1);
      }
      entry.save(shared.memory, shared.cpu + this.offset(table) + i * entry.size, lanes);
    });
  }

  /** Stores a list of elements. */
  writeElements(table: number, data: readonly EntryData[], writer: SegmentWriter): void {
    const { element } = writer;
    const lanes = new Int32Array(element.lanes);
    data.forEach((one, i) => {
      writer.putData(lanes, one);
      element.save(this.shared.memory, this.shared.cpu + this.offset(table) + i * element.size, lanes);
    });
  }

  /** Stores lists of page addresses. One that has no room for all of them ends with the address of the next one. */
  writePages(table: number, pages: readonly bigint[]): void {
    const shape = pagesOfFormat(this.format);
    if (shape === undefined) return;
    const { element } = shape;
    const page = valueOf(shape.page, this.layout.parameters);
    const field = new EntryRoles(element).addressField('data')!;
    const perList = Math.floor(page / element.size);
    const lanes = new Int32Array(element.lanes);
    let at = this.offset(table);
    const store = (address: bigint, slot: number): void => {
      put(field, lanes, address);
      element.save(this.shared.memory, this.shared.cpu + at + slot * element.size, lanes);
    };
    for (let slot = 0, next = 0; next < pages.length;) {
      if (slot + 1 === perList && pages.length - next > 1) {
        store(this.shared.device + BigInt(at + page), slot);
        at += page;
        slot = 0;
      } else store(pages[next++]!, slot++);
    }
  }
}
