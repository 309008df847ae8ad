import type { Logger } from '../base/logger';
import type { Prng } from '../base/prng';
import type { Trace } from '../base/trace';
import type { DevicePort } from './bus/device-port';
import type { MmioTarget } from './bus/mmio';
import type { Clock } from './clock';
import type { DmaRequestLine } from './dma-request';
import type { InterruptLine } from './interrupts/interrupt-line';

/**
 * A device on the board. Everything in `devices/` implements this, and a scenario can bring its own.
 *
 * A device is built on its own, then connected once. Before that it has no clock, no memory and no wires, so it can do
 * nothing. It answers to three things only: accesses to its registers, its timers, and its handshake lines.
 */
export interface Device {
  /** Its name on the board and on the trace. */
  readonly name: string;
  /** Its register windows, in the order of its `reg` property. May be empty. */
  readonly mmio: readonly MmioTarget[];
  /** How many interrupt wires it drives. */
  readonly interruptCount: number;
  /** Whether it masters the bus, and so gets a port and a requester id. */
  readonly busMaster: boolean;
  /** Power-on: receives everything that it may ever use. Called exactly once, before any access. */
  connect(host: DeviceHost): void;
  /** Returns to the state after `connect`: registers reset, timers cancelled, wires low. */
  reset(): void;
}

/** What a board gives to a device. */
export interface DeviceHost {
  /** Simulated time; make timers from it. */
  readonly clock: Clock;
  readonly trace: Trace;
  readonly log: Logger;
  /** A random stream of the device's own. */
  readonly rng: Prng;
  /** The device's way to memory. Asking a device that is no bus master for it is a `LabError`. */
  readonly dma: DevicePort;
  /** Its interrupt wires, `interruptCount` of them. */
  readonly interrupts: readonly InterruptLine[];
  /**
   * Handshake lines. For a peripheral: its own, in the order of its `dmas` property. For a DMA controller: all lines
   * that end at it, by handshake number (an unused number has no line).
   */
  readonly dmaRequests: readonly (DmaRequestLine | undefined)[];
}
