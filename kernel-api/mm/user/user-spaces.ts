import { PAGE_SIZE } from '../../../base/address';
import { LabError } from '../../../base/errors';
import { BUS_NO_ADDRESS } from '../../../base/bus-outcome';
import type { Kernel } from '../../kernel';
import { kernelFault } from '../kernel-fault';
import type { MmStruct } from './mm-struct';

/** What the kernel keeps about user address spaces as a whole. */
export class UserSpaces {
  /** Address spaces that live. */
  live = 0;
  /** Pins taken and not dropped (`nr_foll_pin_acquired` less `nr_foll_pin_released`). */
  pins = 0;
  /** How often the compound page with this first frame is pinned (`_pincount`). */
  readonly pincounts = new Map<number, number>();
  private readonly kernel: Kernel;
  /** The address space that each task uses. Key null: code outside of any task. */
  private readonly active = new Map<unknown, MmStruct>();
  private readonly warnedOnce = new Set<string>();
  private zero = -1;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** The page frame that untouched memory reads as (`empty_zero_page`), in the kernel image; made when first asked for. */
  get zeroPfn(): number {
    if (this.zero >= 0) return this.zero;
    const { image } = this.kernel.mm;
    const data = image.placeData(2 * PAGE_SIZE);
    if (data === 0)
      throw new LabError('The kernel image has no room for the page of zeroes that user memory begins with.');
    const physical = Math.ceil(image.translate(data) / PAGE_SIZE) * PAGE_SIZE;
    this.zero = physical / PAGE_SIZE;
    this.kernel.mm.fill(data, 0, 2 * PAGE_SIZE);
    return this.zero;
  }

  /** Whether a page frame is the page of zeroes. */
  isZeroPfn(pfn: number): boolean {
    return pfn === this.zero;
  }

  /** `current->mm`, or null in a task that has none. */
  get current(): MmStruct | null {
    return this.active.get(this.kernel.sched.current) ?? null;
  }

  /** `current->mm`, by code that takes it for granted: NULL is an oops. */
  get currentOrOops(): MmStruct {
    const { current } = this;
    if (current === null) throw kernelFault(0, BUS_NO_ADDRESS);
    return current;
  }

  /** Makes an address space the current task's. @returns what puts the one before back */
  enter(mm: MmStruct): () => void {
    const task = this.kernel.sched.current;
    const before = this.active.get(task);
    this.active.set(task, mm);
    return () => {
      if (before === undefined) this.active.delete(task);
      else this.active.set(task, before);
    };
  }

  /** Takes an address space away from the current task. Another than its own is a warning. */
  leave(mm: MmStruct): void {
    const task = this.kernel.sched.current;
    if (this.active.get(task) === mm) this.active.delete(task);
    else this.kernel.warn('kthread_unuse_mm', 'the task uses another address space, or none');
  }

  /** `WARN_ON_ONCE`: a misuse is told the first time. */
  warnOnce(where: string, message: string): void {
    const key = `${where}: ${message}`;
    if (this.warnedOnce.has(key)) return;
    this.warnedOnce.add(key);
    this.kernel.warn(where, message);
  }
}
