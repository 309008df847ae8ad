/** A set of whole numbers, kept as ranges `[start, end)`: sorted, apart from each other. Made for few ranges. */
export class IntervalSet {
  /** Starts and ends, one after the other. */
  private bounds: number[] = [];

  /** The ranges, in order. */
  ranges(): [number, number][] {
    return Array.from({ length: this.bounds.length / 2 }, (_, i) => [this.bounds[2 * i]!, this.bounds[2 * i + 1]!]);
  }

  /** Index of the first range that ends at or after a number. */
  private firstReaching(at: number): number {
    const { bounds } = this;
    let index = 0;
    while (index < bounds.length && bounds[index + 1]! < at) index += 2;
    return index;
  }

  /** Adds `[start, end)`; what touches it becomes one range with it. */
  add(start: number, end: number): void {
    if (!(end > start)) return;
    const { bounds } = this;
    const last = bounds.length - 2;
    if (last >= 0 && start >= bounds[last]! && start <= bounds[last + 1]!) {
      if (end > bounds[last + 1]!) bounds[last + 1] = end;
      return;
    }
    const first = this.firstReaching(start);
    let next = first;
    let [low, high] = [start, end];
    while (next < bounds.length && bounds[next]! <= end) {
      low = Math.min(low, bounds[next]!);
      high = Math.max(high, bounds[next + 1]!);
      next += 2;
    }
    bounds.splice(first, next - first, low, high);
  }

  /** Takes `[start, end)` out. */
  remove(start: number, end: number): void {
    const { bounds } = this;
    if (!(end > start) || bounds.length === 0) return;
    const kept: number[] = [];
    for (let i = 0; i < bounds.length; i += 2) {
      const [low, high] = [bounds[i]!, bounds[i + 1]!];
      if (low < start) kept.push(low, Math.min(high, start));
      if (high > end) kept.push(Math.max(low, end), high);
    }
    // A range that ends before `start` begins was kept by the first line as a whole.
    this.bounds = kept;
  }

  /** Whether some number of `[start, end)` is in the set. */
  intersects(start: number, end: number): boolean {
    const { bounds } = this;
    for (let i = 0; i < bounds.length; i += 2) {
      if (bounds[i]! < end && start < bounds[i + 1]! && start < end) return true;
    }
    return false;
  }

  /** Whether all numbers of `[start, end)` are in the set. */
  contains(start: number, end: number): boolean {
    const { bounds } = this;
    if (!(end > start)) return true;
    for (let i = 0; i < bounds.length; i += 2) {
      if (bounds[i]! <= start && end <= bounds[i + 1]!) return true;
    }
    return false;
  }

  /** The first range of the set within `[start, end)`; null if there is none. */
  firstWithin(start: number, end: number): [number, number] | null {
    const { bounds } = this;
    for (let i = 0; i < bounds.length; i += 2) {
      const low = Math.max(bounds[i]!, start);
      const high = Math.min(bounds[i + 1]!, end);
      if (low < high) return [low, high];
    }
    return null;
  }
}
