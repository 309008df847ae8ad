/** A request that was posted. */
export interface PostedRequest<T> {
  readonly tag: T;
  /** Units that the device has not finished. */
  left: number;
  written: number;
  failed: boolean;
  status: number;
}

/** What is told to be done as one: a request, or a piece of it where each entry stands for itself or ends by itself. */
export interface Unit<T> {
  readonly request: PostedRequest<T>;
  /** What completions call it by. */
  readonly id: number;
  /** The places of its entries, in their order. */
  readonly slots: readonly number[];
  /** Its table; -1: it has none. */
  readonly table: number;
  /** It goes on with the frame of the unit before. */
  readonly goesOn: boolean;
  done: boolean;
}

/** What a completion says. */
export interface Completed {
  id: number;
  /** Bytes; -1: it does not say. */
  written: number;
  failed: boolean;
  status: number;
  /** Where the device is in the ring, by index; -1: it does not say. */
  head: number;
}
