import { EBUSY, EINVAL } from '../../base/errno';
import { devm_add_action, devm_release_action } from '../base/devres';
import type { StructDevice } from '../base/struct-device';
import type { Kernel } from '../kernel';
import { IRQF_ONESHOT, IRQF_SHARED, IRQ_WAKE_THREAD, shutdownIrq, startupIrq } from './handle';
import { IrqAction, type IrqDesc, type IrqHandler, type IrqThreadFn } from './irq-desc';

export { IRQF_ONESHOT, IRQF_SHARED, IRQ_HANDLED, IRQ_NONE, IRQ_WAKE_THREAD } from './handle';
export type { IrqHandler, IrqReturn, IrqThreadFn } from './irq-desc';

/**
 * Requests an interrupt (`kernel/irq/manage.c`). The handler runs in hard interrupt context.
 *
 * @param name what it is called in `/proc/interrupts`
 * @param dev_id goes to the handler, and names the request to `free_irq`; may be null only for a line of one's own
 * @returns 0; `-EINVAL` for a number that does not exist or a shared line without `dev_id`; `-EBUSY` if the line is taken
 */
export const request_irq = (
  kernel: Kernel,
  irq: number,
  handler: IrqHandler,
  flags: number,
  name: string,
  dev_id: unknown,
): number => request_threaded_irq(kernel, irq, handler, null, flags, name, dev_id);

/**
 * Requests an interrupt whose handler may leave the work to a thread, a task `irq/N-name`. Without a handler (NULL) the
 * thread does all, and the line must be `IRQF_ONESHOT`, lest it interrupt for ever before the thread has run.
 */
export const request_threaded_irq = (
  kernel: Kernel,
  irq: number,
  handler: IrqHandler | null,
  thread_fn: IrqThreadFn | null,
  flags: number,
  name: string,
  dev_id: unknown,
): number => {
  const desc = kernel.irq.desc(irq);
  if (desc === undefined) return -EINVAL;
  if ((flags & IRQF_SHARED) !== 0 && (dev_id ?? null) === null) return -EINVAL;
  if (handler === null && (thread_fn === null || (flags & IRQF_ONESHOT) === 0)) return -EINVAL;
  if (!compatible(desc, flags)) return -EBUSY;
  const primary = handler ?? ((): number => IRQ_WAKE_THREAD);
  desc.actions.push(new IrqAction({ handler: primary, thread_fn, flags, name, dev_id }));
  if (desc.actions.length === 1) {
    desc.depth = 0;
    desc.spuriousDisabled = false;
    desc.irqCount = 0;
    desc.irqsUnhandled = 0;
    startupIrq(desc);
  }
  return 0;
};

/** All users of a line have to agree to share it, and on whether it is one-shot. */
const compatible = (desc: IrqDesc, flags: number): boolean => {
  const first = desc.actions[0];
  if (first === undefined) return true;
  return (first.flags & flags & IRQF_SHARED) !== 0 && ((first.flags ^ flags) & IRQF_ONESHOT) === 0;
};

const unlink = (kernel: Kernel, irq: number, dev_id: unknown): IrqDesc | null => {
  const desc = kernel.irq.desc(irq);
  const index = desc?.actions.findIndex((action) => action.dev_id === dev_id) ?? -1;
  if (desc === undefined || index < 0) {
    kernel.warn('free_irq', `trying to free already-free IRQ ${irq}`);
    return null;
  }
  const [action] = desc.actions.splice(index, 1);
  if (action!.wakePending && (action!.flags & IRQF_ONESHOT) !== 0) desc.threadsActive--;
  action!.wakePending = false;
  if (desc.actions.length === 0) {
    desc.depth = 1;
    shutdownIrq(desc);
  }
  return desc;
};

/**
 * Gives an interrupt back, and waits until its handler and its thread have ended. Throws away a wake-up of the thread that
 * it has not begun with.
 */
export const free_irq = async (kernel: Kernel, irq: number, dev_id: unknown): Promise<void> => {
  const action = kernel.irq.desc(irq)?.actions.find((candidate) => candidate.dev_id === dev_id);
  const desc = unlink(kernel, irq, dev_id);
  if (desc === null || action === undefined) return;
  if (action.thread !== null) await kernel.sched.join(action.thread);
};

interface DevmIrq {
  readonly kernel: Kernel;
  readonly irq: number;
  readonly dev_id: unknown;
}

const releaseIrq = (data: unknown): Promise<void> => {
  const { kernel, irq, dev_id } = data as DevmIrq;
  return free_irq(kernel, irq, dev_id);
};

/** `request_irq`, given back when the driver is unbound. Without a name it gets the device's. */
export const devm_request_irq = (
  dev: StructDevice,
  irq: number,
  handler: IrqHandler,
  flags: number,
  name: string | null,
  dev_id: unknown,
): number => devm_request_threaded_irq(dev, irq, handler, null, flags, name, dev_id);

/** `request_threaded_irq`, given back when the driver is unbound. Without a name it gets the device's. */
export const devm_request_threaded_irq = (
  dev: StructDevice,
  irq: number,
  handler: IrqHandler | null,
  thread_fn: IrqThreadFn | null,
  flags: number,
  name: string | null,
  dev_id: unknown,
): number => {
  const { kernel } = dev;
  const data: DevmIrq = { kernel, irq, dev_id };
  const error = request_threaded_irq(kernel, irq, handler, thread_fn, flags, name ?? dev.name, dev_id);
  if (error !== 0) return error;
  const full = devm_add_action(dev, releaseIrq, data);
  if (full !== 0) unlink(kernel, irq, dev_id);
  return full;
};

/** Gives a managed interrupt back before the driver is unbound. */
export const devm_free_irq = async (dev: StructDevice, irq: number, dev_id: unknown): Promise<void> => {
  const found = devm_release_action(
    dev,
    releaseIrq,
    (data) => (data as DevmIrq).irq === irq && (data as DevmIrq).dev_id === dev_id,
  );
  await found;
};

/** Turns a line off, without waiting for a handler that is at work. Nests. */
export const disable_irq_nosync = (kernel: Kernel, irq: number): void => {
  const desc = kernel.irq.desc(irq);
  if (desc !== undefined && desc.depth++ === 0) shutdownIrq(desc);
};

/** Turns a line off and waits until its handlers and threads have ended. Nests. */
export const disable_irq = async (kernel: Kernel, irq: number): Promise<void> => {
  disable_irq_nosync(kernel, irq);
  await synchronize_irq(kernel, irq);
};

/** Undoes one `disable_irq`; an interrupt that is pending is taken at once. */
export const enable_irq = (kernel: Kernel, irq: number): void => {
  const desc = kernel.irq.desc(irq);
  if (desc === undefined) return;
  if (desc.depth === 0 || desc.actions.length === 0) {
    kernel.warn('enable_irq', `unbalanced enable for IRQ ${irq}`);
    return;
  }
  if (--desc.depth === 0) {
    desc.spuriousDisabled = false;
    startupIrq(desc);
  }
};

/** Waits until no handler and no thread of a line is at work. */
export const synchronize_irq = async (kernel: Kernel, irq: number): Promise<void> => {
  const desc = kernel.irq.desc(irq);
  if (desc === undefined) return;
  kernel.sched.mightSleep('synchronize_irq');
  while (desc.busy) {
    const sleeping = kernel.sched.sleep(`the handlers of interrupt ${irq}`);
    desc.waiters.push(kernel.sched.current!);
    await sleeping;
  }
};
