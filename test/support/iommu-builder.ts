import { physAddr } from '../../base/address';
import { BUS_OK } from '../../base/bus-outcome';
import { Trace } from '../../base/trace';
import { u64, u64ToBigInt } from '../../base/u64';
import { SystemBus } from '../../emulator/bus/system-bus';
import type { AccessKind } from '../../emulator/bus/translator';
import { Clock } from '../../emulator/clock';
import { RiscvIommu } from '../../emulator/iommu/iommu';
import type { RiscvIommuOptions } from '../../emulator/iommu/options';
import { Ram } from '../../emulator/memory/ram';

/*
 * A board with RAM and an IOMMU, and a driver's side of it: tables and queues built in memory from bit positions as the
 * specification gives them, on purpose without the constants of the code under test.
 */

/** Register offsets of the specification. */
export const REG = {
  capabilities: 0,
  fctl: 8,
  ddtp: 16,
  cqb: 24,
  cqh: 32,
  cqt: 36,
  fqb: 40,
  fqh: 48,
  fqt: 52,
  cqcsr: 72,
  fqcsr: 76,
  ipsr: 84,
  icvec: 760,
} as const;

/** Bits of a PTE. */
export const V = 1n;
export const R = 2n;
export const W = 4n;
export const X = 8n;
export const U = 16n;
export const G = 32n;
export const A = 64n;
export const D = 128n;
export const N = 1n << 63n;
/** Everything allowed, nothing left to update. */
export const RWX = V | R | W | X | U | A | D;
export const RW = V | R | W | U | A | D;

/** Bits of `tc`. */
export const TC = {
  V: 1n,
  EN_ATS: 2n,
  EN_PRI: 4n,
  T2GPA: 8n,
  DTF: 16n,
  PDTV: 32n,
  PRPR: 64n,
  GADE: 128n,
  SADE: 256n,
  DPE: 512n,
  SBE: 1024n,
  SXL: 2048n,
} as const;

export type Mode = 39 | 48 | 57;
/** Levels of a page table. */
export const levelsOf = (mode: Mode): number => (mode - 12) / 9;

/** A PPN in bits 53:10. */
export const ppn = (page: number | bigint): bigint => BigInt(page) << 10n;

/** RAM here is out of reach with a `PAS` of 34. */
export const BEYOND_34_BITS = 2 ** 34;

export const OFF = 0;
export const BARE = 1;
export const LVL1 = 2;
export const LVL2 = 3;
export const LVL3 = 4;

/** A device context in base format, doubleword by doubleword. */
export interface Context {
  readonly tc?: bigint;
  readonly iohgatp?: bigint;
  readonly ta?: bigint;
  readonly fsc?: bigint;
}

/** A fault record, decoded. */
export interface FaultRecord {
  readonly cause: number;
  readonly ttyp: number;
  readonly did: number;
  readonly iotval: bigint;
}

/** The doublewords of a command. */
export type CommandWords = readonly [bigint, bigint];

export const iotinvalVma = (
  operands: { address?: bigint; pscid?: number; gscid?: number; nl?: boolean; s?: boolean } = {},
): CommandWords => {
  let word0 = 1n;
  let word1 = 0n;
  if (operands.address !== undefined) {
    word0 |= 1n << 10n;
    word1 |= (operands.address >> 12n) << 10n;
  }
  if (operands.pscid !== undefined) word0 |= (1n << 32n) | (BigInt(operands.pscid) << 12n);
  if (operands.gscid !== undefined) word0 |= (1n << 33n) | (BigInt(operands.gscid) << 44n);
  if (operands.nl === true) word0 |= 1n << 34n;
  if (operands.s === true) word1 |= 1n << 9n;
  return [word0, word1];
};

export const iodirInvalDdt = (did?: number): CommandWords =>
  did === undefined ? [3n, 0n] : [3n | (1n << 33n) | (BigInt(did) << 40n), 0n];

export const iofence = (operands: { address?: number; data?: number; wsi?: boolean } = {}): CommandWords => {
  let word0 = 2n | (3n << 12n);
  let word1 = 0n;
  if (operands.address !== undefined) {
    word0 |= (1n << 10n) | (BigInt(operands.data ?? 0) << 32n);
    word1 = BigInt(operands.address) >> 2n;
  }
  if (operands.wsi === true) word0 |= 1n << 11n;
  return [word0, word1];
};

/** A first-stage page table in memory. */
export class FirstStage {
  readonly mode: Mode;
  readonly root: number;
  private readonly board: IommuBoard;

  constructor(board: IommuBoard, mode: Mode) {
    this.board = board;
    this.mode = mode;
    this.root = board.allocate();
  }

  /** `iosatp` for a device context. */
  get iosatp(): bigint {
    return (BigInt(8 + (this.mode - 39) / 9) << 60n) | BigInt(this.root / 4096);
  }

  /** The address of the PTE at a level for an IOVA; tables on the way are made with `pointerBits`. */
  entry(iova: bigint, level = 0, pointerBits = V): number {
    let table = this.root;
    for (let at = levelsOf(this.mode) - 1; ; at--) {
      const address = table + Number((iova >> BigInt(12 + 9 * at)) & 0x1ffn) * 8;
      if (at === level) return address;
      let pointer = this.board.load(address);
      if ((pointer & V) === 0n) {
        pointer = ppn(this.board.allocate() / 4096) | pointerBits;
        this.board.store(address, pointer);
      }
      table = Number((pointer >> 10n) & 0xfff_ffff_ffffn) * 4096;
    }
  }

  /** Writes a leaf. `physical` in bytes. */
  map(iova: bigint, physical: number | bigint, bits: bigint, level = 0): number {
    const address = this.entry(iova, level);
    this.board.store(address, ppn(BigInt(physical) >> 12n) | bits);
    return address;
  }
}

/** RAM, clock, IOMMU, and helpers that play its driver. */
export class IommuBoard {
  readonly ram: Ram;
  readonly bus: SystemBus;
  readonly clock = new Clock();
  readonly trace = new Trace(() => this.clock.now);
  /** Levels of the interrupt wires. */
  readonly wires = [false, false, false, false];
  readonly iommu: RiscvIommu;
  cq = 0;
  fq = 0;
  cqSize = 0;
  fqSize = 0;
  ddt = 0;
  ddtLevels = 0;
  private nextPage = 0x8000_0000;

  constructor(options: RiscvIommuOptions = {}) {
    this.ram = new Ram([
      { base: physAddr(0x8000_0000), size: 0x100_0000 },
      { base: physAddr(0x1_0000_0000), size: 0x10_0000 },
      // Beyond the smallest PAS.
      { base: physAddr(BEYOND_34_BITS), size: 0x1_0000 },
    ]);
    this.bus = new SystemBus(this.ram);
    const lines = this.wires.map((_, index) => ({ set: (level: boolean) => void (this.wires[index] = level) }));
    this.iommu = new RiscvIommu(options, this.bus, this.clock, this.trace, lines);
  }

  /** Zeroed pages; returns the address of the first. */
  allocate(pages = 1): number {
    const address = this.nextPage;
    this.nextPage += pages * 4096;
    return address;
  }

  load(address: number): bigint {
    const value = u64();
    if (this.bus.load64(address, value) !== BUS_OK) throw new Error(`load at ${address.toString(16)}`);
    return u64ToBigInt(value.lo, value.hi);
  }

  store(address: number, value: bigint): void {
    const outcome = this.bus.store64(address, Number(value & 0xffff_ffffn), Number((value >> 32n) & 0xffff_ffffn));
    if (outcome !== BUS_OK) throw new Error(`store at ${address.toString(16)}`);
  }

  read32(offset: number): number {
    const value = u64();
    this.iommu.read(offset, 4, value);
    return value.lo;
  }

  read64(offset: number): bigint {
    const value = u64();
    this.iommu.read(offset, 8, value);
    return u64ToBigInt(value.lo, value.hi);
  }

  write32(offset: number, value: number): void {
    this.iommu.write(offset, 4, value >>> 0, 0);
  }

  write64(offset: number, value: bigint): void {
    this.iommu.write(offset, 8, Number(value & 0xffff_ffffn), Number((value >> 32n) & 0xffff_ffffn));
  }

  /** Lets everything that is due within this time happen. */
  elapse(nanoseconds: number): void {
    this.clock.runUntil(this.clock.now + nanoseconds);
  }

  /** Makes a device directory and switches it on. */
  makeDirectory(levels: 1 | 2 | 3): void {
    this.ddt = this.allocate();
    this.ddtLevels = levels;
    this.setMode(LVL1 + levels - 1, this.ddt);
  }

  setMode(mode: number, root = 0): void {
    this.write64(REG.ddtp, BigInt(mode) | ppn(root / 4096));
    this.elapse(1000);
  }

  /** The address of a device's context; directory tables on the way are made. */
  contextAddress(did: number): number {
    let table = this.ddt;
    for (let level = this.ddtLevels - 1; level > 0; level--) {
      const address = table + ((did >> (7 + 9 * (level - 1))) & 0x1ff) * 8;
      if (this.load(address) === 0n) this.store(address, ppn(this.allocate() / 4096) | 1n);
      table = Number((this.load(address) >> 10n) & 0xfff_ffff_ffffn) * 4096;
    }
    return table + (did & 0x7f) * 32;
  }

  /** The address of the non-leaf directory entry of a device at a level. */
  directoryEntry(did: number, level: number): number {
    let table = this.ddt;
    for (let at = this.ddtLevels - 1; ; at--) {
      const address = table + ((did >> (7 + 9 * (at - 1))) & 0x1ff) * 8;
      if (at === level) return address;
      table = Number((this.load(address) >> 10n) & 0xfff_ffff_ffffn) * 4096;
    }
  }

  setContext(did: number, context: Context): number {
    const address = this.contextAddress(did);
    this.store(address + 8, context.iohgatp ?? 0n);
    this.store(address + 16, context.ta ?? 0n);
    this.store(address + 24, context.fsc ?? 0n);
    this.store(address, context.tc ?? TC.V);
    return address;
  }

  /** A page table, and a context that uses it. */
  attach(did: number, table: FirstStage, pscid = did, tc = 0n): void {
    this.setContext(did, { tc: TC.V | tc, ta: BigInt(pscid) << 12n, fsc: table.iosatp });
  }

  makeFirstStage(mode: Mode): FirstStage {
    return new FirstStage(this, mode);
  }

  /** Sets both queues up and switches them on with interrupts. Sizes are log2 of the number of entries. */
  enableQueues(cqLog2 = 5, fqLog2 = 5): void {
    this.cqSize = 2 ** cqLog2;
    this.fqSize = 2 ** fqLog2;
    this.cq = this.allocate(Math.ceil((this.cqSize * 16) / 4096));
    this.fq = this.allocate(Math.ceil((this.fqSize * 32) / 4096));
    this.write64(REG.cqb, ppn(this.cq / 4096) | BigInt(cqLog2 - 1));
    this.write64(REG.fqb, ppn(this.fq / 4096) | BigInt(fqLog2 - 1));
    this.write32(REG.cqcsr, 3);
    this.write32(REG.fqcsr, 3);
    this.elapse(1000);
    this.write32(REG.icvec, 0x10);
  }

  /** Puts commands in the queue and rings, without letting time pass. */
  queue(...commands: readonly CommandWords[]): void {
    let tail = this.read32(REG.cqt);
    for (const [word0, word1] of commands) {
      this.store(this.cq + tail * 16, word0);
      this.store(this.cq + tail * 16 + 8, word1);
      tail = (tail + 1) % this.cqSize;
    }
    this.write32(REG.cqt, tail);
  }

  /** Queues commands and waits until they are done (or the queue has stopped). */
  submit(...commands: readonly CommandWords[]): void {
    this.queue(...commands);
    this.elapse(1e6);
  }

  /** Takes all fault records out of the queue. Reserved fields must be zero. */
  takeFaults(): FaultRecord[] {
    const records: FaultRecord[] = [];
    let head = this.read32(REG.fqh);
    for (; head !== this.read32(REG.fqt); head = (head + 1) % this.fqSize) {
      const [word0, word1, iotval, iotval2] = [0, 8, 16, 24].map((at) => this.load(this.fq + head * 32 + at)) as [
        bigint,
        bigint,
        bigint,
        bigint,
      ];
      if (word1 !== 0n || iotval2 !== 0n || ((word0 >> 12n) & 0x3f_ffffn) !== 0n) throw new Error('stray bits');
      records.push({
        cause: Number(word0 & 0xfffn),
        ttyp: Number((word0 >> 34n) & 0x3fn),
        did: Number(word0 >> 40n),
        iotval,
      });
    }
    this.write32(REG.fqh, head);
    return records;
  }

  /** Translates an IOVA: the physical address, or -1 if it was refused. */
  translate(did: number, iova: bigint, kind: AccessKind = 0): number {
    const address = BigInt.asUintN(64, iova);
    const frame = this.iommu.translate(did, Number(address >> 12n), Number(address & 0xfffn), kind);
    return frame < 0 ? -1 : frame * 4096 + Number(address & 0xfffn);
  }

  /** Translates what must be refused; returns the one record of it, or undefined if none was written. */
  fault(did: number, iova: bigint, kind: AccessKind = 0): FaultRecord | undefined {
    this.takeFaults();
    if (this.translate(did, iova, kind) !== -1) throw new Error('the access was not refused');
    const records = this.takeFaults();
    if (records.length > 1) throw new Error('more than one record');
    return records[0];
  }
}

/** A board with a directory, queues on, and device 1 attached to a page table as `PSCID` 1. */
export const makeBoard = (
  options: RiscvIommuOptions = {},
  mode: Mode = 39,
  tc = 0n,
): { board: IommuBoard; table: FirstStage } => {
  const board = new IommuBoard(options);
  board.enableQueues();
  board.makeDirectory(1);
  const table = board.makeFirstStage(mode);
  board.attach(1, table, 1, tc);
  return { board, table };
};
