import type { Task } from '../sched/task';

/** What a handler answers: not mine (0), handled (1), wake my thread (2). The bits combine over the handlers of a line. */
export type IrqReturn = number;

/** The primary handler of an interrupt. Runs in hard interrupt context: it may not sleep, so it may not be async. */
export type IrqHandler = (irq: number, dev_id: unknown) => IrqReturn;

/** The threaded handler of an interrupt. Runs in a task, may sleep. */
export type IrqThreadFn = (irq: number, dev_id: unknown) => IrqReturn | Promise<IrqReturn>;

/** One request for an interrupt (`struct irqaction`). */
export class IrqAction {
  readonly handler: IrqHandler;
  readonly thread_fn: IrqThreadFn | null;
  readonly flags: number;
  readonly name: string;
  readonly dev_id: unknown;
  /** The thread was woken and has not begun. */
  wakePending = false;
  /** The thread's task while it has something to do. */
  thread: Task | null = null;

  constructor(request: Pick<IrqAction, 'handler' | 'thread_fn' | 'flags' | 'name' | 'dev_id'>) {
    this.handler = request.handler;
    this.thread_fn = request.thread_fn;
    this.flags = request.flags;
    this.name = request.name;
    this.dev_id = request.dev_id;
  }
}

/** What an interrupt controller's driver does for one of its inputs (`struct irq_chip`). */
export interface IrqChip {
  readonly name: string;
  /** Lets the input interrupt the CPU. */
  enable(hwirq: number): void;
  /** The input does not interrupt the CPU. */
  disable(hwirq: number): void;
  /** Keeps the input quiet for a while (`IRQF_ONESHOT`, until its thread is done). */
  mask(hwirq: number): void;
  unmask(hwirq: number): void;
  /** The CPU is done with what it claimed. */
  eoi(hwirq: number): void;
}

/** One interrupt number of the kernel (`struct irq_desc`). */
export class IrqDesc {
  readonly irq: number;
  readonly hwirq: number;
  readonly chip: IrqChip;
  readonly actions: IrqAction[] = [];
  /** How often it was disabled; it is off while this is not 0. Nobody has requested it: 1. */
  depth = 1;
  /** Its handlers are being called. */
  inProgress = false;
  /** How many one-shot threads have to end before it is unmasked. */
  threadsActive = 0;
  masked = false;
  /** It was found stuck, and turned off. */
  spuriousDisabled = false;
  /** Interrupts taken (`/proc/interrupts`). */
  count = 0;
  /** Interrupts since the last look at how many of them nobody handled. */
  irqCount = 0;
  irqsUnhandled = 0;
  lastUnhandled = 0;
  /** How many interrupts the threads have handled, and how many at the last look. */
  threadsHandled = 0;
  threadsHandledLast = -1;
  /** Tasks in `synchronize_irq`. */
  readonly waiters: Task[] = [];

  constructor(irq: number, hwirq: number, chip: IrqChip) {
    this.irq = irq;
    this.hwirq = hwirq;
    this.chip = chip;
  }

  /** Whether a handler or a thread of it is at work. */
  get busy(): boolean {
    return this.inProgress || this.actions.some((action) => action.thread !== null);
  }
}
