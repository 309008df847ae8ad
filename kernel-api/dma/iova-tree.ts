/**
 * Ranges of I/O pages in address order, under an anchor that lies above everything.
 *
 * Linux keeps them in a red-black tree and walks it range by range to find a gap. Here each subtree also knows its widest
 * gap, so that a search skips what cannot fit: the gap it finds is the one that the walk would find. The tree is a treap
 * with the anchor as its root; what keeps it balanced are numbers from a generator of its own, so that every run is alike.
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
  /** Free pages between it and the range below it. */
  gap: number;
  /** The widest gap in its subtree. */
  widest: number;
}

const makeIova = (lo: number, hi: number, priority: number): Iova => ({
  lo,
  hi,
  below: null,
  above: null,
  left: null,
  right: null,
  parent: null,
  priority,
  gap: Infinity,
  widest: Infinity,
});

const widestOf = ({ gap, left, right }: Iova): number => {
  const widest = left !== null && left.widest > gap ? left.widest : gap;
  return right !== null && right.widest > widest ? right.widest : widest;
};

/** The highest range in a subtree with a gap of at least `size` below it; there is one. */
const highestWith = (root: Iova, size: number): Iova => {
  let node = root;
  for (;;) {
    if (node.right !== null && node.right.widest >= size) node = node.right;
    else if (node.gap >= size) return node;
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
    node.gap = lo - (below === null ? -1 : below.hi) - 1;
    node.widest = node.gap;
    above.gap = above.lo - hi - 1;
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
    above.gap = above.lo - (below === null ? -1 : below.hi) - 1;
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
    parent.widest = widestOf(parent);
    node.widest = widestOf(node);
  }

  /** Corrects the widest gap of a node and of those above it, as far as it changes. */
  private refresh(from: Iova): void {
    for (let node: Iova | null = from; node !== null; node = node.parent) {
      const widest = widestOf(node);
      if (widest === node.widest) return;
      node.widest = widest;
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

  /** The highest range below another one that has a gap of at least `size` pages below it, or null. */
  previousWith(from: Iova, size: number): Iova | null {
    if (from.left !== null && from.left.widest >= size) return highestWith(from.left, size);
    let child = from;
    for (let node = from.parent; node !== null; node = node.parent) {
      if (node.right === child) {
        if (node.gap >= size) return node;
        if (node.left !== null && node.left.widest >= size) return highestWith(node.left, size);
      }
      child = node;
    }
    return null;
  }
}
