import type { BusOutcome } from '../../base/bus-outcome';

/**
 * A bus master's way to memory. A device has this and nothing else: no RAM, no IOMMU, no physical address.
 *
 * Addresses are what the device emits, an unsigned 64-bit value carried as page number (up to 52 bits, exact in a double)
 * and offset (0 to 4095). On the way to memory an access loses the bits for which the device has no address wires,
 * passes the bus's windows (`dma-ranges`) and the IOMMU, which give it its physical address, and then the requester gate.
 *
 * An access may cross pages; it is carried out page by page and stops at the first that fails: what lay before is done.
 * `length` may be 0 (nothing happens) and is bounded by the buffer.
 */
export interface DevicePort {
  /** The requester id that accompanies every access (`device_id` of the IOMMU). */
  readonly requesterId: number;
  /** Number of address bits that leave the device. */
  readonly addressWires: number;
  /**
   * Reads of tables by the IOMMU so far, whoever they were for: by how much it grows over an access is how many that access
   * had to wait for.
   */
  readonly walkReads: number;

  /** Reads `length` bytes into `into` at `at`. */
  read(page: number, offset: number, into: Uint8Array, at: number, length: number): BusOutcome;

  /** Writes `length` bytes of `from`, starting at `at`. */
  write(page: number, offset: number, from: Uint8Array, at: number, length: number): BusOutcome;

  /**
   * `read` of `count` 32-bit words, little-endian in memory, into `into` from index `at`: the quick way to fetch a
   * descriptor, most so at a multiple of 4 within a page.
   */
  readWords(page: number, offset: number, into: Int32Array, at: number, count: number): BusOutcome;

  /** `write` of `count` 32-bit words of `from`, starting at index `at`. */
  writeWords(page: number, offset: number, from: Int32Array, at: number, count: number): BusOutcome;

  /**
   * Reads from one place and writes to another, as a DMA engine's data path does: the same two accesses as `read` and
   * `write`, without the detour through a buffer. The result is `BUS_OK`, the read's outcome, or the write's plus
   * `COPY_WRITE_SIDE`. Ranges that overlap behave as if all of `length` were read before any is written.
   */
  copy(fromPage: number, fromOffset: number, toPage: number, toOffset: number, length: number): number;
}

/** Added (it is negative) to the outcome of a copy whose write failed. */
export const COPY_WRITE_SIDE = -16;

/** Whether the failed side of a copy was its write. */
export const copyFailedWriting = (result: number): boolean => result <= COPY_WRITE_SIDE;

/** The bus outcome inside a result of `DevicePort.copy`. */
export const copyOutcome = (result: number): BusOutcome =>
  (result <= COPY_WRITE_SIDE ? result - COPY_WRITE_SIDE : result) as BusOutcome;
