import { errnoName } from '../../base/errno';

/** An error of the kernel, thrown: what `Err(EINVAL)` is in Rust. */
export class KernelError extends Error {
  override readonly name: string = 'KernelError';
  /** The error number, positive: `error.errno === EINVAL`. */
  readonly errno: number;

  /**
   * @param errno an error number of either sign
   * @param what completes the message: "-EINVAL: no elements"
   */
  constructor(errno: number, what?: string) {
    super(what === undefined ? errnoName(errno) : `${errnoName(errno)}: ${what}`);
    this.errno = Math.abs(errno);
  }

  /** The error number as kernel functions return it, negative. */
  toErrno(): number {
    return -this.errno;
  }
}

/** Throws what a kernel function returned, if that is an error; else nothing (`error::to_result`). */
export const toResult = (returned: number, what?: string): void => {
  if (returned < 0) throw new KernelError(returned, what);
};

const errnoOf = (error: unknown): number => {
  if (error instanceof KernelError) return error.toErrno();
  throw error;
};

/**
 * Runs code of the typed APIs where the kernel expects a return code, such as in `probe` (`error::from_result`): what it
 * returns, 0 for nothing, or the negative number of a `KernelError`. Anything else that is thrown goes through.
 */
export function fromResult(body: () => Promise<number | void>): Promise<number>;
export function fromResult(body: () => number | void): number;
export function fromResult(body: () => number | void | Promise<number | void>): number | Promise<number> {
  try {
    const result = body();
    if (result instanceof Promise) return result.then((value) => value ?? 0, errnoOf);
    return result ?? 0;
  } catch (error) {
    return errnoOf(error);
  }
}
