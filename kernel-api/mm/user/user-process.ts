import { offsetInPage, physAddr, virtAddr, type VirtAddr } from '../../../base/address';
import { hex } from '../../../base/u64';
import type { Kernel } from '../../kernel';
import { dup_mm } from './fork';
import { migrateUserPage } from './migrate';
import { mm_alloc, mmput, type MmStruct } from './mm-struct';
import { accessUser } from './user-memory';
import type { UserMappable } from './vm-area-struct';
import { MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE } from './vm-flags';

/** A process touched memory that it may not touch: SIGSEGV or SIGBUS. */
export class SegmentationFault extends Error {
  override readonly name = 'SegmentationFault';
}

/**
 * A process, as far as DMA is concerned: an address space, loads and stores in it, and system calls. It runs no code of its
 * own; a scenario does by it what a program would do.
 */
export class UserProcess {
  readonly kernel: Kernel;
  readonly mm: MmStruct;

  /** @param mm the address space; a new, empty one by default */
  constructor(kernel: Kernel, mm = mm_alloc(kernel)) {
    this.kernel = kernel;
    this.mm = mm;
  }

  /** Private memory, zeroed, whose pages come when they are touched. @returns the address, or a negative errno */
  allocate(length: number, prot = PROT_READ | PROT_WRITE): VirtAddr {
    return virtAddr(this.mm.mmap(0, length, prot, MAP_PRIVATE | MAP_ANONYMOUS, null));
  }

  /** Maps a device file, shared, from an offset on (a multiple of a page). @returns the address, or what the driver returned */
  mapFile(file: UserMappable, length: number, offset = 0, prot = PROT_READ | PROT_WRITE): VirtAddr {
    return virtAddr(this.syscall(() => this.mm.mmap(0, length, prot, MAP_SHARED, file, offset)));
  }

  /** Unmaps a range. 0, or a negative errno. */
  munmap(address: VirtAddr, length: number): number {
    return this.mm.munmap(address, length);
  }

  /** Loads bytes. What may not be read is a `SegmentationFault`. */
  read(address: VirtAddr, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    const done = accessUser(this.mm, address, length, 'read', (memory, at, from, count) =>
      memory.readBytes(at, bytes, from, count),
    );
    this.expectAll(done, length, 'load', address);
    return bytes;
  }

  /** Stores bytes. What may not be written is a `SegmentationFault`. */
  write(address: VirtAddr, bytes: Uint8Array): void {
    const done = accessUser(this.mm, address, bytes.length, 'write', (memory, at, from, count) =>
      memory.writeBytes(at, bytes, from, count),
    );
    this.expectAll(done, bytes.length, 'store', address);
  }

  /** Loads 32 bits at a multiple of 4: also from registers that are mapped. */
  load32(address: VirtAddr): number {
    this.expectAll(address % 4 === 0 ? 4 : 0, 4, 'misaligned load', address);
    let value = 0;
    const done = accessUser(this.mm, address, 4, 'read', (memory, at) => (value = memory.load32(at)));
    this.expectAll(done, 4, 'load', address);
    return value;
  }

  /** Stores 32 bits at a multiple of 4. */
  store32(address: VirtAddr, value: number): void {
    this.expectAll(address % 4 === 0 ? 4 : 0, 4, 'misaligned store', address);
    const done = accessUser(this.mm, address, 4, 'write', (memory, at) => memory.store32(at, value));
    this.expectAll(done, 4, 'store', address);
  }

  private expectAll(done: number, length: number, what: string, address: VirtAddr): void {
    if (done === length) return;
    throw new SegmentationFault(`Segmentation fault: ${what} at user address ${hex(address + done)}`);
  }

  /** The physical address behind a user address, as a debugger would find it; -1 where no page is mapped yet. */
  physicalOf(address: VirtAddr): number {
    const pte = this.mm.table.at(address);
    return pte === undefined ? -1 : physAddr(pte.pfn * 4096 + offsetInPage(address));
  }

  /** Does what compaction may do at any time: moves the page at an address. @returns as `migrateUserPage` */
  migrate(address: VirtAddr): number {
    return migrateUserPage(this.mm, address);
  }

  /** Runs a system call: kernel code for which `current` is this process, until it returns or its promise is settled. */
  syscall<T>(body: () => T): T {
    const leave = this.kernel.mm.user.enter(this.mm);
    let result: T;
    try {
      result = body();
    } catch (error) {
      leave();
      throw error;
    }
    if (result instanceof Promise) return result.finally(leave) as T;
    leave();
    return result;
  }

  /** `fork(2)`: a process with a copy of the memory. -ENOMEM if there is none. */
  fork(): UserProcess | number {
    const mm = dup_mm(this.mm);
    return typeof mm === 'number' ? mm : new UserProcess(this.kernel, mm);
  }

  /** `exit(2)`: the memory goes, as far as nobody holds it. */
  exit(): void {
    mmput(this.mm);
  }
}
