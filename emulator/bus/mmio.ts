import type { BusOutcome } from '../../base/bus-outcome';
import type { U64 } from '../../base/u64';

/** Widths of a bus access to registers, in bytes. */
export type AccessWidth = 1 | 2 | 4 | 8;

/** A block of registers as the bus sees it. Usually a `RegisterBlock`; anything may implement it. */
export interface MmioTarget {
  /** The block's name, for the trace and for messages. */
  readonly name: string;
  /** Bytes of address space it decodes, from offset 0. */
  readonly size: number;
  /**
   * A read of `width` bytes at `offset`. The value goes into `into` (zero-extended). Never throws.
   * Natural alignment is the bus's business: a target never sees a misaligned access.
   */
  read(offset: number, width: AccessWidth, into: U64): BusOutcome;
  /** A write of `width` bytes; `lo` and `hi` are unsigned halves, zero-extended. Never throws. */
  write(offset: number, width: AccessWidth, lo: number, hi: number): BusOutcome;
  /** A read without side effects, for debuggers and reports. */
  peek(offset: number, width: AccessWidth, into: U64): BusOutcome;
}
