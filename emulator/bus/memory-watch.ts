import type { PageFlags } from './page-flags';

/**
 * Who is told of every access to memory before it happens: checkers that must see each byte, for which the trace would be
 * too coarse. Must not act on the machine.
 *
 * The CPU's accesses are told of in program order, before store buffer and cache, and only where a page of theirs has a
 * flag. Bus masters' are told of behind translation and gate, piece by piece; the trace's event for the whole follows.
 */
export interface MemoryWatch {
  /** Which pages matter. Any flag will do; what they mean is the watcher's. */
  readonly pages: PageFlags;
  /** The CPU loads from a physical address, through the cache or past it. */
  cpuRead(address: number, length: number, uncached: boolean): void;
  /** The CPU stores to a physical address. */
  cpuWrite(address: number, length: number, uncached: boolean): void;
  /** The CPU moves memory. */
  cpuCopy(from: number, to: number, length: number, uncached: boolean): void;
  /** A bus master reads a range that crosses no page. */
  deviceRead(requester: number, address: number, length: number): void;
  /** A bus master writes a range that crosses no page. */
  deviceWrite(requester: number, address: number, length: number): void;
}
