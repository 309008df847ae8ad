import type { PhysAddr } from '../base/address';
import type { BusOutcome } from '../base/bus-outcome';
import type { Trace } from '../base/trace';
import type { U64 } from '../base/u64';

/** What the CPU calls when it takes an interrupt. Runs with interrupts disabled, like a trap handler. */
export interface TrapHandlers {
  /** The external interrupt input (from the interrupt controller) is high. */
  external(): void;
  /** The CPU's own timer reached its deadline; it is disarmed by then. */
  timer(): void;
}

/**
 * Loads and stores by physical address.
 *
 * Loads of up to 32 bits return the value, or a negative `BUS_*` outcome in its place. An access must be naturally
 * aligned when it reaches registers; in RAM any alignment works.
 *
 * An access to registers takes simulated time (as `writel` and `readl` do on a real bus), and hardware that is due by
 * then acts before the access returns. An access to RAM takes none.
 */
export interface CpuMemory {
  load8(address: PhysAddr): number;
  load16(address: PhysAddr): number;
  load32(address: PhysAddr): number;
  load64(address: PhysAddr, into: U64): BusOutcome;
  store8(address: PhysAddr, value: number): BusOutcome;
  store16(address: PhysAddr, value: number): BusOutcome;
  store32(address: PhysAddr, value: number): BusOutcome;
  store64(address: PhysAddr, lo: number, hi: number): BusOutcome;

  /** Reads bytes of memory into `into` at `at`. */
  readBytes(address: PhysAddr, into: Uint8Array, at: number, length: number): BusOutcome;
  /** Writes bytes of `from`, starting at `at`, to memory. */
  writeBytes(address: PhysAddr, from: Uint8Array, at: number, length: number): BusOutcome;
  /** `memset` within memory. */
  fillBytes(address: PhysAddr, value: number, length: number): BusOutcome;
  /** `memmove` within memory. */
  copyBytes(to: PhysAddr, from: PhysAddr, length: number): BusOutcome;
}

/**
 * All of the hardware that kernel code can see: memory and registers by physical address, the cache operations, fences, the
 * passing of time, interrupts.
 *
 * The port's own loads and stores are those of ordinary, cacheable memory; `uncached` has the others.
 */
export interface CpuPort extends CpuMemory {
  /** Simulated time in nanoseconds. */
  readonly now: number;
  readonly trace: Trace;

  /**
   * The same memory and registers past the cache: what a page mapped as non-cacheable (Svpbmt's NC) gives. What the cache
   * holds of the same lines is neither seen nor changed. On a machine without a modelled cache it is the port itself.
   */
  readonly uncached: CpuMemory;
  /** `cbo.clean` on every line that a range touches: what is dirty is written to RAM and stays in the cache. */
  cleanLines(address: PhysAddr, length: number): void;
  /** `cbo.inval` on every line that a range touches: the cache forgets them, what was dirty is lost. */
  invalidateLines(address: PhysAddr, length: number): void;
  /** `cbo.flush` on every line that a range touches: cleaned, then forgotten. */
  flushLines(address: PhysAddr, length: number): void;
  /** `fence ow, ow` and stronger: whatever was stored before is in the cache, or in memory, for everyone to see. */
  fence(): void;
  /** `fence w, w`: stores to memory before this are seen before those after it. Registers are not waited for. */
  orderStores(): void;

  /** Spends CPU time: hardware due by then acts, interrupts are taken as they come (unless disabled). */
  elapse(nanoseconds: number): void;
  /** Whether interrupts are taken. Enabling them takes those that are pending at once. */
  readonly interruptsEnabled: boolean;
  /** Enables or disables interrupts; returns what was before (`local_irq_save`). */
  setInterruptsEnabled(enabled: boolean): boolean;
  /** Sets the deadline of the CPU's timer (absolute nanoseconds); `Infinity` disarms it. */
  setTimer(deadline: number): void;
  /** Installs the kernel's trap handlers. Until then interrupts stay pending. */
  setTrapHandlers(handlers: TrapHandlers): void;
  /**
   * Idles until an interrupt has been taken. Returns false if none can ever come, because no hardware event is
   * pending: the machine is dead.
   */
  waitForInterrupt(): boolean;
}
