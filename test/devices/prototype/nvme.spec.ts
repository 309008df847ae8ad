import { expect } from 'chai';
import { prototypePatternByte } from '../../../devices/prototype';
import { formats } from '../../../index';
import { Bytes } from './driver';
import { Q, Rig } from './rig';

const SQ = 0x1_0000;
const CQ = 0x2_0000;
const LISTS = 0x4_0000;
const DATA = 0x100_0000;
const SEED = 9;
const [WRITE, READ] = [1, 2];

/** A page of data, apart from its neighbours. */
const page = (i: number): number => DATA + 0x2000 * i;

class Nvme {
  readonly rig: Rig;
  readonly bytes: Bytes;
  private tail = 0;

  constructor() {
    this.rig = new Rig(formats.nvmeIo, { chunkBytes: 1000 });
    const { port } = this.rig;
    this.bytes = new Bytes(port);
    for (const at of [SQ, CQ]) port.map(at, 0x1000);
    port.map(LISTS, 0x8000);
    port.map(DATA, 0x6_0000);
    port.write(
      DATA >> 12,
      0,
      Uint8Array.from({ length: 0x6_0000 }, (_, i) => byteAt(DATA + i)),
      0,
      0x6_0000,
    );
    this.rig.write(0, Q.STREAM_SEED, SEED);
    this.rig.start(0, { base: SQ, size: 16, done: CQ, doneSize: 16 });
  }

  /** A command of `blocks` times 512 bytes. @param dptr its 16 bytes; @param psdt 0 PRPs, 1 an SGL */
  command(opcode: number, blocks: number, dptr: readonly [bigint, bigint], psdt = 0): void {
    const at = SQ + 64 * this.tail;
    this.bytes.put(at, opcode | (psdt << 14) | ((100 + this.tail) << 16), 4);
    this.bytes.put(at + 24, dptr[0], 8);
    this.bytes.put(at + 32, dptr[1], 8);
    this.bytes.put(at + 48, blocks - 1, 2);
    this.tail++;
    this.rig.ring(0, this.tail);
    this.rig.run();
  }

  /** SQHD, SQID, CID, status code and phase of a completion. */
  completion(i: number): readonly number[] {
    const at = CQ + 16 * i;
    const status = this.bytes.get(at + 14, 2);
    return [this.bytes.get(at + 8, 2), this.bytes.get(at + 10, 2), this.bytes.get(at + 12, 2), status >> 1, status & 1];
  }

  sent(): number[] {
    return [...this.rig.device.stream(0).received()];
  }
}

const byteAt = (address: number): number => (address * 7 + (address >> 9)) & 0xff;
const run = (address: number, length: number): number[] => Array.from({ length }, (_, i) => byteAt(address + i));
const sgl = (address: number, length: number, type = 0): readonly [bigint, bigint] => [
  BigInt(address),
  BigInt(length) | (BigInt(type) << 60n),
];

describe('prototype: NVMe', () => {
  it('takes one page, two pages, and a list of pages that goes on in another', () => {
    const nvme = new Nvme();
    nvme.command(WRITE, 1, [BigInt(page(0) + 8), 0n]);
    expect(nvme.sent()).to.deep.equal(run(page(0) + 8, 512));
    nvme.command(WRITE, 8, [BigInt(page(1) + 0x204), BigInt(page(2))]);
    expect(nvme.sent().slice(512)).to.deep.equal([...run(page(1) + 0x204, 4096 - 0x204), ...run(page(2), 0x204)]);
    // Two elements are left in the first list's page: one of data, and one that leads on.
    const list = LISTS + 4096 - 16;
    nvme.bytes.put(list, page(4), 8);
    nvme.bytes.put(list + 8, LISTS + 0x2000, 8);
    nvme.bytes.put(LISTS + 0x2000, page(5), 8);
    nvme.bytes.put(LISTS + 0x2008, page(6), 8);
    nvme.command(WRITE, 32, [BigInt(page(3)), BigInt(list)]);
    const expected = [3, 4, 5, 6].flatMap((i) => run(page(i), 4096));
    expect(nvme.sent().slice(512 + 4096)).to.deep.equal(expected);
    expect([0, 1, 2].map((i) => nvme.completion(i))).to.deep.equal([
      [1, 0, 100, 0, 1],
      [2, 0, 101, 0, 1],
      [3, 0, 102, 0, 1],
    ]);
  });

  it('takes an SGL: a block, a list with a bit bucket, and a list behind that', () => {
    const nvme = new Nvme();
    nvme.command(READ, 1, sgl(page(0) + 3, 512), 1);
    expect([...nvme.rig.port.bytes(page(0) + 3, 513)]).to.deep.equal([
      ...Array.from({ length: 512 }, (_, i) => prototypePatternByte(SEED, i)),
      byteAt(page(0) + 515),
    ]);
    const put = (at: number, [lo, hi]: readonly [bigint, bigint]): void => {
      nvme.bytes.put(at, lo, 8);
      nvme.bytes.put(at + 8, hi, 8);
    };
    put(LISTS, sgl(page(1), 100));
    put(LISTS + 16, sgl(0, 50, 1));
    put(LISTS + 32, sgl(LISTS + 0x100, 16, 3));
    put(LISTS + 0x100, sgl(page(2) + 1, 362));
    nvme.command(READ, 1, sgl(LISTS, 48, 2), 1);
    const pattern = (from: number, length: number): number[] =>
      Array.from({ length }, (_, i) => prototypePatternByte(SEED, 512 + from + i));
    expect([...nvme.rig.port.bytes(page(1), 101)]).to.deep.equal([...pattern(0, 100), byteAt(page(1) + 100)]);
    expect([...nvme.rig.port.bytes(page(2), 364)]).to.deep.equal([
      byteAt(page(2)),
      ...pattern(150, 362),
      byteAt(page(2) + 363),
    ]);
    expect(nvme.completion(1)).to.deep.equal([2, 0, 101, 0, 1]);
  });

  it('tells failures in the completion and goes on', () => {
    const nvme = new Nvme();
    nvme.command(WRITE, 1, [0xdead_0000n, 0n]);
    nvme.command(0x7f, 1, [BigInt(page(0)), 0n]);
    nvme.command(READ, 1, sgl(page(0), 100), 1);
    nvme.command(WRITE, 32, [BigInt(page(0)), 0xdead_0000n]);
    nvme.command(WRITE, 8, [BigInt(page(1) + 4), BigInt(page(2) + 8)]);
    nvme.command(WRITE, 1, [BigInt(page(0)), 0n]);
    const codes = [0, 1, 2, 3, 4, 5].map((i) => nvme.completion(i)[3]);
    expect(codes).to.deep.equal([5, 14, 12, 4, 13, 0]);
    expect(nvme.rig.read(0, Q.ERROR)).to.equal(5 | (1 << 8));
    expect(nvme.rig.read(0, Q.ERROR_ADDRESS)).to.equal(0xdead_0000);
    expect([nvme.rig.read(0, Q.REQUESTS), nvme.rig.read(0, Q.FAILURES)]).to.deep.equal([6, 5]);
  });

  it('waits while the completion queue is full, and changes the phase with each lap', () => {
    const nvme = new Nvme();
    for (let i = 0; i < 15; i++) nvme.command(0, 1, [0n, 0n]);
    expect(nvme.rig.read(0, Q.REQUESTS)).to.equal(15);
    nvme.rig.ring(0, 1);
    nvme.rig.run();
    expect(nvme.rig.read(0, Q.REQUESTS)).to.equal(15);
    nvme.rig.write(0, Q.DONE_HEAD, 15);
    nvme.rig.run();
    expect(nvme.rig.read(0, Q.REQUESTS)).to.equal(17);
    expect(nvme.completion(15)[4]).to.equal(1);
    expect(nvme.completion(0)[4]).to.equal(0);
    expect(nvme.rig.read(0, Q.DONE_TAIL)).to.equal(1);
  });
});
