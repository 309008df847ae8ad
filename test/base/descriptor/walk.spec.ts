import { expect } from 'chai';
import {
  addressOf,
  descriptor,
  dump,
  flag,
  format,
  lengthIn,
  marks,
  walk,
  word16,
  wordsOfBytes,
  wordsOfLoads,
  type AnyDescriptor,
  type Finding,
  type Format,
  type WalkChecks,
  type WalkStart,
} from '../../../base/descriptor';
import { BytesMemory } from '../../../base/layout';
import { Prng } from '../../../base/prng';
import { BUS_ACCESS_FAULT, BUS_OK } from '../../../base/bus-outcome';
import { virtioSplit, virtqDesc } from '../../../devices/formats/virtio-split';
import { dwAxiDmacList } from '../../../devices/dw-axi-dmac/lli-format';
import {
  FORMATS,
  SHIPPED,
  commands,
  frameRing,
  jumpFrames,
  jumpRing,
  markedList,
  packedRing,
  plainRing,
  tailList,
  transferRing,
} from './formats';

const BASE = 0x5000n;

/** Memory of a page, in which a test stores values of descriptors. */
class Page {
  readonly bytes = new Uint8Array(4096);
  private readonly memory = new BytesMemory(this.bytes);

  /** Stores the fields that are given; the others are zero. */
  put(descriptor: AnyDescriptor, offset: number, fields: Readonly<Record<string, unknown>>): void {
    const lanes = new Int32Array(descriptor.lanes);
    Object.assign(descriptor.anyCursor(lanes), fields);
    descriptor.save(this.memory, offset, lanes);
  }

  walk(format: Format, start: Omit<WalkStart, 'at'> & { at?: bigint }, checks: WalkChecks = {}) {
    return walk(format, wordsOfBytes(this.bytes, BASE), { at: BASE, ...start }, checks);
  }
}

const brief = (findings: readonly Finding[]): string[] =>
  findings.map(
    ({ kind, where, field, message }) => `${kind} ${where}${field === undefined ? '' : `.${field}`}: ${message}`,
  );

describe('descriptors: a walk over a ring with jumps', () => {
  const { entry } = jumpRing;
  const data = (n: number) => ({ addr: 0x10_000n + BigInt(n * 256), LEN: 16, OWN: true });
  const jump = (to: number) => ({ NEXT: BASE + BigInt(to), LEN: 0xffff, JUMP: true, OWN: true });

  it('goes on where they lead, counts them, and finds no data in them', () => {
    const page = new Page();
    page.put(entry, 0x100, data(0));
    page.put(entry, 0x118, jump(0x800));
    page.put(entry, 0x800, jump(0x400));
    page.put(entry, 0x400, data(1));
    page.put(entry, 0x418, jump(0x100));
    const found = page.walk(jumpRing, { at: BASE + 0x100n, entries: 5, from: 3 });
    expect(found.findings).to.deep.equal([]);
    expect(
      found.entries.map(({ where, address, pieces }) => `${where} ${address - BASE} ${pieces.length}`),
    ).to.deep.equal(['entry 3 256 1', 'entry 4 280 0', 'entry 0 2048 0', 'entry 1 1024 1', 'entry 2 1048 0']);
    expect(found.requests.map(({ where, readable }) => `${where} ${readable}`)).to.deep.equal([
      'entry 3 16',
      'entry 1 16',
    ]);
    expect(found.units).to.deep.equal([0, 1, 2, 3, 4]);
    expect(dump('ring', found).join('\n')).to.include('entry 4 at 0x5118: jump_desc');
  });

  it("stops at what is not the device's, and follows no jump that is not", () => {
    const page = new Page();
    page.put(entry, 0, data(0));
    page.put(entry, 24, { ...jump(0), OWN: false, NEXT: 0xdead_0000n });
    expect(page.walk(jumpRing, { entries: 8 }).entries.length).to.equal(2);
    expect(page.walk(jumpRing, { entries: 8 }).findings).to.deep.equal([]);
    expect(page.walk(jumpRing, { entries: 8 }, { givenOnly: true }).entries.length).to.equal(1);
  });

  it('tells of jumps that lead nowhere: to themselves, to each other, to nothing, between entries, too many', () => {
    const page = new Page();
    page.put(entry, 0, data(0));
    page.put(entry, 24, jump(24));
    const brieflyAt = (entries: number) => brief(page.walk(jumpRing, { entries }).findings);
    const onlyJumps = 'and there are only jumps between';
    expect(brieflyAt(2).at(-1)).to.equal(`loop entry 1.NEXT: it leads back to entry 1, ${onlyJumps}`);
    page.put(entry, 24, jump(0x80));
    page.put(entry, 0x80, { ...jump(0), NEXT: BASE + 24n });
    expect(brieflyAt(8)).to.deep.equal([
      'misaligned entry 2.NEXT: NEXT is 0x5018, no multiple of 16',
      `loop entry 2.NEXT: it leads back to entry 1, ${onlyJumps}`,
    ]);
    page.put(entry, 24, { ...jump(0), NEXT: 0n });
    expect(brieflyAt(8)).to.deep.equal(['unmapped entry 2: it cannot be read at 0x0: no such address']);
    const row = (count: number) => {
      const long = new Page();
      for (let i = 0; i < count; i++) long.put(entry, 48 * i, jump(48 * (i + 1)));
      long.put(entry, 48 * count, data(0));
      return brief(long.walk(jumpRing, { entries: count + 1 }).findings);
    };
    expect(row(32)).to.deep.equal([]);
    expect(row(33)).to.deep.equal(['unterminated entry 32.NEXT: 32 jumps came before it, and no entry between']);
  });

  it('a ring that comes round before its tail is told; one that gives itself away by a bit ends there', () => {
    const page = new Page();
    const frame = { at: 0x10_000n, len: 4, SOF: true, EOF: true };
    page.put(jumpFrames.entry, 0, frame);
    page.put(jumpFrames.entry, 24, { JUMP: true, next: BASE });
    expect(page.walk(jumpFrames, { entries: 8, count: 2 }).findings).to.deep.equal([]);
    expect(brief(page.walk(jumpFrames, { entries: 8, count: 5 }).findings)).to.deep.equal([
      'loop entry 1.next: it leads back to entry 0, and 3 more entries are given',
    ]);
    page.put(entry, 0, data(0));
    page.put(entry, 24, jump(0));
    expect(page.walk(jumpRing, { entries: 8 }).entries.length).to.equal(2);
    expect(page.walk(jumpRing, { entries: 8 }).findings).to.deep.equal([]);
  });

  it('a chain goes on across one that is no part of its limit, and a toggle changes the phase', () => {
    const page = new Page();
    const { entry: trb } = transferRing;
    const normal = { TYPE: 1, LEN: 8, IN: true };
    for (let i = 0; i < 5; i++)
      page.put(trb, 16 * i, { ...normal, C: true, CH: true, body_normal_buffer: BigInt(0x1000 * (i + 9)) });
    page.put(trb, 80, { TYPE: 6, C: true, TC: true, body_link_NEXT: BASE + 0x400n });
    for (let i = 0; i < 3; i++)
      page.put(trb, 0x400 + 16 * i, { ...normal, CH: i < 2, body_normal_buffer: BigInt(0x1000 * (i + 20)) });
    page.put(trb, 0x430, { ...normal, C: true });
    const found = page.walk(transferRing, { entries: 20 });
    expect(found.findings).to.deep.equal([]);
    expect(found.requests.map(({ entries, writable }) => [entries, writable])).to.deep.equal([[9, 64]]);
    expect(found.entries.at(-1)!.owned).to.equal(false);
  });
});

describe('descriptors: a walk over memory', () => {
  it('follows a list to its end, and tells one that has none', () => {
    const page = new Page();
    const { entry } = markedList;
    const data = { src: 0x10_000n, LEN: 1 };
    page.put(entry, 0, { ...data, dst: 0x20_000n, next: BASE + 96n });
    page.put(entry, 96, { ...data, dst: 0x30_000n, next: 0xdead_0000n, LAST: true });
    const { entries, findings } = page.walk(markedList, {});
    expect(findings).to.deep.equal([]);
    expect(entries.map(({ where, address }) => [where, address])).to.deep.equal([
      ['entry 0', BASE],
      ['entry 1', BASE + 96n],
    ]);
    expect(entries[1]!.pieces).to.deep.equal([
      { of: 'source', field: 'src', address: 0x10_000n, length: 4, moves: 'from-memory', fixed: false },
      { of: 'destination', field: 'dst', address: 0x30_000n, length: 4, moves: 'to-memory', fixed: false },
    ]);
    page.put(entry, 96, { ...data, dst: 0x30_000n, next: BASE });
    expect(brief(page.walk(markedList, {}).findings)).to.deep.equal([
      'loop entry 1.next: it leads back to entry 0, and lists of marked-list are not cyclic',
    ]);
    page.put(entry, 96, { ...data, dst: 0x30_000n, next: 0n });
    expect(brief(page.walk(markedList, {}).findings)).to.deep.equal([
      'unterminated entry 1.next: it does not end the list, and leads to 0',
    ]);
    page.put(entry, 96, { ...data, dst: 0x30_000n, next: 0x9004n });
    expect(brief(page.walk(markedList, {}).findings)).to.deep.equal([
      'misaligned entry 1.next: next is 0x9004, no multiple of 8',
      'misaligned entry 2: it lies at 0x9004, no multiple of 8',
      'unmapped entry 2: it cannot be read at 0x9004: no such address',
    ]);
  });

  it('goes round a list that may be cyclic once', () => {
    const page = new Page();
    const item = { SAR: 0x1_0000n, ITEMS: 63, SHADOWREG_OR_LLI_VALID: true };
    page.put(dwAxiDmacList.entry, 0, { ...item, DAR: 0x2_0000n, LOC: BASE + 64n });
    page.put(dwAxiDmacList.entry, 64, { ...item, DAR: 0x2_1000n, LOC: BASE });
    const { entries, findings } = page.walk(dwAxiDmacList, {});
    expect(findings).to.deep.equal([]);
    expect(entries).to.have.length(2);
  });

  it("has nothing against entries that are not the device's, and stops at what they lead to", () => {
    const page = new Page();
    page.put(dwAxiDmacList.entry, 0, { SAR: 1n, LOC: 0x7777_0000n });
    page.bytes.fill(0xff, 16, 20);
    const { entries, findings } = page.walk(dwAxiDmacList, {}, { visible: () => false });
    expect(findings).to.deep.equal([]);
    expect(entries.map(({ owned, pieces }) => [owned, pieces])).to.deep.equal([[false, []]]);
    const dead = page.walk(dwAxiDmacList, {}, { live: () => false });
    expect(brief(dead.findings)).to.deep.equal(['unmapped entry 0: it cannot be read at 0x5000: not mapped']);
  });

  it('tells frames that begin in others, in nothing, and do not end', () => {
    const page = new Page();
    const put = (index: number, SOF: boolean, EOF: boolean): void =>
      page.put(frameRing.entry, 16 * index, { addr: 0x9000n, SOF, EOF });
    [
      [true, true],
      [false, true],
      [true, false],
      [true, true],
      [true, false],
    ].forEach(([first, last], i) => put(i, first!, last!));
    expect(brief(page.walk(frameRing, { entries: 8, count: 5 }).findings)).to.deep.equal([
      'frame entry 1.SOF: it goes on with a frame, and none has begun',
      'frame entry 3.SOF: it begins a frame, and the one before has not ended',
      "unterminated entry 4: the frame goes on after it, and the next entry is not the device's",
    ]);
    put(5, false, false);
    put(6, false, false);
    put(7, false, true);
    expect(brief(page.walk(frameRing, { entries: 8, from: 4, count: 4 }).findings)).to.deep.equal([
      'unterminated entry 6: the frame has more than 3 entries',
    ]);
  });

  it('asks no frames of entries that the device writes to', () => {
    const page = new Page();
    const entries = [0, 64, 128, 192];
    for (const at of entries) {
      page.put(tailList.entry, at, { NEXT: BigInt(0x5000 + at + 64), addr: BigInt(0x9000 + at), LEN: 64 });
    }
    page.put(tailList.entry, 64, { NEXT: 0x5080n, addr: 0x9100n, LEN: 64, DONE: true });
    const list = (moves: 'from-memory' | 'to-memory') => page.walk(tailList, { tail: 0x50c0n, moves });
    expect(list('from-memory').findings).not.to.deep.equal([]);
    const { findings, requests } = list('to-memory');
    expect(brief(findings)).to.deep.equal([]);
    expect(requests.map((one) => one.entries)).to.deep.equal([1, 1, 1, 1]);
  });

  it('knows the lap by its phase, and wraps', () => {
    const page = new Page();
    const put = (index: number, AVAIL: boolean, USED: boolean): void =>
      page.put(packedRing.entry, 16 * index, { addr: 0x9000n, len: 4, AVAIL, USED });
    put(0, false, true);
    put(1, true, true);
    put(2, true, false);
    const { entries, findings } = page.walk(packedRing, { entries: 3, from: 2, phase: 1 });
    expect(entries.map(({ where, owned }) => `${where} ${owned}`)).to.deep.equal([
      'entry 2 true',
      'entry 0 true',
      'entry 1 false',
    ]);
    expect(findings).to.deep.equal([]);
    page.put(packedRing.entry, 0, { addr: 0x9000n, len: 4, USED: true, NEXT: true });
    expect(brief(page.walk(packedRing, { entries: 3, from: 2 }).findings)).to.deep.equal([
      "unterminated entry 0: the chain goes on after it, and the next entry is not the device's",
    ]);
  });

  it('never comes to a tail that is not in the ring', () => {
    const page = new Page();
    page.put(tailList.entry, 0, { NEXT: BASE + 64n, addr: 0x9000n, LEN: 1, SOF: true, EOF: true });
    page.put(tailList.entry, 64, { NEXT: BASE, addr: 0xa000n, LEN: 1, SOF: true, EOF: true });
    const kinds = (tail: bigint) => page.walk(tailList, { tail }).findings.map(({ kind }) => kind);
    expect(kinds(BASE + 64n)).to.deep.equal([]);
    expect(kinds(BASE + 128n)).to.deep.equal(['unterminated']);
  });

  it('finds what overlaps: writes with writes and with entries', () => {
    const page = new Page();
    const own = { KIND: 0, OWN: false, len: 8 };
    page.put(plainRing.entry, 0, { ...own, ADDR: 0x9000n });
    page.put(plainRing.entry, 16, { ...own, ADDR: 0x9010n });
    page.put(plainRing.entry, 32, { ...own, ADDR: BASE + 16n });
    const overlapsOf = (moves: 'to-memory' | 'from-memory') =>
      page.walk(plainRing, { entries: 3, moves }).findings.filter(({ kind }) => kind === 'overlap');
    expect(brief(overlapsOf('to-memory'))).to.deep.equal([
      'overlap entry 2.ADDR: what ADDR gives to be written overlaps entry 1',
    ]);
    page.put(plainRing.entry, 0, { ...own, ADDR: 0x9000n, len: 9 });
    expect(overlapsOf('to-memory').map(({ where }) => where)).to.deep.equal(['entry 2', 'entry 1']);
    expect(overlapsOf('from-memory')).to.deep.equal([]);
  });

  it('asks whether the device sees entries and data, and tells the field', () => {
    const page = new Page();
    page.put(markedList.entry, 0, { src: 0x9000n, dst: 0xa000n, LEN: 2, LAST: true });
    const early = (from: bigint, to: bigint) =>
      brief(page.walk(markedList, {}, { visible: (at, n) => at + BigInt(n) <= from || at >= to }).findings);
    expect(early(BASE + 16n, BASE + 20n)).to.deep.equal([
      'too-early entry 0: the device may look, and not all of its words are visible to it',
    ]);
    expect(early(0x9007n, 0x9008n)).to.deep.equal([
      'too-early entry 0.src: src: the device may look, and not all of 8 bytes at 0x9000 is visible to it',
    ]);
    expect(early(0xa000n, 0xa008n)).to.deep.equal([]);
    const dead = page.walk(markedList, {}, { live: (at, _length, writes) => !writes || at !== 0xa000n });
    expect(brief(dead.findings)).to.deep.equal([
      'unmapped entry 0.dst: dst: not all of 8 bytes at 0xa000 may be written',
    ]);
  });

  it('follows heads of two bytes at any place, and tables', () => {
    const page = new Page();
    page.put(virtqDesc, 16, { addr: 0x9000n, len: 4, NEXT: true, next: 3 });
    page.put(virtqDesc, 48, { addr: BASE + 256n, len: 16, INDIRECT: true });
    page.put(virtqDesc, 256, { addr: 0xb000n, len: 4, WRITE: true });
    page.bytes.set([0, 0, 3, 0, 9, 0, 9, 0, 1, 0], 128);
    const start = { entries: 4, from: 2, heads: BASE + 128n };
    const { entries, findings } = page.walk(virtioSplit, start);
    expect(findings).to.deep.equal([]);
    expect(entries.map(({ where }) => where)).to.deep.equal(['entry 1', 'entry 3', 'entry 3, table entry 0']);
    expect(entries.map(({ pieces }) => pieces[0]?.moves)).to.deep.equal(['from-memory', undefined, 'to-memory']);
    page.put(virtqDesc, 48, { addr: BASE + 256n, len: 24, INDIRECT: true });
    expect(brief(page.walk(virtioSplit, start).findings)).to.deep.equal([
      'indirect entry 3: its table at 0x5100 has 24 bytes, no whole number of entries of 16',
    ]);
    page.bytes[132 + 4] = 4;
    expect(brief(page.walk(virtioSplit, start).findings)).to.deep.equal(['index head 2: it leads to entry 4 of 4']);
    page.bytes[130] = 9;
    expect(brief(page.walk(virtioSplit, start).findings)[0]).to.equal(
      'index header.idx: idx is 9, 7 past the 2 heads before it: there are 4 entries',
    );
  });

  it('reads what a CPU reads, and stops where it gets an error', () => {
    const page = new Page();
    page.put(plainRing.entry, 0, { ADDR: 0x9000n, len: 1, OWN: true });
    const view = new BytesMemory(page.bytes);
    const reader = wordsOfLoads({ load32: (at) => (at < 0x5010 ? view.load32(at - 0x5000) : BUS_ACCESS_FAULT) });
    const { entries, findings } = walk(plainRing, reader, { at: BASE, entries: 2 });
    expect(entries).to.have.length(1);
    expect(brief(findings)).to.deep.equal(['unmapped entry 1: it cannot be read at 0x5010: access fault']);
    expect(reader.readWords(2 ** 51, 0, new Int32Array(1), 0, 1)).to.be.below(BUS_OK);
  });

  it('reads entries that are no whole number of words, wherever they begin', () => {
    const entry = descriptor(
      'six',
      { at: word16(addressOf('data')), len: word16(lengthIn(1)), ctl: word16({ OWN: flag(15, marks('owner')) }) },
      { align: 2 },
    );
    const sixes = format({ ...plainRing, name: 'sixes', entry });
    const page = new Page();
    page.bytes.set([1, 2, 3, 4, 5, 0x86, 7, 0x88, 9, 10, 11, 0x8c, 0xff, 0xff], 0);
    const { entries } = page.walk(sixes, { entries: 2 });
    expect(entries.map(({ lanes }) => [...lanes])).to.deep.equal([
      [0x0403_0201, 0x8605],
      [0x0a09_8807, 0x8c0b],
    ]);
  });

  it('says so when it has looked at as much as it may', () => {
    const page = new Page();
    const { entries, findings } = page.walk(plainRing, { entries: 100 }, { limit: 10 });
    expect(entries).to.have.length(10);
    expect(findings.map(({ kind }) => kind)).to.include('limit');
    for (let i = 0; i < 40; i++) page.put(markedList.entry, 32 * i, { next: BASE + BigInt(32 * (i + 1)) });
    const list = page.walk(markedList, {}, { limit: 10 });
    expect(list.entries).to.have.length(10);
    expect(brief(list.findings)).to.include('limit entry 10: the walk ends here: it has looked at as much as it may');
  });
});

describe('descriptors: shapes that an opcode chooses', () => {
  it('have their own reserved bits and names', () => {
    const page = new Page();
    page.put(commands.entry, 0, { opcode: 0, OWN: true, LEN: 4, data: 0x9000n, body_flush_SCOPE: 2 });
    page.bytes[17] = 1;
    expect(brief(page.walk(commands, { entries: 1 }).findings)).to.deep.equal([
      'reserved entry 0: byte 0x11: reserved bits 0x100 of the word at 0x10 are not zero',
      'unknown-value entry 0.body.flush.SCOPE: body.flush.SCOPE is 2, none of 0 (all), 1 (one)',
    ]);
    page.put(commands.entry, 0, { opcode: 1, OWN: true, LEN: 4, data: 0x9000n, body_write_to: -1n });
    expect(page.walk(commands, { entries: 1 }).findings).to.deep.equal([]);
    page.bytes[24] = 2;
    expect(brief(page.walk(commands, { entries: 1 }).findings)).to.deep.equal([
      'reserved entry 0.body.write.fua: body.write.fua: reserved bits 0x2 of the word at 0x18 are not zero',
    ]);
  });
});

describe('descriptors: memory of any content', () => {
  const random = (prng: Prng, bytes: Uint8Array): void => {
    const words = new Uint32Array(bytes.buffer);
    const style = prng.below(3);
    for (let i = 0; i < words.length; i++) {
      words[i] =
        style === 0 || prng.oneIn(3) ? prng.nextU32() : style === 1 ? 0x5000 + 64 * prng.below(64) : prng.below(9);
    }
  };
  const start = (prng: Prng): WalkStart => ({
    at: prng.oneIn(9) ? (1n << 64n) - BigInt(prng.below(99)) : BASE + BigInt(prng.below(4096)),
    entries: prng.pick([0, 1, 7, 16, 256, 2 ** 32, 2 ** 53, -1, NaN, Infinity, 1.5]),
    from: prng.pick([0, 3, 2 ** 31, 2 ** 53 - 1, NaN, -5]),
    phase: prng.pick([0, 1]),
    heads: BASE + BigInt(prng.below(4096)),
    tail: prng.oneIn(2) ? BASE : -1n,
    moves: 'to-memory',
  });

  for (const format of [...FORMATS, ...SHIPPED]) {
    it(`${format.name}: a walk ends, with bounded work, and can be dumped`, () => {
      const prng = new Prng(3);
      const bytes = new Uint8Array(4096);
      const inner = wordsOfBytes(bytes, BASE);
      for (let round = 0; round < 300; round++) {
        if (round % 4 === 0) random(prng, bytes);
        let reads = 0;
        const reader: typeof inner = {
          readWords: (...args) => {
            reads++;
            return inner.readWords(...args);
          },
        };
        const checks = { limit: 64, live: () => !prng.oneIn(9), visible: () => !prng.oneIn(9) };
        const found = walk(format, reader, start(prng), checks);
        expect(reads).to.be.at.most(64);
        expect(found.findings.length).to.be.below(64 * 20);
        expect(dump('random', found).length).to.be.above(0);
      }
    });
  }
});

describe('descriptors: a dump', () => {
  it('shows fields, bits, values and what is wrong below them', () => {
    const page = new Page();
    page.put(markedList.entry, 0, { src: 0x9002n, dst: 0xa000n, LEN: 10, LAST: true, DONE: false });
    page.bytes[27] = 0xc0;
    expect(dump('a list', page.walk(markedList, {}))).to.deep.equal([
      'a list: 1 entry, 2 findings',
      'entry 0 at 0x5000: copy_desc',
      '  0x00  src   63:0  0x9002         address of source, aligned to 4 bytes',
      '    ! misaligned: src is 0x9002, no multiple of 4',
      '  0x08  dst   63:0  0xa000         address of destination, aligned to 4 bytes, within 0x10000 bytes',
      '  0x10  next  63:0  0x0            address of next, aligned to 8 bytes',
      '  0x18  LEN   19:0  10 (40 bytes)  length of data in units of 4 bytes, 0 means 1048576',
      '  0x18  LAST    31  1              last',
      '  0x1c  DONE     0  0              done',
      '    ! reserved: len: reserved bits 0x40000000 of the word at 0x18 are not zero',
    ]);
  });

  it("shows entries that tell nothing in one line, but never one that is the device's", () => {
    const page = new Page();
    const { entry } = commands;
    page.put(entry, 2 * entry.size, { opcode: 2, OWN: true, LEN: 4, data: 0x9000n });
    page.put(entry, 3 * entry.size, { opcode: 0, OWN: true });
    const heads = dump('q', page.walk(commands, { entries: 8 })).filter((line) => line.startsWith('entry'));
    const at = (index: number): string => `0x${(0x5000 + index * entry.size).toString(16)}: command`;
    expect(heads).to.deep.equal([
      `entry 0 to entry 1 at ${at(0)}, not the device's, all zero`,
      `entry 2 at ${at(2)}`,
      `entry 3 at ${at(3)}`,
      `entry 4 to entry 7 at ${at(4)}, not the device's, all zero`,
    ]);
    const zeroes = dump('q', page.walk(plainRing, { entries: 2, from: 6 }));
    expect(zeroes.filter((line) => line.startsWith('entry'))).to.deep.equal([
      'entry 0 at 0x5000: plain_desc',
      'entry 1 at 0x5010: plain_desc',
    ]);
  });

  it('shows the shape that an opcode chooses, and names', () => {
    const page = new Page();
    const { entry } = commands;
    page.put(entry, 0, { opcode: 2, OWN: true, LEN: 4, data: 0x9000n, body_read_from: 7n });
    const lines = dump('q', page.walk(commands, { entries: 1 })).join('\n');
    expect(lines).to.include('2 read').and.to.include('body.read.from').and.not.to.include('body.write');
    page.put(entry, 0, { opcode: 9, OWN: true });
    const wrong = page.walk(commands, { entries: 1 });
    expect(brief(wrong.findings)).to.deep.equal([
      'unknown-opcode entry 0.opcode: opcode is 9, none of 0 (flush), 1 (write), 2 (read)',
    ]);
  });
});
