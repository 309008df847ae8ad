import { expect } from 'chai';
import { walk } from '../../../base/descriptor';
import { jumpRing } from '../../base/descriptor/formats';
import { BUFFERS, Bytes } from './driver';
import { E, F, S, familyFormat } from './family';
import { INT, PHASE, DONE_PHASE, Q, Rig, STATUS } from './rig';

const ROOM = 0x1_0000;
const ENTRIES = 0x1_0000;
const TOO_LONG = 9;

/** A queue whose entries a test writes by hand, wherever it likes. */
class Hand {
  readonly rig: Rig;
  readonly bytes: Bytes;

  constructor(ownership: 'bit' | 'phase' | 'indices', pieces: 'own' | 'chain' = 'chain') {
    const kind = { follow: 'jump', ownership, pieces, completion: 'in-place' } as const;
    this.rig = new Rig(familyFormat(kind)!, { chunkBytes: 64 });
    this.bytes = new Bytes(this.rig.port);
    this.rig.port.map(ENTRIES, ROOM);
    this.rig.port.map(BUFFERS, ROOM);
  }

  put(at: number, flags: number, next = 0): void {
    this.bytes.put(at + E.addr, BUFFERS + (at % 256), 8);
    this.bytes.put(at + E.next, next, 8);
    this.bytes.put(at + E.len, 64, 4);
    this.bytes.put(at + E.flags, flags, 2);
  }

  start(size: number, base = ENTRIES, index = 0): void {
    this.rig.start(0, { base, size, index, config: PHASE | DONE_PHASE });
  }

  /** Rings, and runs until nothing is armed. */
  go(tail = 0): number {
    this.rig.ring(0, tail);
    return this.rig.run(100_000);
  }

  get current(): number {
    return this.rig.regs.readl(this.rig.at(0, Q.CURRENT));
  }
}

describe('prototype: jumps', () => {
  it('begins at Q_BASE, whatever Q_INDEX says; counts jumps there; shows in Q_CURRENT where it works', () => {
    const hand = new Hand('bit');
    const { rig } = hand;
    const at = ENTRIES + 0x2fe0;
    hand.put(at, F.OWN | F.JUMP, ENTRIES + 0x40);
    hand.put(ENTRIES + 0x40, F.OWN | F.IRQ);
    hand.put(ENTRIES + 0x60, F.OWN | F.JUMP | F.IRQ, ENTRIES + 0x5000);
    hand.start(7, at, 5);
    expect(rig.device.describedQueues[0]!.place()!.begin).to.include({ at: BigInt(at), from: 5 });
    hand.go();
    expect(rig.read(0, Q.INDEX)).to.equal(1);
    expect(hand.current).to.equal(ENTRIES + 0x60);
    expect(rig.read(0, Q.REQUESTS)).to.equal(1);
    expect(rig.device.statistics(0).entries).to.equal(3);
    for (const one of [at, ENTRIES + 0x40, ENTRIES + 0x60]) {
      expect(hand.bytes.get(one + E.flags, 2) & F.OWN).to.equal(0);
      expect(hand.bytes.get(one + E.status, 2)).to.equal(S.DONE);
    }
    const { pending, done } = rig.device.describedQueues[0]!.place()!;
    expect(done).to.equal(3);
    expect(pending).to.include({ at: BigInt(ENTRIES + 0x5000), from: 1 });
  });

  it('nobody is interrupted for a jump', () => {
    const hand = new Hand('bit');
    hand.put(ENTRIES, F.OWN | F.JUMP | F.IRQ, ENTRIES + 0x400);
    hand.start(4);
    hand.go();
    expect(hand.rig.read(0, Q.INDEX)).to.equal(1);
    expect(hand.rig.read(0, Q.REQUESTS)).to.equal(0);
    expect(hand.rig.read(0, Q.INT_STATUS) & (INT.COMPLETE | INT.ERROR)).to.equal(0);
    expect(hand.rig.read(0, Q.STATUS)).to.equal(STATUS.ENABLED | STATUS.IDLE);
  });

  it('waits at a jump that is not its own, and follows it when it is', () => {
    const hand = new Hand('bit');
    hand.put(ENTRIES, F.OWN);
    hand.put(ENTRIES + E.size, F.JUMP, 0xdead_0000);
    hand.start(4);
    hand.go();
    expect(hand.rig.read(0, Q.STATUS)).to.equal(STATUS.ENABLED | STATUS.IDLE);
    expect(hand.rig.read(0, Q.INDEX)).to.equal(1);
    hand.put(ENTRIES + E.size, F.JUMP | F.OWN, ENTRIES + 0x800);
    hand.put(ENTRIES + 0x800, F.OWN);
    hand.go();
    expect(hand.rig.read(0, Q.REQUESTS)).to.equal(2);
    expect(hand.rig.read(0, Q.INDEX)).to.equal(3);
  });

  it('a jump to itself: given away by a bit it is passed once, by phase it halts the queue', () => {
    const bit = new Hand('bit');
    bit.put(ENTRIES, F.OWN | F.JUMP, ENTRIES);
    bit.start(4);
    expect(bit.go()).to.be.lessThan(100);
    expect(bit.rig.read(0, Q.STATUS)).to.equal(STATUS.ENABLED | STATUS.IDLE);
    const phase = new Hand('phase');
    phase.put(ENTRIES, F.PHASE | F.JUMP, ENTRIES);
    phase.start(4);
    expect(phase.go()).to.be.lessThan(1000);
    expect(phase.rig.read(0, Q.STATUS)).to.equal(STATUS.HALTED);
    expect(phase.rig.read(0, Q.ERROR) & 0xff).to.equal(TOO_LONG);
    expect(phase.rig.read(0, Q.ERROR_ADDRESS)).to.equal(ENTRIES);
  });

  it('32 jumps may follow each other, 33 are too many', () => {
    for (const count of [32, 33]) {
      const hand = new Hand('indices');
      for (let i = 0; i < count; i++) hand.put(ENTRIES + 64 * i, F.JUMP, ENTRIES + 64 * (i + 1));
      hand.put(ENTRIES + 64 * count, 0);
      hand.start(60);
      hand.go(count + 1);
      expect(hand.rig.read(0, Q.ERROR) & 0xff).to.equal(count === 32 ? 0 : TOO_LONG);
      expect(hand.rig.read(0, Q.REQUESTS)).to.equal(count === 32 ? 1 : 0);
    }
  });

  it('any number of jumps may lie between entries, and each entry waits for the one before', () => {
    const hand = new Hand('indices');
    for (let i = 0; i < 40; i++) {
      hand.put(ENTRIES + 64 * i, i % 2 === 0 ? F.MORE : 0);
      hand.put(ENTRIES + 64 * i + 32, F.JUMP, ENTRIES + 64 * (i + 1));
    }
    hand.start(200);
    hand.go(80);
    expect(hand.rig.read(0, Q.ERROR)).to.equal(0);
    expect(hand.rig.read(0, Q.REQUESTS)).to.equal(20);
    expect(hand.rig.device.describedQueues[0]!.place()!.done, 'entries, those in chains among them').to.equal(80);
    expect(hand.rig.clock.now).to.be.greaterThan(80 * 50);
  });

  it('an entry that is worked on is not taken twice, however short the way round is', () => {
    const hand = new Hand('bit');
    hand.put(ENTRIES, F.OWN);
    hand.put(ENTRIES + E.size, F.OWN | F.JUMP, ENTRIES);
    hand.start(60);
    hand.go();
    expect(hand.rig.read(0, Q.REQUESTS)).to.equal(1);
    expect(hand.rig.read(0, Q.INDEX)).to.equal(2);
  });

  it('a chain that comes round to itself is too long', () => {
    const hand = new Hand('bit');
    hand.put(ENTRIES, F.OWN | F.MORE);
    hand.put(ENTRIES + E.size, F.OWN | F.JUMP, ENTRIES);
    hand.start(60);
    hand.go();
    expect(hand.rig.read(0, Q.ERROR) & 0xff).to.equal(TOO_LONG);
  });

  it('reads nothing past a piece', () => {
    const hand = new Hand('bit');
    const end = ENTRIES + ROOM;
    hand.put(end - 2 * E.size, F.OWN);
    hand.put(end - E.size, F.OWN | F.JUMP, ENTRIES);
    hand.put(ENTRIES, F.OWN);
    hand.start(8, end - 2 * E.size);
    hand.go();
    expect(hand.rig.read(0, Q.ERROR)).to.equal(0);
    expect(hand.rig.read(0, Q.REQUESTS)).to.equal(2);
    expect(hand.rig.device.statistics(0).fetchReads).to.equal(4);
  });

  it('without a mark for it the phase changes after Q_SIZE entries, with one where it is', () => {
    for (const pieces of ['own', 'chain'] as const) {
      const hand = new Hand('phase', pieces);
      // Four entries lead round; the ring says that it has three.
      hand.put(ENTRIES, F.PHASE);
      hand.put(ENTRIES + E.size, F.PHASE);
      hand.put(ENTRIES + 2 * E.size, F.PHASE);
      hand.put(ENTRIES + 3 * E.size, F.PHASE | F.JUMP | F.TOGGLE, ENTRIES);
      hand.start(3);
      hand.go();
      expect(hand.rig.read(0, Q.REQUESTS), pieces).to.equal(3);
      expect(hand.rig.read(0, Q.INDEX), pieces).to.equal(pieces === 'own' ? 0 : 1);
    }
  });

  it('what is under way is described as a walk finds it', () => {
    const rig = new Rig(jumpRing, { bytesPerNs: 0.001 });
    rig.port.map(ENTRIES, ROOM);
    rig.port.map(BUFFERS, ROOM);
    const { entry } = jumpRing;
    const put = (at: number, fields: object): void => {
      const lanes = new Int32Array(entry.lanes);
      Object.assign(entry.anyCursor(lanes), { OWN: true, ...fields });
      rig.port.poke(at, [...new Uint8Array(lanes.buffer)]);
    };
    put(ENTRIES, { JUMP: true, NEXT: BigInt(ENTRIES + 0x700) });
    put(ENTRIES + 0x700, { addr: BigInt(BUFFERS), LEN: 900 });
    put(ENTRIES + 0x718, { addr: BigInt(BUFFERS + 0x1000), LEN: 900 });
    rig.start(0, { base: ENTRIES, size: 9 });
    rig.ring(0);
    const place = () => rig.device.describedQueues[0]!.place()!;
    for (let i = 0; i < 50 && place().done === 0; i++) rig.run(1);
    const { pending, done } = place();
    expect([done, pending]).to.deep.equal([1, { ...pending, at: BigInt(ENTRIES + 0x700), from: 1, phase: 1 }]);
    const found = walk(jumpRing, rig.port, pending!);
    expect(found.requests.length).to.equal(2);
  });
});
