import {
  BUS_OK,
  dmaAddr,
  dmaRead,
  dmaWrite,
  patternBytes,
  type BusOutcome,
  type DevicePort,
  type DmaAddr,
} from 'dmalab';

/** The most that one step moves. */
const STEP_BYTES = 256;

/** One packet on its way, or one copy. */
export interface Route {
  readonly kind: 'receive' | 'send' | 'copy';
  readonly address: DmaAddr;
  /** Of a copy. */
  readonly target?: DmaAddr;
  readonly length: number;
  /** Of what is received. */
  readonly seed?: number;
}

/** What the engine is moving: a little with each step. */
export class Transfer {
  readonly route: Route;
  /** Bytes moved so far. */
  moved = 0;
  /** The packet, as far as it came. */
  readonly bytes: Uint8Array;

  constructor(route: Route) {
    const { kind, length, seed = 0 } = route;
    this.route = route;
    this.bytes = kind === 'receive' ? patternBytes(seed, 0, length) : new Uint8Array(length);
  }

  get over(): boolean {
    return this.moved >= this.route.length;
  }

  step(port: DevicePort): BusOutcome {
    const { route, moved } = this;
    const length = Math.min(STEP_BYTES, route.length - moved);
    const outcome = route.kind === 'receive' ? this.write(port, route.address, length) : this.read(port, length);
    if (outcome === BUS_OK) this.moved += length;
    return outcome;
  }

  private read(port: DevicePort, length: number): BusOutcome {
    const { address, target } = this.route;
    const { outcome, bytes } = dmaRead(port, dmaAddr(address + BigInt(this.moved)), length);
    if (outcome !== BUS_OK) return outcome;
    this.bytes.set(bytes, this.moved);
    return target === undefined ? BUS_OK : this.write(port, target, length);
  }

  private write(port: DevicePort, to: DmaAddr, length: number): BusOutcome {
    const { bytes, moved } = this;
    return dmaWrite(port, dmaAddr(to + BigInt(moved)), bytes.subarray(moved, moved + length));
  }
}
