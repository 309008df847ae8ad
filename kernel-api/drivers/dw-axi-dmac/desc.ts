import type { DmaTransferDirection } from '../../dmaengine/types';
import { VirtDmaDesc } from '../../dmaengine/virt-dma';
import { KernelOops } from '../../oops';
import type { AxiDmaChan } from './chan';
import type { HwDesc } from './hw-desc';

/** The ring of a cyclic transaction. */
export interface CyclicState {
  /** Items in a period. */
  readonly itemsPerPeriod: number;
  /** The item that the controller finishes next. */
  next: number;
  /** An item of this run was handed back to the controller. */
  recycled: boolean;
}

/** A transaction: the linked list of items that carries it out. */
export class AxiDmaDesc extends VirtDmaDesc {
  readonly direction: DmaTransferDirection;
  readonly items: readonly HwDesc[];
  /** Bytes of the whole transaction (of one turn of the ring, for a cyclic one). */
  readonly length: number;
  readonly cyclic: CyclicState | null;
  /** The hardware has been given the list. */
  started = false;
  private readonly owner: AxiDmaChan;

  constructor(
    chan: AxiDmaChan,
    flags: number,
    direction: DmaTransferDirection,
    items: readonly HwDesc[],
    cyclic: CyclicState | null,
  ) {
    super(chan, flags);
    this.owner = chan;
    this.direction = direction;
    this.items = items;
    this.cyclic = cyclic;
    this.length = items.reduce((sum, item) => sum + item.bytes, 0);
  }

  /** A transaction that ran before: its items go back to the controller. */
  override prepareRun(): void {
    if (!this.started) return;
    this.started = false;
    for (const item of this.items) item.release();
    if (this.cyclic === null) return;
    this.cyclic.next = 0;
    this.cyclic.recycled = false;
  }

  /**
   * Bytes that were not moved yet (of this turn of the ring, for a cyclic one), by what the hardware says of the channel.
   * Lock held.
   */
  residue(): number {
    if (!this.started) return this.length;
    const { next, items } = this.owner.progress();
    const nextIndex = this.items.findIndex((item) => item.llp === next);
    const current = this.currentIndex(next, nextIndex);
    let left = 0;
    for (let i = current; i < this.items.length; i++) left += this.items[i]!.bytes;
    const item = this.items[current];
    if (item === undefined) return 0;
    return item.consumed ? left - item.bytes : left - Math.min(items * item.itemBytes, item.bytes);
  }

  /** The item before the one to be fetched next; no item is next while the last is at work. */
  private currentIndex(next: bigint, nextIndex: number): number {
    if (nextIndex > 0) return nextIndex - 1;
    if (nextIndex < 0) return next === 0n ? this.items.length - 1 : this.lastConsumed();
    // The pointer stands at the first item: either nothing was fetched yet, or a ring is in its last item.
    const { cyclic, items } = this;
    return cyclic !== null && (cyclic.recycled || items[0]!.consumed) ? items.length - 1 : 0;
  }

  /** Where the list was left, if somebody spoilt its links. */
  private lastConsumed(): number {
    const ahead = this.items.findIndex((item) => !item.consumed);
    return ahead < 0 ? this.items.length - 1 : Math.max(ahead - 1, 0);
  }

  /** Gives the items back to the pool. */
  freeItems(): void {
    const { pool } = this.owner;
    if (pool !== null) for (const item of this.items) item.free(pool);
  }
}

/** `vd_to_axi_desc`: the driver's own view of a transaction. One of another driver stops the kernel. */
export const toAxiDmaDesc = (desc: VirtDmaDesc): AxiDmaDesc => {
  if (desc instanceof AxiDmaDesc) return desc;
  throw new KernelOops('dw-axi-dmac was handed a transaction of another driver');
};
