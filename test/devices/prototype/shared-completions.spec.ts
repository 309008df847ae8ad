import { expect } from 'chai';
import * as formats from '../../../devices/formats';
import { Bytes } from './driver';
import { ABORT, DONE_PHASE, ENABLE, INT, PHASE, Q, Rig, STATUS } from './rig';

const SQ = 0x1_0000;
const CQ = 0x8_0000;
const DATA = 0x10_0000;
const DONE_QUEUE = 0x7c;
const SIZE = 16;
const READ = 2;
const CONFIG_ERROR = 1;

/** Queues of NVMe commands, of which those after the first tell their ends in the first one's completion queue. */
class Shared {
  readonly rig = new Rig(formats.nvmeIo, { queues: 4, interrupts: 'per-queue' });
  readonly bytes = new Bytes(this.rig.port);
  private readonly tails = [0, 0, 0, 0];

  constructor(doneSize = 32) {
    for (const at of [SQ, CQ, DATA]) this.rig.port.map(at, 0x4000);
    this.rig.start(0, { base: SQ, size: SIZE, done: CQ, doneSize });
  }

  share(queue: number, whose = 0): void {
    this.rig.write(queue, DONE_QUEUE, 1 | (whose << 8));
    this.rig.start(queue, { base: SQ + 0x1000 * queue, size: SIZE, config: PHASE | DONE_PHASE });
  }

  submit(queue: number, count = 1): void {
    for (let i = 0; i < count; i++) {
      const tail = this.tails[queue]!;
      const at = SQ + 0x1000 * queue + 64 * tail;
      this.bytes.put(at, READ | ((0x100 * queue + tail) << 16), 4);
      this.bytes.put(at + 24, DATA, 8);
      this.tails[queue] = (tail + 1) % SIZE;
    }
    this.rig.ring(queue, this.tails[queue]);
  }

  /** SQHD, SQID, CID and phase of a completion. */
  completion(i: number): number[] {
    const at = CQ + 16 * i;
    const word = (offset: number): number => this.bytes.get(at + offset, 2);
    return [word(8), word(10), word(12), word(14) & 1];
  }
}

describe('prototype: queues that share a completion queue', () => {
  it('tell their ends there, each with its number and its head', () => {
    const shared = new Shared();
    for (const queue of [1, 2]) shared.share(queue);
    for (const [queue, count] of [
      [1, 1],
      [0, 2],
      [2, 1],
      [1, 1],
    ] as const) {
      shared.submit(queue, count);
      shared.rig.run();
    }
    expect([0, 1, 2, 3, 4, 5].map((i) => shared.completion(i))).to.deep.equal([
      [1, 1, 0x100, 1],
      [1, 0, 0, 1],
      [2, 0, 1, 1],
      [1, 2, 0x200, 1],
      [2, 1, 0x101, 1],
      [0, 0, 0, 0],
    ]);
    expect([0, 1, 2].map((queue) => shared.rig.read(queue, Q.DONE_TAIL))).to.deep.equal([5, 0, 0]);
    expect([0, 1, 2].map((queue) => shared.rig.read(queue, Q.INT_STATUS) & INT.COMPLETE)).to.deep.equal([1, 0, 0]);
  });

  it('wait for room in it together, and change its phase with its laps', () => {
    const shared = new Shared(4);
    shared.share(1);
    shared.submit(0, 4);
    shared.submit(1, 4);
    const { rig } = shared;
    let head = 0;
    const seen: number[][] = [];
    for (let round = 0; round < 8; round++) {
      rig.run();
      const room = (rig.read(0, Q.DONE_TAIL) + 4 - head) % 4;
      expect(room, 'told and not taken').to.be.at.most(3);
      for (let i = 0; i < room; i++) {
        const [, queue, id, phase] = shared.completion(head);
        seen.push([queue!, id!]);
        expect(phase).to.equal(1 - (Math.floor((seen.length - 1) / 4) % 2));
        head = (head + 1) % 4;
      }
      rig.write(0, Q.DONE_HEAD, head);
    }
    const idsOf = (queue: number): number[] => seen.filter(([of]) => of === queue).map(([, id]) => id!);
    expect([idsOf(0), idsOf(1)]).to.deep.equal([
      [0, 1, 2, 3],
      [0x100, 0x101, 0x102, 0x103],
    ]);
  });

  it('wait while its own queue is off, and go on in the fresh one', () => {
    const shared = new Shared();
    shared.share(1);
    const { rig } = shared;
    rig.write(0, Q.CONTROL, ABORT);
    rig.run();
    shared.submit(1);
    rig.run();
    expect(rig.read(1, Q.REQUESTS)).to.equal(0);
    expect(rig.read(1, Q.STATUS) & STATUS.ENABLED).to.equal(STATUS.ENABLED);
    rig.write(0, Q.CONTROL, ENABLE);
    rig.run();
    expect(rig.read(1, Q.REQUESTS)).to.equal(1);
    expect(shared.completion(0)).to.deep.equal([1, 1, 0x100, 1]);
  });

  for (const whose of [2, 7]) {
    it(`cannot begin with that of queue ${whose}, which is off or not there`, () => {
      const shared = new Shared();
      shared.share(1, whose);
      expect(shared.rig.read(1, Q.STATUS)).to.equal(STATUS.HALTED);
      expect(shared.rig.read(1, Q.ERROR)).to.equal(CONFIG_ERROR);
    });
  }
});
