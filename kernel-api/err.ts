/**
 * Error pointers and out-parameters (`include/linux/err.h`). A function that returns `ERR_PTR(-ENODEV)` in C returns the
 * number `-19` here: its type is `T | number`, and `IS_ERR` tells the two apart for the compiler as well.
 */

/** An out-parameter: `dma_addr_t *handle`. */
export interface Out<T> {
  value: T;
}

/** A fresh out-parameter with a first value. */
export const out = <T>(value: T): Out<T> => ({ value });

/** Whether a returned pointer is an error. */
export const IS_ERR = <T>(pointer: T | number): pointer is number => typeof pointer === 'number' && pointer < 0;

/** Whether a returned pointer is an error or NULL. */
export const IS_ERR_OR_NULL = <T>(pointer: T | number | null): pointer is number | null =>
  pointer === null || IS_ERR(pointer);

/** The (negative) error number of an error pointer. */
export const PTR_ERR = (pointer: number): number => pointer;
