import type { Gfp } from '../gfp';

/** An allocation that is about to be made, as an injected failure sees it. */
export interface AllocationRequest {
  /** Bytes asked for. */
  readonly size: number;
  /** The order of the pages; -1 for an object of the slab allocator. */
  readonly order: number;
  readonly gfp: Gfp;
  /** Which allocator was called. Pages that `kmalloc` or `vmalloc` take for themselves are not requests of their own. */
  readonly caller: 'page' | 'kmalloc' | 'vmalloc';
}

/**
 * Allocation failures on request (`Documentation/fault-injection`): a request that is made to fail returns NULL, silently,
 * as if memory had run out.
 */
export class AllocationFailures {
  /** Whether anything may fail. Allocators ask this first. */
  active = false;
  /** How many requests were made to fail so far. */
  injected = 0;
  private countdown = 0;
  private predicate: ((request: AllocationRequest) => boolean) | null = null;

  /** Makes the n-th request from now fail, once: 1 is the next one. */
  failNth(n: number): void {
    this.countdown = n;
    this.active = n > 0 || this.predicate !== null;
  }

  /** Makes every request fail for which the predicate holds. */
  failWhen(predicate: (request: AllocationRequest) => boolean): void {
    this.predicate = predicate;
    this.active = true;
  }

  /** No more failures. */
  clear(): void {
    this.countdown = 0;
    this.predicate = null;
    this.active = false;
  }

  /** Whether this request has to fail. Only to be asked while `active`, once per request. */
  hit(size: number, order: number, gfp: Gfp, caller: AllocationRequest['caller']): boolean {
    const chosen = this.predicate?.({ size, order, gfp, caller }) ?? false;
    const counted = this.countdown > 0 && --this.countdown === 0;
    this.active = this.countdown > 0 || this.predicate !== null;
    if (!chosen && !counted) return false;
    this.injected++;
    return true;
  }
}
