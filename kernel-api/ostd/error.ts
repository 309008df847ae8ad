import { EBUSY, EFAULT, EINVAL, EIO, ENOMEM, EOVERFLOW } from '../../base/errno';
import { KernelError } from '../rust/kernel-error';

/** The kinds of error (`ostd::Error`), each with the error number that Asterinas turns it into for its kernel's code. */
const ERRNO = {
  /** An argument is wrong: a range out of bounds, no frames at all. */
  InvalidArgs: EINVAL,
  /** There is no memory. */
  NoMemory: ENOMEM,
  /** User memory is not there. Nothing here raises it. */
  PageFault: EFAULT,
  /** The direction, or the device, does not allow this. */
  AccessDenied: EFAULT,
  /** The platform refused. */
  IoError: EIO,
  /** There are no addresses left, or the machine cannot do this. */
  NotEnoughResources: EBUSY,
  /** A sum is larger than any address. */
  Overflow: EOVERFLOW,
} as const;

/** A kind of error. */
export type OstdErrorKind = keyof typeof ERRNO;

/** An error of OSTD, thrown: what `Err(Error::InvalidArgs)` is in Rust. `error.kind` tells which. */
export class OstdError extends KernelError {
  override readonly name = 'OstdError';
  readonly kind: OstdErrorKind;
  /** Bytes that were done before it happened, where a call says so; else 0. */
  readonly done: number;

  /** @param what completes the message: "InvalidArgs: bytes 0 to 9000 of 8192" */
  constructor(kind: OstdErrorKind, what: string, done = 0) {
    super(ERRNO[kind], what);
    this.message = `${kind}: ${what}`;
    this.kind = kind;
    this.done = done;
  }
}
