import type { Kernel } from '../kernel';
import { jiffies, msecs_to_jiffies } from '../sched/jiffies';
import { mod_timer, timer_delete_sync, timer_setup, type TimerList } from '../sched/timer';
import type { IommuDmaDomain } from './iommu-dma-domain';
import type { IovaDomain } from './iova';

/** How long a flush queue is (a power of two), and when it is emptied at the latest. */
export interface FlushQueueOptions {
  readonly size: number;
  readonly timeoutMs: number;
}

/** `IOVA_DEFAULT_FQ_SIZE`, `IOVA_DEFAULT_FQ_TIMEOUT`: a queue for each CPU. */
export const PER_CPU_FLUSH_QUEUE: FlushQueueOptions = { size: 256, timeoutMs: 10 };
/** `IOVA_SINGLE_FQ_SIZE`, `IOVA_SINGLE_FQ_TIMEOUT`: one queue, where a flush costs the more the oftener it is done. */
export const SINGLE_FLUSH_QUEUE: FlushQueueOptions = { size: 32_768, timeoutMs: 1000 };

/**
 * What lazy invalidation puts off (`struct iova_fq` of `drivers/iommu/dma-iommu.c`): I/O addresses that are unmapped but
 * may still be in the IOMMU's caches, with the tables that mapped them. They are free for others after the next flush of
 * the whole domain, which comes when the queue is full, or 10 ms after the first was queued. Until then a device may get
 * through to what was mapped.
 */
export class FlushQueue {
  private readonly kernel: Kernel;
  private readonly domain: IommuDmaDomain;
  private readonly iovad: IovaDomain;
  private readonly timeoutMs: number;
  private readonly mask: number;
  private readonly page: Float64Array;
  private readonly pages: Float64Array;
  /** How many flushes had begun when the entry was queued: a later one has to end before it is free. */
  private readonly begun: Float64Array;
  /** Page frames of tables, of entries that have any. */
  private readonly tables = new Map<number, readonly number[]>();
  private readonly timer: TimerList;
  private timerOn = false;
  private head = 0;
  private tail = 0;
  private flushesBegun = 0;
  private flushesEnded = 0;

  constructor(kernel: Kernel, domain: IommuDmaDomain, iovad: IovaDomain, { size, timeoutMs }: FlushQueueOptions) {
    this.kernel = kernel;
    this.domain = domain;
    this.iovad = iovad;
    this.timeoutMs = timeoutMs;
    this.mask = size - 1;
    this.page = new Float64Array(size);
    this.pages = new Float64Array(size);
    this.begun = new Float64Array(size);
    this.timer = timer_setup(kernel, () => this.expire());
  }

  /** How many unmapped ranges wait for a flush. */
  get length(): number {
    return (this.tail - this.head) & this.mask;
  }

  /** How many flushes there were. */
  get flushes(): number {
    return this.flushesEnded;
  }

  /**
   * Queues a range that has been unmapped (`queue_iova`). A full queue is flushed first, and that is waited for.
   * @param tables page frames of tables that nothing points to any more; emptied
   */
  add(iovaPage: number, count: number, tables: number[]): void {
    const { cpu } = this.kernel;
    const enabled = cpu.setInterruptsEnabled(false);
    this.release();
    if (((this.tail + 1) & this.mask) === this.head) {
      this.flush();
      this.release();
    }
    const at = this.tail;
    this.tail = (at + 1) & this.mask;
    this.page[at] = iovaPage;
    this.pages[at] = count;
    this.begun[at] = this.flushesBegun;
    if (tables.length > 0) this.tables.set(at, tables.splice(0));
    cpu.setInterruptsEnabled(enabled);
    if (this.timerOn) return;
    this.timerOn = true;
    mod_timer(this.timer, jiffies(this.kernel) + msecs_to_jiffies(this.timeoutMs));
  }

  /** `fq_flush_iotlb`: invalidates the whole domain, and waits. */
  private flush(): void {
    this.flushesBegun++;
    this.domain.flushIotlbAll();
    this.flushesEnded++;
  }

  private expire(): void {
    this.timerOn = false;
    this.flush();
    const { cpu } = this.kernel;
    const enabled = cpu.setInterruptsEnabled(false);
    this.release();
    cpu.setInterruptsEnabled(enabled);
  }

  /** `fq_ring_free_locked`: frees the entries that were queued before a flush that has ended began. */
  private release(): void {
    while (this.head !== this.tail && this.begun[this.head]! < this.flushesEnded) {
      const at = this.head;
      this.freeTables(at);
      this.iovad.freeFast(this.page[at]!, this.pages[at]!);
      this.head = (at + 1) & this.mask;
    }
  }

  private freeTables(at: number): void {
    const tables = this.tables.get(at);
    if (tables === undefined) return;
    for (const pfn of tables) this.kernel.mm.freePfn(pfn, 0);
    this.tables.delete(at);
  }

  /** The domain is at its end, and no IOMMU knows it any more: what waits is freed, the addresses go with the domain. */
  destroy(): void {
    timer_delete_sync(this.timer);
    this.timerOn = false;
    for (; this.head !== this.tail; this.head = (this.head + 1) & this.mask) this.freeTables(this.head);
  }
}
