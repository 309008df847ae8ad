import { ENOSPC } from '../../../base/errno';

/** Hands out the lowest free number of a range (`ida_alloc_range`). */
export class IdAllocator {
  private readonly first: number;
  private readonly last: number;
  private readonly used = new Set<number>();
  /** Every number below this is in use. */
  private hint: number;

  constructor(first: number, last: number) {
    this.first = first;
    this.last = last;
    this.hint = first;
  }

  /** The lowest free number; `-ENOSPC`. */
  alloc(): number {
    while (this.hint <= this.last && this.used.has(this.hint)) this.hint++;
    if (this.hint > this.last) return -ENOSPC;
    this.used.add(this.hint);
    return this.hint++;
  }

  /** Gives a number back. */
  free(id: number): void {
    if (this.used.delete(id) && id < this.hint && id >= this.first) this.hint = id;
  }
}
