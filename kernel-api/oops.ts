/**
 * The kernel cannot go on at this point: a wild pointer was followed, a `BUG_ON` was true. Real Linux kills the task;
 * here the exception travels through the driver's code and fails the scenario, with the message as its reason.
 */
export class KernelOops extends Error {
  override readonly name = 'KernelOops';
}

/** `BUG_ON`: stops the kernel with a sentence if the condition holds. */
export function BUG_ON(condition: boolean, message: string): asserts condition is false {
  if (condition) throw new KernelOops(message);
}
