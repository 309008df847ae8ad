import { ETIMEDOUT } from '../../base/errno';
import type { Out } from '../err';
import { udelay, usleep_range } from '../sched/delay';
import { NSEC_PER_USEC } from '../sched/jiffies';
import type { IoMem } from './io-mem';

/** What one look at the register takes at least, so that a poll without a delay moves time (`cpu_relax`). */
const RELAX_NANOSECONDS = 10;

/**
 * Reads a register until `cond` accepts its value, sleeping in between (`include/linux/iopoll.h`).
 *
 * @param sleep_us longest sleep between reads; 0 reads as fast as possible
 * @param timeout_us 0 for no limit
 * @param value receives what was read last
 * @returns 0, or `-ETIMEDOUT` if one more look after the time limit did not help
 */
export const readl_poll_timeout = async (
  addr: IoMem,
  cond: (value: number) => boolean,
  sleep_us: number,
  timeout_us: number,
  value?: Out<number>,
): Promise<number> => {
  const { kernel } = addr;
  const limit = deadline(addr, timeout_us);
  if (sleep_us > 0) kernel.sched.mightSleep('readl_poll_timeout');
  for (;;) {
    if (look(addr, cond, value)) return 0;
    if (kernel.cpu.now > limit) return look(addr, cond, value) ? 0 : -ETIMEDOUT;
    if (sleep_us > 0) await usleep_range(kernel, (sleep_us >> 2) + 1, sleep_us);
    else kernel.cpu.elapse(RELAX_NANOSECONDS);
  }
};

/** As `readl_poll_timeout`, in atomic context: spends the time on the CPU. @param delay_us between reads */
export const readl_poll_timeout_atomic = (
  addr: IoMem,
  cond: (value: number) => boolean,
  delay_us: number,
  timeout_us: number,
  value?: Out<number>,
): number => {
  const { kernel } = addr;
  const limit = deadline(addr, timeout_us);
  for (;;) {
    if (look(addr, cond, value)) return 0;
    if (kernel.cpu.now > limit) return look(addr, cond, value) ? 0 : -ETIMEDOUT;
    if (delay_us > 0) udelay(kernel, delay_us);
    kernel.cpu.elapse(RELAX_NANOSECONDS);
  }
};

/** The relaxed forms are the same here. */
export const readl_relaxed_poll_timeout = readl_poll_timeout;
export const readl_relaxed_poll_timeout_atomic = readl_poll_timeout_atomic;

const deadline = (addr: IoMem, timeout_us: number): number =>
  timeout_us === 0 ? Infinity : addr.kernel.cpu.now + timeout_us * NSEC_PER_USEC;

const look = (addr: IoMem, cond: (value: number) => boolean, value: Out<number> | undefined): boolean => {
  const read = addr.readl();
  if (value !== undefined) value.value = read;
  return cond(read);
};
