import { PAGE_SIZE, physAddr, type PhysAddr } from '../../base/address';
import { GFP_KERNEL, __GFP_NOWARN, type Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { MAX_PAGE_ORDER } from '../mm/frame-table';
import {
  get_order,
  get_page,
  nth_page,
  page_address,
  page_ref_count,
  pfn_to_page,
  put_page,
  split_page,
  type Page,
} from '../mm/page-alloc';
import { KernelOops } from '../oops';
import { OstdError } from './error';
import { VmIo } from './vm-io';
import { kernelSpan, type AliveCheck, type VmSpan } from './vm-span';

/** Throws unless `offset` is a page boundary inside of `size` bytes. A wrong one stops the kernel, as in the source. */
export const checkSplit = (offset: number, size: number): void => {
  if (!(offset % PAGE_SIZE === 0)) throw new KernelOops(`assertion failed: ${offset} is no multiple of ${PAGE_SIZE}`);
  if (!(0 < offset && offset < size)) throw new KernelOops(`assertion failed: 0 < ${offset} && ${offset} < ${size}`);
};

/** Allocates page frames that follow each other, each with a reference of its own. -1 if there are none. */
const allocFrames = (kernel: Kernel, nframes: number, gfp: Gfp): number => {
  const order = get_order(nframes * PAGE_SIZE);
  if (order > MAX_PAGE_ORDER) return -1;
  const pfn = kernel.mm.allocPfn(gfp | __GFP_NOWARN, order);
  if (pfn < 0) return -1;
  split_page(pfn_to_page(kernel, pfn), order);
  for (let spare = pfn + nframes; spare < pfn + 2 ** order; spare++) put_page(pfn_to_page(kernel, spare));
  return pfn;
};

/**
 * Contiguous page frames of ordinary memory (`USegment`), each held by a reference. The frames are free when the last
 * segment that has them is dropped.
 */
export class USegment extends VmIo<true, true> {
  readonly isReadable = true;
  readonly isWritable = true;
  readonly kernel: Kernel;
  readonly #pfn: number;
  readonly #pages: number;

  private constructor(kernel: Kernel, pfn: number, pages: number) {
    super();
    this.kernel = kernel;
    this.#pfn = pfn;
    this.#pages = pages;
  }

  /**
   * Allocates frames, whose contents are whatever they are.
   * @param gfp chooses the zone
   * @throws OstdError `InvalidArgs` for none, `NoMemory`
   */
  static allocate(kernel: Kernel, nframes: number, gfp: Gfp = GFP_KERNEL): USegment {
    if (!(Number.isInteger(nframes) && nframes > 0)) throw new OstdError('InvalidArgs', `${nframes} frames`);
    const pfn = allocFrames(kernel, nframes, gfp);
    if (pfn < 0) throw new OstdError('NoMemory', `no ${nframes} contiguous frames`);
    return new USegment(kernel, pfn, nframes);
  }

  /**
   * Takes over one reference of each of `nframes` pages, from `page` on: of pages that C-style code allocated and split.
   * @throws OstdError `InvalidArgs` if one of them is not held by anybody
   */
  static fromPages(page: Page, nframes: number): USegment {
    const count = Number.isInteger(nframes) ? nframes : 0;
    let held = 0;
    while (held < count && page_ref_count(nth_page(page, held)) > 0) held++;
    if (count <= 0 || held < count) throw new OstdError('InvalidArgs', `${nframes} frames, ${held} of them held`);
    return new USegment(page.kernel, page.pfn, nframes);
  }

  /** Where the first frame is. */
  paddr(): PhysAddr {
    this.checkAlive();
    return physAddr(this.#pfn * PAGE_SIZE);
  }

  override size(): number {
    this.checkAlive();
    return this.#pages * PAGE_SIZE;
  }

  /** A second segment of the same frames. */
  clone(): USegment {
    return this.slice(0, this.size());
  }

  /** A second segment of the frames from one byte offset up to another. Page boundaries inside, or the kernel stops. */
  slice(start: number, end: number): USegment {
    const size = this.size();
    if (!(start % PAGE_SIZE === 0 && end % PAGE_SIZE === 0 && 0 <= start && start <= end && end <= size)) {
      throw new KernelOops(`assertion failed: bytes ${start} to ${end} are no whole frames of ${size} bytes`);
    }
    const part = new USegment(this.kernel, this.#pfn + start / PAGE_SIZE, (end - start) / PAGE_SIZE);
    for (let page = 0; page < part.#pages; page++) get_page(pfn_to_page(this.kernel, part.#pfn + page));
    return part;
  }

  /** Makes two segments of this one, which is spent. Not at a page boundary inside, the kernel stops. */
  split(offset: number): [USegment, USegment] {
    checkSplit(offset, this.size());
    this.giveAway('was split');
    const pages = offset / PAGE_SIZE;
    return [
      new USegment(this.kernel, this.#pfn, pages),
      new USegment(this.kernel, this.#pfn + pages, this.#pages - pages),
    ];
  }

  /** For this folder: the frames go into a new owner. */
  moveInto(what: string): USegment {
    this.giveAway(`was moved into a ${what}`);
    return new USegment(this.kernel, this.#pfn, this.#pages);
  }

  /** For this folder: the frames are lost, since nobody may use them again. */
  leak(): void {
    this.giveAway('was lost');
  }

  /** For this folder: the memory, as its owner lends it out. */
  borrow(check: AliveCheck): VmSpan {
    const address = page_address(pfn_to_page(this.kernel, this.#pfn));
    return kernelSpan(this.kernel, address, this.#pages * PAGE_SIZE, check);
  }

  protected override span(): VmSpan {
    return this.borrow(() => this.checkAlive());
  }

  protected override describe(): string {
    return `The USegment at 0x${(this.#pfn * PAGE_SIZE).toString(16)}`;
  }

  protected override release(): void {
    for (let page = 0; page < this.#pages; page++) put_page(pfn_to_page(this.kernel, this.#pfn + page));
  }
}

/** How frames are allocated (`FrameAllocOptions`): zeroed, unless said otherwise. */
export class FrameAllocOptions {
  readonly #kernel: Kernel;
  #isZeroed = true;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Whether the frames are zeroed. */
  zeroed(zeroed: boolean): this {
    this.#isZeroed = zeroed;
    return this;
  }

  /** Allocates contiguous frames. @throws OstdError `InvalidArgs` for none, `NoMemory` */
  allocSegment(nframes: number): USegment {
    const segment = USegment.allocate(this.#kernel, nframes);
    if (this.#isZeroed) segment.fillZeros(0, segment.size());
    return segment;
  }
}
