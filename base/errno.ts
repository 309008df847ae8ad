/**
 * Error numbers, as `include/uapi/asm-generic/errno-base.h`, `errno.h` and `include/linux/errno.h` number them.
 * Kernel functions return them negated, as in C: `return -EINVAL`.
 */
export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const E2BIG = 7;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EFAULT = 14;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const EINVAL = 22;
export const ENOSPC = 28;
export const ERANGE = 34;
export const ENOSYS = 38;
export const ENODATA = 61;
export const ETIME = 62;
export const EILSEQ = 84;
export const EREMOTEIO = 121;
export const EOVERFLOW = 75;
export const EOPNOTSUPP = 95;
export const ENOTSUPP = 524;
export const EADDRINUSE = 98;
export const ETIMEDOUT = 110;
export const ECANCELED = 125;
export const EPROBE_DEFER = 517;

const NAMES = new Map<number, string>([
  [EPERM, 'EPERM'],
  [ENOENT, 'ENOENT'],
  [EINTR, 'EINTR'],
  [EIO, 'EIO'],
  [ENXIO, 'ENXIO'],
  [E2BIG, 'E2BIG'],
  [EBADF, 'EBADF'],
  [EAGAIN, 'EAGAIN'],
  [ENOMEM, 'ENOMEM'],
  [EACCES, 'EACCES'],
  [EFAULT, 'EFAULT'],
  [EBUSY, 'EBUSY'],
  [EEXIST, 'EEXIST'],
  [ENODEV, 'ENODEV'],
  [EINVAL, 'EINVAL'],
  [ENOSPC, 'ENOSPC'],
  [ERANGE, 'ERANGE'],
  [ENOSYS, 'ENOSYS'],
  [ENODATA, 'ENODATA'],
  [ETIME, 'ETIME'],
  [EILSEQ, 'EILSEQ'],
  [EREMOTEIO, 'EREMOTEIO'],
  [EOVERFLOW, 'EOVERFLOW'],
  [EOPNOTSUPP, 'EOPNOTSUPP'],
  [ENOTSUPP, 'ENOTSUPP'],
  [EADDRINUSE, 'EADDRINUSE'],
  [ETIMEDOUT, 'ETIMEDOUT'],
  [ECANCELED, 'ECANCELED'],
  [EPROBE_DEFER, 'EPROBE_DEFER'],
]);

/** The name of an error number of either sign, as `%pe` prints it: `-EINVAL`; the bare number if it has none. */
export const errnoName = (error: number): string => {
  const name = NAMES.get(Math.abs(error));
  return name === undefined ? String(error) : `-${name}`;
};
