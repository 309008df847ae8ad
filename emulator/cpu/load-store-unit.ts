import type { PhysAddr } from '../../base/address';
import { BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import type { U64 } from '../../base/u64';
import { copyOutcome } from '../bus/device-port';
import type { PhysicalBus } from '../bus/physical-bus';
import type { CpuMemory } from '../cpu-port';

/** A run of register accesses moves words; what fits one access is one access. */
const SINGLE_ACCESS = 8;
const RUN_WIDTH = 4;

/**
 * Loads and stores over a bus. Everything outside RAM costs time, a hole too, so that no poll can go on forever within one
 * instant.
 */
export abstract class LoadStoreUnit implements CpuMemory {
  protected readonly bus: PhysicalBus;
  protected readonly mmioReadNs: number;
  protected readonly mmioWriteNs: number;
  private readonly scratch = new Uint8Array(2);

  protected constructor(bus: PhysicalBus, mmioReadNs: number, mmioWriteNs: number) {
    this.bus = bus;
    this.mmioReadNs = mmioReadNs;
    this.mmioWriteNs = mmioWriteNs;
  }

  /** Spends time on an access. */
  abstract elapse(nanoseconds: number): void;

  load8(address: PhysAddr): number {
    const outcome = this.readBytes(address, this.scratch, 0, 1);
    return outcome === BUS_OK ? this.scratch[0]! : outcome;
  }

  load16(address: PhysAddr): number {
    const outcome = this.readBytes(address, this.scratch, 0, 2);
    return outcome === BUS_OK ? this.scratch[0]! | (this.scratch[1]! << 8) : outcome;
  }

  load32(address: PhysAddr): number {
    if (!this.bus.isRam(address)) this.elapse(this.mmioReadNs);
    return this.bus.load32(address);
  }

  load64(address: PhysAddr, into: U64): BusOutcome {
    if (!this.bus.isRam(address)) this.elapse(this.mmioReadNs);
    return this.bus.load64(address, into);
  }

  store8(address: PhysAddr, value: number): BusOutcome {
    this.scratch[0] = value;
    return this.writeBytes(address, this.scratch, 0, 1);
  }

  store16(address: PhysAddr, value: number): BusOutcome {
    this.scratch[0] = value;
    this.scratch[1] = value >>> 8;
    return this.writeBytes(address, this.scratch, 0, 2);
  }

  store32(address: PhysAddr, value: number): BusOutcome {
    const outcome = this.bus.store32(address, value);
    if (!this.bus.isRam(address)) this.elapse(this.mmioWriteNs);
    return outcome;
  }

  store64(address: PhysAddr, lo: number, hi: number): BusOutcome {
    const outcome = this.bus.store64(address, lo, hi);
    if (!this.bus.isRam(address)) this.elapse(this.mmioWriteNs);
    return outcome;
  }

  readBytes(address: PhysAddr, into: Uint8Array, at: number, length: number): BusOutcome {
    this.payForAccess(address, length, this.mmioReadNs);
    return this.bus.read(address, into, at, length);
  }

  writeBytes(address: PhysAddr, from: Uint8Array, at: number, length: number): BusOutcome {
    const outcome = this.bus.write(address, from, at, length);
    this.payForAccess(address, length, this.mmioWriteNs);
    return outcome;
  }

  fillBytes(address: PhysAddr, value: number, length: number): BusOutcome {
    const outcome = this.bus.fill(address, value, length);
    this.payForAccess(address, length, this.mmioWriteNs);
    return outcome;
  }

  copyBytes(to: PhysAddr, from: PhysAddr, length: number): BusOutcome {
    this.payForAccess(from, length, this.mmioReadNs);
    const outcome = copyOutcome(this.bus.copy(from, to, length));
    this.payForAccess(to, length, this.mmioWriteNs);
    return outcome;
  }

  private payForAccess(address: PhysAddr, length: number, each: number): void {
    if (!(length > 0) || this.bus.isRam(address)) return;
    this.elapse(length <= SINGLE_ACCESS ? each : each * Math.ceil(length / RUN_WIDTH));
  }
}
