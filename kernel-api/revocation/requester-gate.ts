import { ENODEV, ERANGE } from '../../base/errno';
import type { IoMem } from '../io/io-mem';
import {
  GATE_CLOSED,
  GATE_CONFIG,
  GATE_CONFIG_REQUESTERS,
  GATE_DROPPED_READS,
  GATE_DROPPED_WRITES,
  GATE_ID,
  GATE_ID_VALUE,
  GATE_MAJOR,
  GATE_SELECT,
  GATE_VERSION,
  GATE_VERSION_MAJOR_SHIFT,
} from './requester-gate-regs';

/** A requester gate in operation: lets requesters through to the bus, or not. */
export class RequesterGate {
  private readonly io: IoMem;
  /** Ids below this are guarded. */
  readonly requesters: number;

  private constructor(io: IoMem) {
    this.io = io;
    this.requesters = io.readl(GATE_CONFIG) & GATE_CONFIG_REQUESTERS;
  }

  /** The gate behind a register window; `-ENODEV` if it is none, or one that this driver does not know. */
  static create(io: IoMem): RequesterGate | number {
    const known =
      io.readl(GATE_ID) === GATE_ID_VALUE && io.readl(GATE_VERSION) >>> GATE_VERSION_MAJOR_SHIFT === GATE_MAJOR;
    return known ? new RequesterGate(io) : -ENODEV;
  }

  /** From now on no access of this requester reaches the bus. 0, or `-ERANGE` if the gate does not guard it. */
  close(requester: number): number {
    return this.set(requester, true);
  }

  /** Accesses of this requester reach the bus again. 0, or `-ERANGE` if the gate does not guard it. */
  open(requester: number): number {
    return this.set(requester, false);
  }

  /** Whether a requester is turned away. */
  isClosed(requester: number): boolean {
    if (requester >= this.requesters) return false;
    return ((this.io.readl(wordOf(requester)) >>> (requester & 31)) & 1) === 1;
  }

  /** How many accesses of a requester were turned away. */
  dropped(requester: number): { reads: number; writes: number } {
    this.io.writel(GATE_SELECT, requester);
    return { reads: this.io.readl(GATE_DROPPED_READS), writes: this.io.readl(GATE_DROPPED_WRITES) };
  }

  /** The write takes effect before it returns; reading back makes sure that it has arrived. */
  private set(requester: number, closed: boolean): number {
    if (requester >= this.requesters) return -ERANGE;
    const word = wordOf(requester);
    const bit = 1 << (requester & 31);
    const before = this.io.readl(word);
    this.io.writel(word, closed ? before | bit : before & ~bit);
    this.io.readl(word);
    return 0;
  }
}

const wordOf = (requester: number): number => GATE_CLOSED + (requester >>> 5) * 4;
