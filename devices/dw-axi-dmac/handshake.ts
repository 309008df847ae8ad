import type { Register } from '../../emulator/registers/register';
import { SWHS_REQ, SWHS_REQ_WE, SWHS_SGLREQ, SWHS_SGLREQ_WE } from './spec';

/** The two request levels of a peripheral. A `DmaRequestLine` has them. */
export interface RequestLevels {
  readonly single: boolean;
  readonly burst: boolean;
}

/** What a handshake number without a peripheral behind it looks like. */
export const NO_REQUEST: RequestLevels = { single: false, burst: false };

/** Requests that software makes by writing `CH_SWHSSRC` or `CH_SWHSDST`; the controller takes them back when served. */
export class SoftwareRequest implements RequestLevels {
  private readonly register: Register;

  constructor(register: Register) {
    this.register = register;
  }

  get single(): boolean {
    return (this.register.lo & SWHS_SGLREQ) !== 0;
  }

  get burst(): boolean {
    return (this.register.lo & SWHS_REQ) !== 0;
  }

  /** A write by software: each request bit counts only together with its write enable. */
  write(bits: number): void {
    if ((bits & SWHS_REQ_WE) !== 0) this.set(SWHS_REQ, bits);
    if ((bits & SWHS_SGLREQ_WE) !== 0) this.set(SWHS_SGLREQ, bits);
  }

  private set(mask: number, bits: number): void {
    this.register.lo = ((this.register.lo & ~mask) | (bits & mask)) >>> 0;
  }

  /** Both requests are served. */
  clear(): void {
    this.register.lo = 0;
  }
}

/**
 * One side's handshake while a channel is enabled.
 *
 * As long as a whole burst remains of the block only a burst request counts. In the rest, the single transaction region,
 * a burst request takes what is left (an early-terminated burst) and a single request takes one item.
 */
export class Handshake {
  private levels: RequestLevels = NO_REQUEST;
  private software: SoftwareRequest | undefined;

  /** The peripheral's wires. */
  useHardware(levels: RequestLevels): void {
    this.levels = levels;
    this.software = undefined;
  }

  /** The channel's handshake register. */
  useSoftware(request: SoftwareRequest): void {
    this.levels = request;
    this.software = request;
  }

  /** Items to move now, of `left` in the block and in bursts of `burst`; 0 without a request. */
  itemsFor(left: number, burst: number): number {
    if (this.levels.burst) return Math.min(left, burst);
    return this.levels.single && left < burst ? Math.min(left, 1) : 0;
  }

  /** The transaction is complete. */
  acknowledge(): void {
    this.software?.clear();
  }
}
