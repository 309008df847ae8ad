import { virtAddr, type VirtAddr } from '../../base/address';
import type { Kernel } from '../kernel';
import { KernelOops } from '../oops';

/** `THREAD_SIZE`. */
export const THREAD_SIZE = 16384;
/** Twice the size: an overflow shows as a bit of the stack pointer (`CONFIG_VMAP_STACK`). */
export const THREAD_ALIGN = 2 * THREAD_SIZE;
/** The stack pointer's alignment in the RISC-V calling convention. */
const STACK_ALIGN = 16;

/** The stack of a task: pages of the vmalloc area, so that they need not follow each other in memory. */
export class KernelStack {
  readonly base: VirtAddr;
  readonly size: number;
  /** Everything from here up to the top is taken by local variables. */
  pointer: VirtAddr;

  constructor(base: VirtAddr, size: number) {
    this.base = base;
    this.size = size;
    this.pointer = virtAddr(base + size);
  }

  /** Makes room for a local variable. Running off the stack is an oops, as the guard page makes it one. */
  push(size: number): VirtAddr {
    const pointer = Math.floor((this.pointer - size) / STACK_ALIGN) * STACK_ALIGN;
    if (!(pointer >= this.base))
      throw new KernelOops('Insufficient stack space to handle exception: kernel stack overflow');
    this.pointer = virtAddr(pointer);
    return this.pointer;
  }
}

/** The local variables of one function: gone when the function returns. `using frame = stack_frame(kernel)`. */
export class StackFrame {
  private readonly stack: KernelStack;
  private readonly before: VirtAddr;

  constructor(stack: KernelStack) {
    this.stack = stack;
    this.before = stack.pointer;
  }

  /** Places a local variable, aligned to 16 bytes. Its bytes are whatever was there before. */
  alloc(size: number): VirtAddr {
    return this.stack.push(size);
  }

  /** Returns from the function: the variables' memory is used again. */
  [Symbol.dispose](): void {
    this.stack.pointer = this.before;
  }
}

/** Begins a frame on the current task's stack. */
export const stack_frame = (kernel: Kernel): StackFrame => new StackFrame(kernel.mm.currentStack());

/** Places a local variable on the current task's stack, there until the task ends (or the enclosing frame does). */
export const stack_alloc = (kernel: Kernel, size: number): VirtAddr => kernel.mm.currentStack().push(size);

/** Whether an address is on the current task's stack. */
export const object_is_on_stack = (kernel: Kernel, address: VirtAddr): boolean => {
  const { base, size } = kernel.mm.currentStack();
  return address >= base && address < base + size;
};
