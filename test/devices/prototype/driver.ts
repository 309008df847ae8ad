import { expect } from 'chai';
import type { FakePort } from '../../support/fake-device-host';
import { DONE, E, F, S, type Kind } from './family';
import { COUNTING, DONE_PHASE, PHASE, Q, STATUS, type Rig } from './rig';

/** A buffer of a request. */
export interface Piece {
  readonly write: boolean;
  readonly address: number;
  readonly length: number;
}

export const ENTRIES = 0x1_0000;
export const HEADS = 0x20_0000;
export const DONES = 0x30_0000;
export const BUFFERS = 0x100_0000;
const STUB_ROOM = 0x8_0000;

/** A request that the driver gave to the engine. */
interface Given {
  readonly pieces: readonly Piece[];
  readonly slots: readonly number[];
  readonly id: number;
  readonly phase: number;
}

/** Little-endian stores and loads of the test's own. */
export class Bytes {
  private readonly port: FakePort;
  constructor(port: FakePort) {
    this.port = port;
  }

  put(address: number, value: number | bigint, bytes: number): void {
    this.port.poke(
      address,
      Array.from({ length: bytes }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn)),
    );
  }

  get(address: number, bytes: number): number {
    return [...this.port.bytes(address, bytes)].reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
  }
}

/** A ring of so many places for data, in up to three pieces of which one is nothing but a jump; the last lies first. */
class JumpPieces {
  readonly at: readonly number[];
  /** By index: the index that it leads to. */
  readonly jumps = new Map<number, number>();

  constructor(places: number) {
    const size = places + (places >= 8 ? 3 : places >= 4 ? 2 : 1);
    const begins = places >= 8 ? [0, 4, 5] : places >= 4 ? [0, 3] : [0];
    begins.forEach((_, i) => this.jumps.set((begins[i + 1] ?? size) - 1, begins[i + 1] ?? 0));
    this.at = Array.from({ length: size }, (_, index) => {
      const piece = begins.filter((begin) => begin <= index).length - 1;
      return ENTRIES + 0xfe0 + 0x1800 * (begins.length - 1 - piece) + (index - begins[piece]!) * E.size;
    });
  }
}

/**
 * A driver for the formats of the family: gives requests away, and takes back and checks what the engine is done with. It
 * shares nothing with the engine but the declared layout.
 */
export class FamilyDriver {
  readonly bytes: Bytes;
  readonly size: number;
  /** Requests that came back. */
  reaped = 0;
  private readonly rig: Rig;
  private readonly kind: Kind;
  private readonly given: Given[] = [];
  /** Entries ever given, and heads. */
  private produced: number;
  private readonly begin: number;
  private heads: number;
  private nextId = 1;
  private arena = ENTRIES;
  private last = 0;
  private readonly free: number[] = [];
  /** Of a ring in pieces: where its entries lie, and which ones are jumps. */
  private readonly pieces: JumpPieces | undefined;
  private readonly jumpsGiven = new Set<number>();

  constructor(rig: Rig, kind: Kind, size: number, begin = 0) {
    this.rig = rig;
    this.kind = kind;
    this.size = size;
    this.bytes = new Bytes(rig.port);
    this.begin = begin;
    if (kind.follow === 'jump') this.pieces = new JumpPieces(size + 1);
    this.produced = begin;
    this.heads = begin;
    rig.port.map(ENTRIES, STUB_ROOM * 2);
    rig.port.map(HEADS, 0x2000);
    rig.port.map(DONES, 0x1_0000);
    for (let i = 0; i < size; i++) this.free.push((i * 5 + 3) % size);
    if (size % 5 === 0) this.free.splice(0, size, ...Array.from({ length: size }, (_, i) => i));
    if (kind.follow === 'tail') this.linkRing();
    this.startQueue();
  }

  private linkRing(): void {
    for (let i = 0; i < this.size; i++) this.bytes.put(this.slot(i) + E.next, this.slot(i + 1), 8);
  }

  private startQueue(): void {
    const { rig, kind, size, begin } = this;
    const counting = kind.follow === 'ring' && kind.ownership === 'indices' ? COUNTING : 0;
    this.bytes.put(HEADS + 2, begin, 2);
    this.bytes.put(DONES + 2, kind.completion === 'used-ring' ? this.usedBegin : 0, 2);
    rig.start(0, {
      base: this.pieces?.at[begin % this.ringSize] ?? ENTRIES,
      size: this.queueSize,
      heads: HEADS,
      done: DONES,
      doneSize: size + 1,
      config: PHASE | DONE_PHASE | counting,
      index:
        kind.follow === 'ring' || kind.follow === 'heads'
          ? counting || kind.follow === 'heads'
            ? begin
            : begin % size
          : this.pieces === undefined
            ? 0
            : begin % this.ringSize,
      doneTail: kind.completion === 'used-ring' ? this.usedBegin : 0,
    });
  }

  /** Used elements before. Their count wraps at a power of two, and a ring with jumps has another size. */
  private get usedBegin(): number {
    return this.pieces === undefined ? this.begin : 0;
  }

  /** Entries of the ring, jumps among them. */
  private get ringSize(): number {
    return this.pieces?.at.length ?? this.size;
  }

  private slot(index: number): number {
    return ENTRIES + (index % this.size) * E.size;
  }

  /** Entries that may be given now. */
  get room(): number {
    const out = this.given.slice(this.reaped).reduce((sum, { slots }) => sum + slots.length, 0);
    return this.size - out;
  }

  private get isList(): boolean {
    return this.kind.follow === 'last' || this.kind.follow === 'null';
  }

  private takeSlot(): number {
    if (this.isList) {
      this.arena += E.size;
      return this.arena - E.size;
    }
    if (this.kind.follow === 'heads') return ENTRIES + this.free.shift()! * E.size;
    if (this.pieces !== undefined) return this.takePlace(this.pieces);
    return this.slot(this.produced - this.begin + this.offset);
  }

  /** Gives jumps away that come before the next entry. */
  private takePlace({ at, jumps }: JumpPieces): number {
    for (;;) {
      const index = (this.produced - this.begin + this.offset) % this.ringSize;
      const to = jumps.get(index);
      if (to === undefined) return at[index]!;
      this.writeEntry(at[index]!, { write: false, address: 0xbad_0000, length: 77 }, 0, 1);
      const flags = this.bytes.get(at[index]! + E.flags, 2) & ~(F.FIRST | F.LAST | F.IRQ);
      this.bytes.put(at[index]! + E.flags, flags | F.JUMP | (index + 1 === at.length ? F.TOGGLE : 0), 2);
      this.bytes.put(at[index]! + E.next, at[to]!, 8);
      this.jumpsGiven.add(at[index]!);
      this.produced++;
    }
  }

  /** Where in the ring the first entry of all was. */
  private get offset(): number {
    if (this.pieces !== undefined) return this.begin % this.ringSize;
    return this.kind.follow === 'ring' ? this.begin % this.size : 0;
  }

  private phaseOf(produced: number): number {
    return 1 ^ (Math.floor((produced - this.begin + this.offset) / this.ringSize) & 1);
  }

  /** Gives requests away and rings once. In frames each piece is a request of its own. */
  submit(requests: readonly (readonly Piece[])[]): void {
    const slots: number[] = [];
    for (const pieces of requests) slots.push(...this.write(pieces));
    if (this.isList) this.linkList(slots);
    this.ringFor(slots);
  }

  private write(pieces: readonly Piece[]): number[] {
    const slots: number[] = [];
    const frame = this.kind.pieces === 'frame';
    let phase = 1;
    for (const [i, piece] of pieces.entries()) {
      if (i === 0 || frame) phase = this.phaseOf(this.produced);
      const at = this.takeSlot();
      slots.push(at);
      this.writeEntry(at, piece, i, pieces.length);
      this.produced++;
      if (frame) this.add([piece], [at], phase);
    }
    if (this.kind.follow === 'heads') this.addHead(slots);
    if (!frame) this.add(pieces, slots, phase);
    return slots;
  }

  private add(pieces: readonly Piece[], slots: readonly number[], phase: number): void {
    this.given.push({ pieces, slots, id: this.nextId, phase });
    for (const at of slots) this.bytes.put(at + E.id, this.nextId, 2);
    this.nextId++;
  }

  private writeEntry(at: number, { write, address, length }: Piece, i: number, count: number): void {
    const { bytes, kind } = this;
    const phase = this.phaseOf(this.produced);
    let flags = F.OWN | F.IRQ | (write ? F.WRITE : 0) | (phase === 1 ? F.PHASE : F.USED);
    if (kind.pieces === 'chain' && i + 1 < count) flags |= F.MORE;
    if (kind.pieces === 'frame') flags |= (i === 0 ? F.FIRST : 0) | (i + 1 === count ? F.LAST : 0);
    bytes.put(at + E.addr, address, 8);
    if (kind.follow !== 'tail') bytes.put(at + E.next, 0xdead_0000, 8);
    bytes.put(at + E.len, length, 4);
    bytes.put(at + E.flags, flags, 2);
    bytes.put(at + E.status, 0, 2);
    bytes.put(at + E.written, 0x7777, 4);
  }

  private addHead(slots: readonly number[]): void {
    const index = (at: number): number => (at - ENTRIES) / E.size;
    slots.forEach((at, i) => {
      if (i + 1 < slots.length) this.bytes.put(at + E.index, index(slots[i + 1]!), 2);
    });
    this.bytes.put(HEADS + 4 + 2 * (this.heads % this.size), index(slots[0]!), 2);
    this.heads = (this.heads + 1) % 65_536;
    this.bytes.put(HEADS + 2, this.heads, 2);
  }

  private linkList(slots: readonly number[]): void {
    const { bytes, kind } = this;
    slots.forEach((at, i) => {
      bytes.put(at + E.next, slots[i + 1] ?? 0, 8);
      if (kind.follow === 'last' && i + 1 === slots.length)
        bytes.put(at + E.flags, bytes.get(at + E.flags, 2) | F.LAST, 2);
    });
    if (kind.follow === 'null' && this.last !== 0) bytes.put(this.last + E.next, slots[0]!, 8);
    this.last = slots.at(-1)!;
  }

  private ringFor(slots: readonly number[]): void {
    const { rig, kind } = this;
    if (kind.follow === 'tail') rig.ring(0, slots.at(-1));
    else if (kind.follow === 'last') rig.ring(0, slots[0]);
    else if (kind.follow === 'ring' && kind.ownership === 'indices') rig.ring(0, this.produced % 65_536);
    else rig.ring(0, (this.produced - this.begin + this.offset) % this.ringSize);
  }

  /** Takes back what the engine is done with, in order, and checks it. */
  reap(): void {
    const requests = this.rig.read(0, Q.REQUESTS);
    while (this.reaped < requests) {
      const request = this.given[this.reaped]!;
      this.check(request, this.reaped);
      if (this.kind.follow === 'heads') for (const at of request.slots) this.free.push((at - ENTRIES) / E.size);
      this.reaped++;
    }
    if (this.kind.completion === 'queue') this.rig.write(0, Q.DONE_HEAD, this.reaped % (this.size + 1));
  }

  private check(request: Given, ordinal: number): void {
    const { bytes, kind } = this;
    const total = (pieces: readonly Piece[]): number => pieces.reduce((sum, { length }) => sum + length, 0);
    const written = total(request.pieces.filter(({ write }) => write));
    const what = `request ${ordinal}`;
    if (kind.completion === 'in-place') this.checkInPlace(request, what);
    else if (kind.completion === 'in-ring') {
      const [at] = request.slots as [number];
      expect(bytes.get(at + E.id, 2), `${what}: id`).to.equal(request.id);
      expect(bytes.get(at + E.written, 4), `${what}: written`).to.equal(written);
      const flags = (request.phase === 1 ? F.PHASE | F.USED : 0) | (written > 0 ? F.WRITE : 0);
      expect(bytes.get(at + E.flags, 2) & (F.PHASE | F.USED | F.WRITE), `${what}: flags`).to.equal(flags);
    } else if (kind.completion === 'queue') this.checkQueue(request, ordinal, total(request.pieces), what);
    else {
      const at = DONES + 4 + 8 * ((this.usedBegin + ordinal) % this.queueSize);
      const id = kind.follow === 'heads' ? (request.slots[0]! - ENTRIES) / E.size : request.id;
      expect([bytes.get(at, 4), bytes.get(at + 4, 4)], `${what}: used element`).to.deep.equal([id, written]);
      const index = (this.usedBegin + this.rig.read(0, Q.REQUESTS)) % 65_536;
      expect(bytes.get(DONES + 2, 2), `${what}: used index`).to.equal(index);
    }
  }

  private get queueSize(): number {
    return this.kind.follow === 'null' ? 1 << 12 : this.ringSize;
  }

  private checkInPlace({ pieces, slots }: Given, what: string): void {
    slots.forEach((at, i) => {
      expect(this.bytes.get(at + E.status, 2), `${what}: status of entry ${i}`).to.equal(S.DONE);
      expect(this.bytes.get(at + E.flags, 2) & F.OWN, `${what}: owner of entry ${i}`).to.equal(0);
      expect(this.bytes.get(at + E.written, 4), `${what}: bytes of entry ${i}`).to.equal(pieces[i]!.length);
      expect(this.bytes.get(at + E.addr, 8), `${what}: address of entry ${i}`).to.equal(pieces[i]!.address);
    });
  }

  private checkQueue(request: Given, ordinal: number, bytesMoved: number, what: string): void {
    const { bytes } = this;
    const lap = Math.floor(ordinal / (this.size + 1));
    const at = DONES + DONE.size * (ordinal % (this.size + 1));
    expect(bytes.get(at + DONE.id, 2), `${what}: id`).to.equal(request.id);
    expect(bytes.get(at + DONE.flags, 2), `${what}: phase`).to.equal(1 ^ (lap & 1));
    expect(bytes.get(at + DONE.status, 2), `${what}: status`).to.equal(0);
    expect(bytes.get(at + DONE.written, 4), `${what}: written`).to.equal(bytesMoved);
    expect(bytes.get(at + DONE.queue, 4), `${what}: queue`).to.equal(0);
  }

  /** Jumps went back as entries do, and count as such. */
  private checkJumps(): void {
    const { bytes, kind } = this;
    for (const at of this.jumpsGiven) {
      const flags = bytes.get(at + E.flags, 2);
      const goesBack = kind.ownership === 'bit' || kind.completion === 'in-place';
      expect(flags & F.OWN, 'owner of a jump').to.equal(goesBack ? 0 : F.OWN);
      expect(bytes.get(at + E.status, 2), 'status of a jump').to.equal(kind.completion === 'in-place' ? S.DONE : 0);
      if (kind.completion === 'in-place') expect(bytes.get(at + E.written, 4), 'bytes of a jump').to.equal(0);
    }
    expect(this.rig.read(0, Q.INDEX)).to.equal((this.produced - this.begin + this.offset) % this.ringSize);
  }

  private get doneTail(): number {
    return this.rig.read(0, Q.DONE_TAIL);
  }

  /** Everything that was given has come back. */
  expectAllDone(): void {
    this.reap();
    expect(this.reaped).to.equal(this.given.length);
    const { completion } = this.kind;
    if (completion === 'used-ring') expect(this.doneTail).to.equal((this.usedBegin + this.reaped) % 65_536);
    if (completion === 'queue') expect(this.doneTail).to.equal(this.reaped % (this.size + 1));
    if (this.pieces !== undefined) this.checkJumps();
    expect(this.rig.read(0, Q.ERROR), 'error').to.equal(0);
    expect(this.rig.read(0, Q.STATUS)).to.equal(STATUS.ENABLED | STATUS.IDLE);
  }
}
