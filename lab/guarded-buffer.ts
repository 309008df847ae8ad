import { PAGE_SIZE, pageAlign, virtAddr, type VirtAddr } from '../base/address';
import { GFP_KERNEL } from '../kernel-api/gfp';
import type { Kernel } from '../kernel-api/kernel';
import { __get_free_pages, free_pages, get_order } from '../kernel-api/mm/page-alloc';
import { ScenarioFailure } from './failure';
import { expectBytes, fillPattern, patternBytes } from './pattern';

/** Guard bytes on each side, at least. */
const GUARD = 64;
const GUARD_SEED = 0x6a4d;

/**
 * A buffer at a chosen offset in its own pages, with guard bytes in all that is left of these. A transfer that writes
 * one byte too many, or one too early, is found by `expectGuards`.
 */
export class GuardedBuffer {
  /** The first byte of the buffer itself. */
  readonly address: VirtAddr;
  readonly length: number;
  private readonly kernel: Kernel;
  private readonly what: string;
  private readonly order: number;
  private readonly base: VirtAddr;
  private readonly total: number;

  /** @param offset distance of the buffer from a page boundary, at least 64 or 0 to leave the guard in a page before. */
  constructor(kernel: Kernel, length: number, offset: number, what: string) {
    this.kernel = kernel;
    this.what = what;
    this.length = length;
    const lead = offset < GUARD ? offset + PAGE_SIZE : offset;
    const least = lead + length + GUARD;
    this.order = get_order(least);
    // Pages come in powers of two: of those that are left over, one is watched.
    this.total = Math.min(PAGE_SIZE * 2 ** this.order, pageAlign(least) + PAGE_SIZE);
    this.base = __get_free_pages(kernel, GFP_KERNEL, this.order);
    if (this.base === 0) throw new ScenarioFailure(`no memory for the ${what} buffer of ${length} bytes`);
    this.address = virtAddr(this.base + lead);
    fillPattern(kernel, this.base, this.total, GUARD_SEED);
  }

  private get lead(): number {
    return this.address - this.base;
  }

  /** Fails the scenario if a byte around the buffer changed. */
  expectGuards(): void {
    const { kernel, lead, length, total, what } = this;
    const tail = lead + length;
    expectBytes(kernel.mm.read(this.base, lead), patternBytes(GUARD_SEED, 0, lead), `guard bytes before ${what}`);
    expectBytes(
      kernel.mm.read(virtAddr(this.base + tail), total - tail),
      patternBytes(GUARD_SEED, tail, total - tail),
      `guard bytes after ${what}`,
    );
  }

  /** Gives the pages back. */
  free(): void {
    free_pages(this.kernel, this.base, this.order);
  }
}
