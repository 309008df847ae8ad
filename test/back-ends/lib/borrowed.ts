import { dmaAddr, virtAddr } from '../../../base/address';
import { BUS_OK } from '../../../base/bus-outcome';
import type { Kernel } from '../../../kernel-api/kernel';
import { DMA_FROM_DEVICE } from '../../../kernel-api/dma/direction';
import { patternBytes } from '../../../lab/pattern';
import type { Master } from './bus-master';
import type { CallKind, Calls } from './calls';
import type { Direction, Lendable, Piece } from './loan';
import { TwoCopies } from './two-copies';

/** Bytes that the CPU has for itself while the rest is lent. */
export interface Held {
  readonly from: number;
  readonly length: number;
  /** It wrote some of them, and has to hand them over before the loan ends. */
  written: boolean;
}

/** What went wrong, in words, and whether the two-copies model says that something had to. */
export interface Findings {
  readonly wrong: string[];
  foretold: boolean;
}

const LINE = 64;

/** Memory that a driver lends to a device and takes back, every byte of it checked whenever somebody reads it. */
export class Borrowed {
  readonly lendable: Lendable;
  readonly master: Master;
  readonly held: Held[] = [];
  readonly copies: TwoCopies;
  dir: Direction;
  lent = false;
  private readonly kernel: Kernel;
  private readonly calls: Calls;
  private readonly findings: Findings;
  private readonly what: string;
  private readonly syncsItself: boolean;
  /** An unmapping that the driver forgot, to be made up for before anything else happens to the mapping. */
  private forgotten: Direction | null = null;
  private guardSeed: number;

  constructor(
    lendable: Lendable,
    master: Master,
    {
      calls,
      findings,
      dir,
      what,
      seed,
      syncsItself,
    }: {
      calls: Calls;
      findings: Findings;
      dir: Direction;
      what: string;
      seed: number;
      syncsItself: boolean;
    },
  ) {
    this.lendable = lendable;
    this.master = master;
    this.kernel = master.dev.kernel;
    this.calls = calls;
    this.findings = findings;
    this.dir = dir;
    this.what = what;
    this.guardSeed = seed;
    this.syncsItself = syncsItself || lendable.fixedDirection !== null;
    this.copies = new TwoCopies(lendable.length);
    this.cpuWrites(0, patternBytes(seed, 0, lendable.length));
    this.writeGuards(seed);
  }

  get length(): number {
    return this.lendable.length;
  }

  /** Whether a part can change hands without touching lines that the other side writes to. */
  canBeSplit(): boolean {
    return this.lendable.partialSyncs && this.lendable.pieces[0]!.cpu % LINE === 0;
  }

  /** Writes what lies around the memory anew. */
  writeGuards(seed: number): void {
    this.guardSeed = seed;
    this.eachGuard((at, length, position) => this.kernel.mm.write(at, patternBytes(seed, position, length)));
  }

  lend(dir: Direction): void {
    this.makeUp();
    this.dir = dir;
    this.lent = true;
    if (!this.lendable.map(dir)) throw new Error(`${this.what}: mapping failed`);
    this.copies.mapped();
    if (this.syncsItself) this.forDevice(0, this.length);
  }

  takeBack(): void {
    this.held.length = 0;
    this.lent = false;
    if (this.syncsItself) this.forCpu(0, this.length);
    const dir = this.calls.next('unmap', this.dir);
    if (dir === null) this.forgotten = this.dir;
    else this.unmap(dir);
  }

  free(): void {
    this.makeUp();
    this.lendable.free();
  }

  hold(from: number, length: number): void {
    this.held.push({ from, length, written: false });
    this.forCpu(from, length);
  }

  handOver(held: Held): void {
    this.held.splice(this.held.indexOf(held), 1);
    this.forDevice(held.from, held.length);
  }

  cpuWrites(from: number, bytes: Uint8Array): void {
    this.copies.cpuWrites(from, bytes);
    this.eachPart(from, bytes.length, (piece, offset, at, length) =>
      this.kernel.mm.write(virtAddr(piece.cpu + offset), bytes.subarray(at, at + length)),
    );
  }

  cpuReads(from: number, length: number): void {
    const bytes = new Uint8Array(length);
    this.eachPart(from, length, (piece, offset, at, part) =>
      bytes.set(this.kernel.mm.read(virtAddr(piece.cpu + offset), part), at),
    );
    if (!this.copies.cpuIsRight(from, length)) this.findings.foretold = true;
    this.compare(bytes, from, 'the CPU reads');
  }

  deviceReads(from: number, length: number): void {
    const bytes = new Uint8Array(length);
    if (!this.copies.deviceIsRight(from, length)) this.findings.foretold = true;
    const failed = this.eachSegment(from, length, (address, at, part) => {
      const got = this.master.read(dmaAddr(address), part);
      if (typeof got === 'number') return got;
      bytes.set(got, at);
      return BUS_OK;
    });
    if (!failed) this.compare(bytes, from, 'the device reads');
  }

  deviceWrites(from: number, bytes: Uint8Array): void {
    this.copies.deviceWrites(from, bytes);
    this.eachSegment(from, bytes.length, (address, at, part) =>
      this.master.write(dmaAddr(address), bytes.subarray(at, at + part)),
    );
  }

  /** What lies around the memory is as it was. */
  checkGuards(): void {
    this.eachGuard((at, length, position) => {
      const found = this.kernel.mm.read(at, length);
      const wrong = found.findIndex((byte, i) => byte !== patternBytes(this.guardSeed, position + i, 1)[0]);
      if (wrong >= 0) this.findings.wrong.push(`${this.what}: around it, byte ${position + wrong}`);
    });
  }

  private forDevice(from: number, length: number): void {
    this.sync('for-device', (dir) => {
      this.lendable.syncForDevice(from, length, dir);
      this.copies.syncedForDevice(from, length, dir);
    });
  }

  private forCpu(from: number, length: number): void {
    this.sync('for-cpu', (dir) => {
      this.lendable.syncForCpu(from, length, dir);
      this.copies.syncedForCpu(from, length, dir);
    });
  }

  private sync(kind: CallKind, call: (dir: Direction) => void): void {
    const dir = this.calls.next(kind, this.dir);
    if (dir !== null) call(dir);
  }

  private unmap(dir: Direction): void {
    this.lendable.unmap(dir);
    if (!this.syncsItself) this.copies.syncedForCpu(0, this.length, dir);
  }

  private makeUp(): void {
    if (this.forgotten !== null) this.unmap(this.forgotten);
    this.forgotten = null;
  }

  private compare(bytes: Uint8Array, from: number, who: string): void {
    const { truth } = this.copies;
    const at = bytes.findIndex((byte, i) => byte !== truth[from + i]);
    if (at < 0) return;
    const place = `byte ${from + at} of ${this.length}`;
    this.findings.wrong.push(`${this.what}: ${who} ${bytes[at]!} instead of ${truth[from + at]!} in ${place}`);
  }

  private eachPart(
    from: number,
    length: number,
    visit: (piece: Piece, offset: number, at: number, length: number) => void,
  ): void {
    let start = 0;
    for (const piece of this.lendable.pieces) {
      const low = Math.max(from, start);
      const high = Math.min(from + length, start + piece.length);
      if (low < high) visit(piece, low - start, low - from, high - low);
      start += piece.length;
    }
  }

  /** @returns whether an access was refused, which is a finding */
  private eachSegment(
    from: number,
    length: number,
    access: (address: bigint, at: number, length: number) => number,
  ): boolean {
    let start = 0;
    for (const { address, length: bytes } of this.lendable.segments()) {
      const low = Math.max(from, start);
      const high = Math.min(from + length, start + bytes);
      const outcome = low < high ? access(address + BigInt(low - start), low - from, high - low) : BUS_OK;
      if (outcome !== BUS_OK) this.findings.wrong.push(`${this.what}: the bus refuses byte ${low}: ${outcome}`);
      if (outcome !== BUS_OK) return true;
      start += bytes;
    }
    return false;
  }

  private eachGuard(visit: (at: Piece['cpu'], length: number, position: number) => void): void {
    for (const { start, cpu, length, end } of this.lendable.pieces) {
      if (cpu > start) visit(start, cpu - start, start % 2 ** 31);
      const behind = virtAddr(cpu + length);
      if (end > behind) visit(behind, end - behind, behind % 2 ** 31);
    }
  }
}

/** Whether the device may write to what is lent in a direction. */
export const isWritable = (dir: Direction): boolean => dir === DMA_FROM_DEVICE || dir === 0;
