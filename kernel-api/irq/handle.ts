import { LabError } from '../../base/errors';
import type { Kernel } from '../kernel';
import { HZ, jiffies } from '../sched/jiffies';
import type { IrqAction, IrqDesc, IrqReturn } from './irq-desc';

/** The interrupt was not from this device. */
export const IRQ_NONE: IrqReturn = 0;
/** The interrupt was handled. */
export const IRQ_HANDLED: IrqReturn = 1;
/** The interrupt was from this device, and its thread does the rest. */
export const IRQ_WAKE_THREAD: IrqReturn = 2;

/** The line stays masked until the thread has run. */
export const IRQF_ONESHOT = 0x2000;
/** Others may use the line as well. */
export const IRQF_SHARED = 0x80;

/** After so many interrupts of which almost all were nobody's, the line is turned off (`note_interrupt`). */
const SPURIOUS_WINDOW = 100_000;
const SPURIOUS_LIMIT = 99_900;

/** Serves an interrupt as `handle_fasteoi_irq` does: calls every handler of the line, then tells the controller. */
export const handleIrq = (kernel: Kernel, desc: IrqDesc): void => {
  const { trace } = kernel;
  const enabled = desc.depth === 0 && desc.actions.length > 0;
  if (trace.active) trace.emit({ type: 'irq-enter', irq: desc.irq, handled: false });
  let result = IRQ_NONE;
  try {
    if (enabled) result = callHandlers(kernel, desc);
    else mask(desc);
  } finally {
    desc.chip.eoi(desc.hwirq);
    if (trace.active) trace.emit({ type: 'irq-exit', irq: desc.irq, handled: result !== IRQ_NONE });
  }
  if (enabled) noteInterrupt(kernel, desc, result);
};

const callHandlers = (kernel: Kernel, desc: IrqDesc): IrqReturn => {
  desc.count++;
  desc.inProgress = true;
  let result = IRQ_NONE;
  try {
    for (const action of [...desc.actions]) result |= callHandler(kernel, desc, action);
  } finally {
    desc.inProgress = false;
    wakeWaiters(kernel, desc);
  }
  return result;
};

const callHandler = (kernel: Kernel, desc: IrqDesc, action: IrqAction): IrqReturn => {
  const result = action.handler(desc.irq, action.dev_id);
  if (result !== IRQ_NONE && result !== IRQ_HANDLED && result !== IRQ_WAKE_THREAD) return refuse(action, result);
  if (kernel.cpu.interruptsEnabled) {
    kernel.warn('handle_irq_event', `irq ${desc.irq} handler ${action.name} enabled interrupts`);
    kernel.cpu.setInterruptsEnabled(false);
  }
  if (result === IRQ_WAKE_THREAD) wakeThread(kernel, desc, action);
  return result;
};

const refuse = (action: IrqAction, result: unknown): never => {
  const what = result instanceof Promise ? 'a promise, as if it were async' : 'something else';
  throw new LabError(
    `the interrupt handler '${action.name}' has to return IRQ_NONE, IRQ_HANDLED or IRQ_WAKE_THREAD; it returned ${what}`,
  );
};

const wakeThread = (kernel: Kernel, desc: IrqDesc, action: IrqAction): void => {
  if (action.thread_fn === null) {
    kernel.warn(
      'irq_wake_thread',
      `irq ${desc.irq} device ${action.name} returned IRQ_WAKE_THREAD without a thread function`,
    );
    return;
  }
  if ((action.flags & IRQF_ONESHOT) !== 0 && !action.wakePending) {
    if (desc.threadsActive++ === 0) mask(desc);
  }
  action.wakePending = true;
  action.thread ??= kernel.sched.spawn(`irq/${desc.irq}-${action.name}`, () => runThread(kernel, desc, action));
};

const runThread = async (kernel: Kernel, desc: IrqDesc, action: IrqAction): Promise<void> => {
  try {
    while (action.wakePending) {
      action.wakePending = false;
      await runThreadOnce(desc, action);
    }
  } finally {
    action.thread = null;
    wakeWaiters(kernel, desc);
  }
};

const runThreadOnce = async (desc: IrqDesc, action: IrqAction): Promise<void> => {
  try {
    if ((await action.thread_fn!(desc.irq, action.dev_id)) === IRQ_HANDLED) desc.threadsHandled++;
  } finally {
    if ((action.flags & IRQF_ONESHOT) !== 0 && !action.wakePending && --desc.threadsActive === 0) unmask(desc);
  }
};

const mask = (desc: IrqDesc): void => {
  if (desc.masked) return;
  desc.chip.mask(desc.hwirq);
  desc.masked = true;
};

const unmask = (desc: IrqDesc): void => {
  if (!desc.masked || desc.depth > 0) return;
  desc.masked = false;
  desc.chip.unmask(desc.hwirq);
};

/** Lets tasks in `synchronize_irq` look again. */
export const wakeWaiters = (kernel: Kernel, desc: IrqDesc): void => {
  if (desc.busy) return;
  for (const waiter of desc.waiters.splice(0)) kernel.sched.wake(waiter);
};

/** Turns the line on for the first user, or after `disable_irq`. */
export const startupIrq = (desc: IrqDesc): void => {
  desc.masked = desc.threadsActive > 0;
  desc.chip.enable(desc.hwirq);
  if (desc.masked) desc.chip.mask(desc.hwirq);
};

/** Turns the line off. An interrupt that comes before it is off finds that it has to be masked. */
export const shutdownIrq = (desc: IrqDesc): void => {
  desc.chip.disable(desc.hwirq);
  desc.masked = true;
};

/**
 * Watches for a line that nobody feels responsible for: after 99900 of 100000 such interrupts it is turned off, so that
 * the machine stays usable (`kernel/irq/spurious.c`). What a thread handles counts with the next interrupt.
 */
const noteInterrupt = (kernel: Kernel, desc: IrqDesc, result: IrqReturn): void => {
  let verdict = result;
  if (result === IRQ_WAKE_THREAD) {
    const handled = desc.threadsHandled;
    const first = desc.threadsHandledLast < 0;
    verdict = first || handled !== desc.threadsHandledLast ? IRQ_HANDLED : IRQ_NONE;
    desc.threadsHandledLast = handled;
    if (first) return;
  } else if (result !== IRQ_NONE) {
    desc.threadsHandledLast = -1;
  }
  if (verdict === IRQ_NONE) countUnhandled(kernel, desc);
  if (desc.irqsUnhandled === 0 || ++desc.irqCount < SPURIOUS_WINDOW) return;
  desc.irqCount = 0;
  if (desc.irqsUnhandled > SPURIOUS_LIMIT) turnOff(kernel, desc);
  desc.irqsUnhandled = 0;
};

const countUnhandled = (kernel: Kernel, desc: IrqDesc): void => {
  const now = jiffies(kernel);
  if (now > desc.lastUnhandled + HZ / 10) desc.irqsUnhandled = 1;
  else desc.irqsUnhandled++;
  desc.lastUnhandled = now;
};

const turnOff = (kernel: Kernel, desc: IrqDesc): void => {
  const handlers = desc.actions.map((action) => action.name).join(', ');
  kernel.warn('note_interrupt', `irq ${desc.irq}: nobody cared (handlers: ${handlers}); it is disabled`);
  desc.spuriousDisabled = true;
  desc.depth++;
  shutdownIrq(desc);
};
