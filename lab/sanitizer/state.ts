import { PAGE_SIZE } from '../../base/address';
import { BUS_OK } from '../../base/bus-outcome';
import { bytesOfWords } from '../../base/u64';
import type { PageFlags } from '../../emulator/bus/page-flags';
import type { Machine } from '../machine';
import { ByteOrigins } from './byte-origins';
import { CacheLines } from './cache-lines';
import { Devices } from './devices';
import type { Lease } from './lease';
import { LeasesByPage, eachPage } from './lease-table';
import { PAGE_LENT, PAGE_QUEUED, PAGE_SHARED, PAGE_REGISTERS } from './page-bits';
import type { Recorder } from './recorder';
import { StoreLog } from './store-log';
import { StoreOrder } from './store-order';
import type { WatchedDevice } from './watched-device';

/** Everything that the rules know and share. */
export class SanitizerState {
  readonly machine: Machine;
  readonly recorder: Recorder;
  readonly devices: Devices;
  readonly origins = new ByteOrigins();
  /** Undefined on a machine without a cache. */
  readonly lines: CacheLines | undefined;
  readonly stores = new StoreLog();
  /** Undefined on a machine whose stores arrive at once. */
  readonly order: StoreOrder | undefined;
  /** Live leases by the page of memory. */
  readonly lent = new LeasesByPage();
  private readonly pages: PageFlags;

  constructor(machine: Machine, recorder: Recorder, pages: PageFlags) {
    this.machine = machine;
    this.recorder = recorder;
    this.pages = pages;
    this.devices = new Devices(machine);
    const { memory } = machine.hardware;
    this.lines = memory === undefined ? undefined : new CacheLines(memory);
    this.order = memory?.stores === undefined ? undefined : new StoreOrder(memory.stores);
    for (const page of this.devices.registerPages) pages.set(page, PAGE_REGISTERS);
  }

  /** A device may use memory from now on. */
  lend(lease: Lease): void {
    this.devices.named(lease.device.name)?.add(lease);
    const flag = lease.isShared ? PAGE_SHARED : PAGE_LENT;
    for (const { physical, length } of lease.terms.memoryPieces) {
      eachPage(Math.floor(physical / PAGE_SIZE), physical % PAGE_SIZE, length, (page) => {
        this.lent.add(page, lease);
        this.pages.set(page, flag);
      });
    }
  }

  /** It may not any more. */
  takeBack(lease: Lease): void {
    this.devices.named(lease.device.name)?.end(lease, this.recorder.now);
    for (const { physical, length } of lease.terms.memoryPieces) {
      eachPage(Math.floor(physical / PAGE_SIZE), physical % PAGE_SIZE, length, (page) => {
        if (this.lent.remove(page, lease)) this.pages.clear(page, PAGE_LENT | PAGE_SHARED | PAGE_QUEUED);
      });
    }
  }

  /** Sets a flag of all pages that a range touches. */
  flag(address: number, length: number, flag: number): void {
    eachPage(Math.floor(address / PAGE_SIZE), address % PAGE_SIZE, length, (page) => this.pages.set(page, flag));
  }

  /** Clears a flag of a page. */
  unflag(page: number, flag: number): void {
    this.pages.clear(page, flag);
  }

  /** The flags of a page. */
  flagsOf(page: number): number {
    return this.pages.get(page);
  }

  /** Whether RAM has old bytes of some part of a lease, as the CPU's cache has newer ones that the device does not see. */
  isDirty(lease: Lease, start: number, end: number): boolean {
    const { lines } = this;
    if (lines === undefined || lease.isCoherent) return false;
    let dirty = false;
    lease.eachMemory(start, end - start, (physical, length) => {
      dirty ||= lines.anyDirty(physical, length);
    });
    return dirty;
  }

  /** A descriptor as the CPU sees it, whose stores need not have left it; undefined if there is no memory. */
  readAsCpu(
    physical: number,
    { lanes: count, size }: { readonly lanes: number; readonly size: number },
    uncached: boolean,
  ): Int32Array | undefined {
    const { memory, bus } = this.machine.hardware;
    const way = memory === undefined ? bus : uncached ? memory.uncached : memory.cpu;
    const lanes = new Int32Array(count);
    return way.peek(physical, bytesOfWords(lanes), 0, size) === BUS_OK ? lanes : undefined;
  }

  /** Some other device with a live lease at an address. */
  otherWith(device: WatchedDevice, page: number, offset: number): Lease | null {
    for (const other of this.devices.all) {
      const place = other === device ? null : other.find(page, offset);
      if (place !== null) return place.lease;
    }
    return null;
  }

  /** Whether memory belongs to bounce buffers: what the kernel does there is its own affair. */
  isBounceBuffer(address: number): boolean {
    const { swiotlb } = this.machine.kernel.dma;
    const isIn = (pool: { readonly start: number; readonly end: number } | null): boolean =>
      pool !== null && address >= pool.start && address < pool.end;
    if (isIn(swiotlb.defaultMem.defpool)) return true;
    for (const { defpool } of swiotlb.restricted.values()) if (isIn(defpool)) return true;
    return false;
  }
}
