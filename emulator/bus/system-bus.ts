import { PAGE_SIZE } from '../../base/address';
import { BUS_ACCESS_FAULT, BUS_NO_ADDRESS, BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import { LabError } from '../../base/errors';
import { bytesOfWords, hex, u64, type U64 } from '../../base/u64';
import type { Ram } from '../memory/ram';
import { COPY_WRITE_SIDE } from './device-port';
import type { MmioTarget } from './mmio';
import { peekRegisters, readRegisters, writeRegisters } from './mmio-access';
import { MmioMap } from './mmio-map';
import type { MemoryMark, PhysicalBus } from './physical-bus';

/**
 * The interconnect of a board: RAM first, since nearly every access goes there, then register blocks, then nothing.
 *
 * Registers take naturally aligned accesses of 1, 2, 4 or 8 bytes, or runs of aligned words; any other size or alignment
 * answers `BUS_ACCESS_FAULT`.
 */
export class SystemBus implements PhysicalBus {
  private readonly ram: Ram;
  private readonly map = new MmioMap();

  constructor(ram: Ram) {
    this.ram = ram;
  }

  load32(address: number): number {
    const value = this.ram.load32(address);
    return value === BUS_NO_ADDRESS ? this.loadRegister32(address) : value;
  }

  private loadRegister32(address: number): number {
    const mount = this.map.find(address);
    if (mount === undefined || address + 4 > mount.end) return BUS_NO_ADDRESS;
    if (address % 4 !== 0) return BUS_ACCESS_FAULT;
    const value = u64();
    const outcome = mount.target.read(address - mount.base, 4, value);
    return outcome === BUS_OK ? value.lo : outcome;
  }

  load64(address: number, into: U64): BusOutcome {
    const outcome = this.ram.load64(address, into);
    if (outcome !== BUS_NO_ADDRESS) return outcome;
    const mount = this.map.find(address);
    if (mount === undefined || address + 8 > mount.end) return BUS_NO_ADDRESS;
    if (address % 8 !== 0) return BUS_ACCESS_FAULT;
    return mount.target.read(address - mount.base, 8, into);
  }

  descend(root: number, levels: number, page: number, bits: number, pointer: number, clearHigh: number): number {
    return this.ram.descend(root, levels, page, bits, pointer, clearHigh);
  }

  entryLow(at: number): number {
    return this.ram.entryLow(at);
  }

  entryHigh(at: number): number {
    return this.ram.entryHigh(at);
  }

  readWords(page: number, offset: number, into: Int32Array, at: number, count: number): BusOutcome {
    if (this.ram.readWords(page, offset, into, at, count)) return BUS_OK;
    return this.read(page * PAGE_SIZE + offset, bytesOfWords(into), 4 * at, 4 * count);
  }

  writeWords(page: number, offset: number, from: Int32Array, at: number, count: number): BusOutcome {
    if (this.ram.writeWords(page, offset, from, at, count)) return BUS_OK;
    return this.write(page * PAGE_SIZE + offset, bytesOfWords(from), 4 * at, 4 * count);
  }

  readPiece(page: number, offset: number, into: Uint8Array, at: number, length: number): BusOutcome {
    if (this.ram.readPiece(page, offset, into, at, length)) return BUS_OK;
    return this.read(page * PAGE_SIZE + offset, into, at, length);
  }

  writePiece(page: number, offset: number, from: Uint8Array, at: number, length: number): BusOutcome {
    if (this.ram.writePiece(page, offset, from, at, length)) return BUS_OK;
    return this.write(page * PAGE_SIZE + offset, from, at, length);
  }

  copyPiece(fromPage: number, fromOffset: number, toPage: number, toOffset: number, length: number): number {
    if (this.ram.copyPiece(fromPage, fromOffset, toPage, toOffset, length)) return BUS_OK;
    return this.copy(fromPage * PAGE_SIZE + fromOffset, toPage * PAGE_SIZE + toOffset, length);
  }

  copyRun(from: Float64Array, to: Float64Array, length: Float64Array, start: number, end: number): number {
    return this.ram.copyRun(from, to, length, start, end);
  }

  store32(address: number, value: number): BusOutcome {
    const outcome = this.ram.store32(address, value);
    if (outcome !== BUS_NO_ADDRESS) return outcome;
    const mount = this.map.find(address);
    if (mount === undefined || address + 4 > mount.end) return BUS_NO_ADDRESS;
    if (address % 4 !== 0) return BUS_ACCESS_FAULT;
    return mount.target.write(address - mount.base, 4, value >>> 0, 0);
  }

  store64(address: number, lo: number, hi: number): BusOutcome {
    const outcome = this.ram.store64(address, lo, hi);
    if (outcome !== BUS_NO_ADDRESS) return outcome;
    const mount = this.map.find(address);
    if (mount === undefined || address + 8 > mount.end) return BUS_NO_ADDRESS;
    if (address % 8 !== 0) return BUS_ACCESS_FAULT;
    return mount.target.write(address - mount.base, 8, lo >>> 0, hi >>> 0);
  }

  read(address: number, into: Uint8Array, at: number, length: number): BusOutcome {
    if (!(length > 0)) return BUS_OK;
    const outcome = this.ram.read(address, into, at, length);
    if (outcome !== BUS_NO_ADDRESS) return outcome;
    const mount = this.map.find(address);
    return mount === undefined ? BUS_NO_ADDRESS : readRegisters(mount, address, into, at, length);
  }

  write(address: number, from: Uint8Array, at: number, length: number): BusOutcome {
    if (!(length > 0)) return BUS_OK;
    const outcome = this.ram.write(address, from, at, length);
    if (outcome !== BUS_NO_ADDRESS) return outcome;
    const mount = this.map.find(address);
    return mount === undefined ? BUS_NO_ADDRESS : writeRegisters(mount, address, from, at, length);
  }

  copy(from: number, to: number, length: number): number {
    if (!(length > 0)) return BUS_OK;
    const result = this.ram.copy(from, to, length);
    if (result !== BUS_NO_ADDRESS && result !== BUS_NO_ADDRESS + COPY_WRITE_SIDE) return result;
    return this.copyRegisters(from, to, length);
  }

  /** A copy with registers, or nothing, at one end at least. Reading comes first, whatever then becomes of the write. */
  private copyRegisters(from: number, to: number, length: number): number {
    if (!this.reaches(from, length)) return BUS_NO_ADDRESS;
    const buffer = new Uint8Array(length);
    const reading = this.read(from, buffer, 0, length);
    if (reading !== BUS_OK) return reading;
    const writing = this.write(to, buffer, 0, length);
    return writing === BUS_OK ? BUS_OK : writing + COPY_WRITE_SIDE;
  }

  private reaches(address: number, length: number): boolean {
    if (this.ram.contains(address, length)) return true;
    const mount = this.map.find(address);
    return mount !== undefined && address + length <= mount.end;
  }

  /** Fills RAM; registers refuse with `BUS_ACCESS_FAULT`. */
  fill(address: number, value: number, length: number): BusOutcome {
    if (!(length > 0)) return BUS_OK;
    const outcome = this.ram.fill(address, value, length);
    if (outcome !== BUS_NO_ADDRESS) return outcome;
    return this.reaches(address, length) ? BUS_ACCESS_FAULT : BUS_NO_ADDRESS;
  }

  isRam(address: number): boolean {
    return this.ram.contains(address, 1);
  }

  isRamPage(page: number): boolean {
    return this.ram.containsPage(page);
  }

  isMmio(address: number): boolean {
    return this.map.find(address) !== undefined;
  }

  mount(base: number, target: MmioTarget): void {
    for (const [index, bank] of this.ram.banks.entries()) {
      if (base < bank.base + bank.size && bank.base < base + target.size) {
        const where = `${hex(base)} to ${hex(base + target.size)}`;
        const there = `${hex(bank.base)} to ${hex(bank.base + bank.size)}`;
        throw new LabError(`${target.name} (${where}) overlaps memory[${index}] (${there})`, { what: target.name });
      }
    }
    this.map.add(base, target);
  }

  mark(address: number, length: number, mark: MemoryMark): void {
    this.ram.mark(address, length, mark);
  }

  unmark(address: number, length: number): void {
    this.ram.unmark(address, length);
  }

  peek(address: number, into: Uint8Array, at: number, length: number): BusOutcome {
    if (!(length > 0)) return BUS_OK;
    if (this.ram.peek(address, into, at, length) === BUS_OK) return BUS_OK;
    const mount = this.map.find(address);
    return mount === undefined ? BUS_NO_ADDRESS : peekRegisters(mount, address, into, at, length);
  }
}
