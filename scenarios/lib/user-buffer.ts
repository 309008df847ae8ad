import {
  EFAULT,
  FOLL_WRITE,
  GFP_KERNEL,
  PAGE_SIZE,
  SgTable,
  __free_page,
  alloc_page,
  expectBytes,
  fillPattern,
  kfree,
  kmalloc,
  offsetInPage,
  page_address,
  patternBytes,
  pin_user_pages_fast,
  platform_driver_register,
  platform_driver_unregister,
  sg_alloc_table_from_pages,
  sg_free_table,
  unpin_user_pages,
  unpin_user_pages_dirty_lock,
  virtAddr,
  type Kernel,
  type Page,
  type ScenarioContext,
  type UserProcess,
  type VirtAddr,
} from 'dmalab';
import { listOfBuffer } from './list-of-buffer';
import { sgCopierDriver } from './sg-copier';

/** How many pages a buffer touches: the first and the last may be used in part. */
export const pagesOf = (address: VirtAddr, length: number): number =>
  Math.ceil((offsetInPage(address) + length) / PAGE_SIZE);

/** What a driver keeps of a user buffer while a device writes to it. */
export interface PinnedBuffer {
  readonly pages: Page[];
  readonly sgt: SgTable;
}

/**
 * What a driver does to let a device write to a user buffer, in a system call: all of its pages are pinned, or none, and the
 * table gets the offset in the first page and the bytes in the last one right. A negative errno leaves nothing behind.
 */
export const pinUserBuffer = (kernel: Kernel, address: VirtAddr, length: number): PinnedBuffer | number => {
  const pages: Page[] = [];
  const count = pagesOf(address, length);
  const pinned = pin_user_pages_fast(kernel, address, count, FOLL_WRITE, pages);
  if (pinned < 0) return pinned;
  const sgt = new SgTable(kernel);
  const error =
    pinned < count ? -EFAULT : sg_alloc_table_from_pages(sgt, pages, count, offsetInPage(address), length, GFP_KERNEL);
  if (error === 0) return { pages, sgt };
  unpin_user_pages(pages, pinned);
  return error;
};

/** Gives the pages back. The device wrote to them, which the page table does not know. */
export const unpinUserBuffer = ({ pages, sgt }: PinnedBuffer): void => {
  sg_free_table(sgt);
  unpin_user_pages_dirty_lock(pages, pages.length, true);
};

const NEIGHBOUR_SEED = 0x0e16;
/** What is in the pages of a process before a device writes to them. */
const UNTOUCHED = 0xa5;

/** Pages of somebody else, among the pages of a process: whoever writes beyond one of the process's pages hits them. */
export class Neighbours {
  private readonly kernel: Kernel;
  private readonly pages: Page[] = [];

  /** Touches every page of a user buffer, so that it has memory, and takes a page for somebody else after each. */
  constructor(lab: ScenarioContext, process: UserProcess, address: VirtAddr, length: number) {
    this.kernel = lab.kernel;
    const first = address - offsetInPage(address);
    for (let page = 0; page < pagesOf(address, length); page++) {
      process.write(virtAddr(first + page * PAGE_SIZE), new Uint8Array(PAGE_SIZE).fill(UNTOUCHED));
      const neighbour = lab.ok(alloc_page(lab.kernel, GFP_KERNEL), 'alloc_page');
      fillPattern(lab.kernel, page_address(neighbour), PAGE_SIZE, NEIGHBOUR_SEED);
      this.pages.push(neighbour);
    }
  }

  /** How many of their bytes are not what they were. */
  damaged(): number {
    const expected = patternBytes(NEIGHBOUR_SEED, 0, PAGE_SIZE);
    let wrong = 0;
    for (const page of this.pages) {
      const bytes = this.kernel.mm.read(page_address(page), PAGE_SIZE);
      for (let at = 0; at < PAGE_SIZE; at++) if (bytes[at] !== expected[at]) wrong++;
    }
    return wrong;
  }

  free(): void {
    for (const page of this.pages) __free_page(page);
  }
}

/** Fails the scenario unless a user buffer holds the pattern of `receive`, and the bytes around it in its pages are untouched. */
export const expectReceived = (process: UserProcess, address: VirtAddr, length: number, seed: number): void => {
  const offset = offsetInPage(address);
  const total = pagesOf(address, length) * PAGE_SIZE;
  const bytes = process.read(virtAddr(address - offset), total);
  const end = offset + length;
  expectBytes(bytes.subarray(offset, end), patternBytes(seed, 0, length), 'the user buffer');
  expectBytes(bytes.subarray(0, offset), new Uint8Array(offset).fill(UNTOUCHED), 'what is before the user buffer');
  expectBytes(bytes.subarray(end), new Uint8Array(total - end).fill(UNTOUCHED), 'what is after the user buffer');
};

/** Has the controller write `length` bytes of a pattern to a list, as a device does that receives them. */
export const receive = async (lab: ScenarioContext, to: SgTable, length: number, seed: number): Promise<void> => {
  const { kernel } = lab;
  const { driver, copier } = sgCopierDriver();
  lab.ok(await platform_driver_register(kernel, driver), 'platform_driver_register');
  const data = kmalloc(kernel, length, GFP_KERNEL);
  fillPattern(kernel, data, length, seed);
  const from = listOfBuffer(lab, data, [length]);
  lab.ok(await copier().copy(to, from), 'the transfer');
  sg_free_table(from);
  kfree(kernel, data);
  await platform_driver_unregister(kernel, driver);
};
