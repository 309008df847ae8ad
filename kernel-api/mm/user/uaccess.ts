import { virtAddr, type VirtAddr } from '../../../base/address';
import type { Kernel } from '../../kernel';
import { TASK_SIZE } from '../layout';
import { accessUser } from './user-memory';

/** `include/linux/uaccess.h`, in the address space of the current task. */

/** Kernel memory by address, or bytes outside of the machine (of a test, a scenario). */
type KernelBuffer = VirtAddr | Uint8Array;

/** Whether a range is one of user addresses at all. */
export const access_ok = (address: VirtAddr, size: number): boolean =>
  address >= 0 && size >= 0 && address <= TASK_SIZE - size;

const bytesOf = (kernel: Kernel, from: KernelBuffer, length: number): Uint8Array =>
  typeof from === 'number' ? kernel.mm.read(from, length) : from;

/** Copies to user memory. @returns how many bytes could not be copied: 0 is success */
export const copy_to_user = (kernel: Kernel, to: VirtAddr, from: KernelBuffer, n: number): number => {
  kernel.sched.mightSleep('copy_to_user');
  if (!access_ok(to, n) || n === 0) return n;
  const bytes = bytesOf(kernel, from, n);
  const mm = kernel.mm.user.currentOrOops;
  return n - accessUser(mm, to, n, 'write', (memory, at, done, count) => memory.writeBytes(at, bytes, done, count));
};

/** Copies from user memory; what could not be copied is zeroed. @returns how many bytes that is: 0 is success */
export const copy_from_user = (kernel: Kernel, to: KernelBuffer, from: VirtAddr, n: number): number => {
  kernel.sched.mightSleep('copy_from_user');
  if (n === 0) return 0;
  const bytes = new Uint8Array(n);
  const mm = kernel.mm.user.currentOrOops;
  const done = access_ok(from, n)
    ? accessUser(mm, from, n, 'read', (memory, at, from, count) => memory.readBytes(at, bytes, from, count))
    : 0;
  if (typeof to === 'number') kernel.mm.write(virtAddr(to), bytes);
  else to.set(bytes);
  return n - done;
};

/** Zeroes user memory. @returns how many bytes could not be zeroed */
export const clear_user = (kernel: Kernel, to: VirtAddr, n: number): number => {
  kernel.sched.mightSleep('clear_user');
  if (!access_ok(to, n)) return n;
  const mm = kernel.mm.user.currentOrOops;
  return n - accessUser(mm, to, n, 'write', (memory, at, _done, count) => memory.fillBytes(at, 0, count));
};
