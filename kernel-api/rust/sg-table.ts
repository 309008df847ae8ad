import { EINVAL, ENOMEM } from '../../base/errno';
import { dma_max_mapping_size } from '../dma/mask';
import { dma_map_sgtable, dma_unmap_sgtable } from '../dma/streaming';
import type { StructDevice } from '../base/struct-device';
import type { Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { kfree, kmalloc } from '../mm/kmalloc';
import type { Page } from '../mm/page';
import { sg_next } from '../scatterlist/scatterlist';
import { sg_alloc_table_from_pages_segment, sg_free_table, SgTable } from '../scatterlist/sg-table';
import type { DataDirection } from './data-direction';
import { checkBound, type Bound, type Device } from './device';
import { Devres } from './devres';
import { KernelError, toResult } from './kernel-error';
import { Owner } from './owner';
import type { AsPageIter, VmallocPageIter } from './page-iter';
import { SGEntry } from './sg-entry';

/** The mark of a table that belongs to somebody else. */
export interface Borrowed {
  readonly ownership: 'borrowed';
}

/** The mark of a table that owns its list, its mapping and the pages of a `P`. */
export interface Owned<P extends AsPageIter> {
  readonly ownership: 'owned';
  readonly pages: P;
}

const U32_MAX = 0xffff_ffff;
/** Bytes of a pointer to a page in the array that the table is made from. */
const POINTER_SIZE = 8;

/** The segments of a table that are mapped: `nents` of them, as it is when the iteration begins. */
function* mappedEntries(table: SgTable, checkAlive: () => void): Generator<SGEntry, void, undefined> {
  checkAlive();
  let left = table.nents;
  let sg = left > 0 ? table.sgl : null;
  while (sg !== null) {
    yield new SGEntry(sg, checkAlive);
    checkAlive();
    left--;
    sg = left > 0 ? sg_next(sg) : null;
  }
}

/** A table that C-style code made, and mapped; it must stay as it is while this is used. */
export class BorrowedTable {
  readonly #raw: SgTable;

  /** `SGTable.fromRaw` makes one. */
  constructor(raw: SgTable) {
    this.#raw = raw;
  }

  /** The mapped segments: `nents`, not `orig_nents`. */
  iter(): Generator<SGEntry, void, undefined> {
    return mappedEntries(this.#raw, () => undefined);
  }
}

/** A mapped list; dropping it unmaps. */
class DmaMappedSgt implements Disposable {
  private readonly sgt: SgTable;
  private readonly dev: StructDevice;
  private readonly dir: DataDirection;

  constructor(sgt: SgTable, dev: StructDevice, dir: DataDirection) {
    toResult(dma_map_sgtable(dev, sgt, dir, 0), 'dma_map_sgtable');
    this.sgt = sgt;
    this.dev = dev;
    this.dir = dir;
  }

  [Symbol.dispose](): void {
    dma_unmap_sgtable(this.dev, this.sgt, this.dir, 0);
  }
}

/**
 * A table that owns everything of it. The mapping goes when the driver is unbound or when the table is dropped, whichever is
 * first; the list and the pages stay until it is dropped. Dropping it unmaps, then frees the list, then the pages.
 */
export class OwnedTable<P extends AsPageIter> extends Owner {
  readonly #dma: Devres<DmaMappedSgt>;
  readonly #sgt: SgTable;
  readonly #pages: P;

  private constructor(dma: Devres<DmaMappedSgt>, sgt: SgTable, pages: P) {
    super();
    this.#dma = dma;
    this.#sgt = sgt;
    this.#pages = pages;
  }

  /** For `SGTable.new`: `pages` are this function's already. */
  static create<P extends AsPageIter>(dev: Device<Bound>, pages: P, dir: DataDirection, gfp: Gfp): OwnedTable<P> {
    const sgt = tableOf(dev, pages.pageIter(), gfp);
    try {
      return new OwnedTable(Devres.new(dev, new DmaMappedSgt(sgt, dev, dir)), sgt, pages);
    } catch (error) {
      sg_free_table(sgt);
      throw error;
    }
  }

  /** The mapped segments. After the driver was unbound they are still listed, but mapped no more. */
  iter(): Generator<SGEntry, void, undefined> {
    return mappedEntries(this.#sgt, () => this.checkAlive());
  }

  protected override describe(): string {
    return `The SGTable of ${this.#dma.device().name}`;
  }

  protected override release(): void {
    this.#dma.drop();
    sg_free_table(this.#sgt);
    this.#pages[Symbol.dispose]();
  }
}

/** All pages of an iterator. The kernel collects them in an array, whose memory can be short. */
const collect = (kernel: Kernel, pages: VmallocPageIter, gfp: Gfp): readonly Page[] => {
  const count = pages.pageCount();
  if (count === 0) throw new KernelError(EINVAL, 'no pages');
  const vector = kmalloc(kernel, count * POINTER_SIZE, gfp);
  if (vector === 0) throw new KernelError(ENOMEM, `no room for the addresses of ${count} pages`);
  try {
    return [...pages];
  } finally {
    kfree(kernel, vector);
  }
};

/** A table over pages, with segments that can be mapped at once. */
const tableOf = (dev: Device<Bound>, iter: VmallocPageIter, gfp: Gfp): SgTable => {
  const { kernel } = dev;
  const pages = collect(kernel, iter, gfp);
  const longest = dma_max_mapping_size(dev);
  const limit = longest === 0 ? U32_MAX : Math.min(longest, U32_MAX);
  const sgt = new SgTable(kernel);
  toResult(sg_alloc_table_from_pages_segment(sgt, pages, pages.length, 0, iter.size(), limit, gfp), 'sg_alloc_table');
  return sgt;
};

/** A scatter-gather table: borrowed, unless it says that it is owned. */
export type SGTable<T extends Borrowed | Owned<AsPageIter> = Borrowed> =
  T extends Owned<infer P> ? OwnedTable<P> : BorrowedTable;

export const SGTable = {
  /**
   * Makes a table over the pages of `pages`, which it takes over, and maps it for `dev`. Whatever fails, the pages are freed.
   * @throws KernelError `EINVAL` if there are no pages, `ENOMEM`, and what mapping fails with
   */
  new<P extends AsPageIter>(dev: Device<Bound>, pages: P, dir: DataDirection, gfp: Gfp): OwnedTable<P> {
    const owned = pages.intoOwned();
    try {
      checkBound(dev, 'SGTable.new');
      return OwnedTable.create(dev, owned, dir, gfp);
    } catch (error) {
      owned[Symbol.dispose]();
      throw error;
    }
  },

  /** Looks at a table that somebody else has made and mapped, who must keep it as it is meanwhile. */
  fromRaw(raw: SgTable): SGTable {
    return new BorrowedTable(raw);
  },
} as const;
