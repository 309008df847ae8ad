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
 * All of the hardware that kernel code can see: loads and stores by physical address, the passing of time, interrupts.
 *
 * Loads of up to 32 bits return the value, or a negative `BUS_*` outcome in its place. An access must be naturally
 * aligned when it reaches registers; in RAM any alignment works.
 *
 * An access to registers takes simulated time (as `writel` and `readl` do on a real bus), and hardware that is due by
 * then acts before the access returns. An access to RAM takes none.
 */
export interface CpuPort {
  /** Simulated time in nanoseconds. */
  readonly now: number;
  readonly trace: Trace;

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
