/**
 * Ranges of I/O pages in address order, under an anchor that lies above everything.
 *
 * Linux keeps them in a red-black tree and walks it range by range to find a gap. Here each subtree also knows how good
 * the best of its gaps is, so that a search skips what cannot fit: the gap it finds is the one that the walk would find.
 * The tree is a treap with the anchor as its root; what keeps it balanced are numbers from a generator of its own, so that
 * every run is alike.
 *
 * The grade of a gap is about naturally aligned ranges, since nearly all are: `2n` if the largest aligned power of two of
 * pages in it is `2^n`, `2n + 1` if a range of more than `2^n` pages that is aligned to `2^(n + 1)` fits as well.
 */

/** A range in use: `lo` to `hi`, both included. `below` and `above` are its neighbours in address order. */
export interface Iova {
  lo: number;
  hi: number;
  below: Iova | null;
  above: Iova | null;
  left: Iova | null;
  right: Iova | null;
  parent: Iova | null;
  priority: number;
  /** Grade of the gap between it and the range below it; -1 if there is none. */
  gap: number;
  /** The best grade in its subtree. */
  largest: number;
}

/** Anything fits. */
const BEST = 127;

/** log2 of a positive integer below 2^53, rounded down. */
const floorLog2 = (value: number): number =>
  value < 2 ** 31 ? 31 - Math.clz32(value) : 62 - Math.clz32(Math.floor(value / 2 ** 31));

/** The grade of a gap from `first` on, up to the page before `end`. */
const gradeOf = (first: number, end: number): number => {
  if (end === Infinity) return BEST;
  if (end <= first) return -1;
  for (let order = floorLog2(end - first); ; order--) {
    const size = 2 ** order;
    if (Math.ceil(first / size) * size + size > end) continue;
    const wide = Math.ceil(first / (2 * size)) * 2 * size;
    return wide + size < end ? 2 * order + 1 : 2 * order;
  }
};

const gapBelow = ({ lo, below }: Iova): number => gradeOf(below === null ? 0 : below.hi + 1, lo);

/** The grade of every gap that `size` pages fit into from a multiple of `align`, a power of two, on. */
export const gradeNeeded = (size: number, align: number): number => {
  const order = floorLog2(Math.max(size, 1));
  if (align === 2 ** order) return 2 * order;
  return align > size ? 2 * order + 1 : Math.max(2 * order - 2, 0);
};

const makeIova = (lo: number, hi: number, priority: number): Iova => ({
  lo,
  hi,
  below: null,
  above: null,
  left: null,
  right: null,
  parent: null,
  priority,
  gap: BEST,
  largest: BEST,
});

const largestOf = ({ gap, left, right }: Iova): number => {
  const largest = left !== null && left.largest > gap ? left.largest : gap;
  return right !== null && right.largest > largest ? right.largest : largest;
};

/** The highest range in a subtree with a gap of at least a grade below it; there is one. */
const highestWith = (root: Iova, grade: number): Iova => {
  let node = root;
  for (;;) {
    if (node.right !== null && node.right.largest >= grade) node = node.right;
    else if (node.gap >= grade) return node;
    else node = node.left!;
  }
};

/** The ranges of one address space. */
export class IovaTree {
  /** Above everything. */
  readonly anchor = makeIova(Infinity, Infinity, Infinity);
  /** How many ranges there are. */
  count = 0;
  private seed = 0x9e37_79b9;
  /** Ranges that were removed, to be used again. */
  private spare: Iova | null = null;

  /** Adds a range right below another one; nothing is between them. */
  insertBelow(above: Iova, lo: number, hi: number): Iova {
    const node = this.take(lo, hi);
    const below = above.below;
    node.above = above;
    node.below = below;
    above.below = node;
    if (below !== null) below.above = node;
    if (above.left === null) above.left = node;
    else below!.right = node;
    node.parent = above.left === node ? above : below;
    node.gap = gapBelow(node);
    node.largest = node.gap;
    above.gap = gapBelow(above);
    while (node.priority > node.parent!.priority) this.rotateUp(node);
    this.refresh(node.parent!);
    this.refresh(above);
    this.count++;
    return node;
  }

  /** Takes a range out. It must not be used any more. */
  remove(node: Iova): void {
    const above = node.above!;
    const { below } = node;
    while (node.left !== null || node.right !== null) this.rotateUp(this.heavierChild(node));
    const parent = node.parent!;
    if (parent.left === node) parent.left = null;
    else parent.right = null;
    above.below = below;
    if (below !== null) below.above = above;
    above.gap = gapBelow(above);
    this.refresh(parent);
    this.refresh(above);
    this.count--;
    node.parent = this.spare;
    this.spare = node;
  }

  private take(lo: number, hi: number): Iova {
    const node = this.spare;
    if (node === null) return makeIova(lo, hi, this.nextPriority());
    this.spare = node.parent;
    node.lo = lo;
    node.hi = hi;
    node.left = null;
    node.right = null;
    node.priority = this.nextPriority();
    return node;
  }

  private nextPriority(): number {
    let seed = this.seed;
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    this.seed = seed;
    return seed >>> 0;
  }

  private heavierChild({ left, right }: Iova): Iova {
    if (left === null) return right!;
    return right === null || left.priority > right.priority ? left : right;
  }

  /** Makes a node the parent of its parent. */
  private rotateUp(node: Iova): void {
    const parent = node.parent!;
    const grand = parent.parent!;
    if (parent.left === node) {
      parent.left = node.right;
      if (node.right !== null) node.right.parent = parent;
      node.right = parent;
    } else {
      parent.right = node.left;
      if (node.left !== null) node.left.parent = parent;
      node.left = parent;
    }
    if (grand.left === parent) grand.left = node;
    else grand.right = node;
    node.parent = grand;
    parent.parent = node;
    parent.largest = largestOf(parent);
    node.largest = largestOf(node);
  }

  /** Corrects the largest gap of a node and of those above it, as far as it changes. */
  private refresh(from: Iova): void {
    for (let node: Iova | null = from; node !== null; node = node.parent) {
      const largest = largestOf(node);
      if (largest === node.largest) return;
      node.largest = largest;
    }
  }

  /** The range that a page is in, or null. */
  containing(page: number): Iova | null {
    let node = this.anchor.left;
    while (node !== null && (page < node.lo || page > node.hi)) node = page < node.lo ? node.left : node.right;
    return node;
  }

  /** The lowest range that begins at a page or above it; the anchor if no other does. */
  atOrAbove(page: number): Iova {
    let found = this.anchor;
    let node = this.anchor.left;
    while (node !== null) {
      if (node.lo >= page) {
        found = node;
        node = node.left;
      } else {
        node = node.right;
      }
    }
    return found;
  }

  /** The highest range below another one that has a gap of at least a grade below it, or null. */
  previousWith(from: Iova, grade: number): Iova | null {
    if (from.left !== null && from.left.largest >= grade) return highestWith(from.left, grade);
    let child = from;
    for (let node = from.parent; node !== null; node = node.parent) {
      if (node.right === child) {
        if (node.gap >= grade) return node;
        if (node.left !== null && node.left.largest >= grade) return highestWith(node.left, grade);
      }
      child = node;
    }
    return null;
  }
}
