import { expect } from 'chai';
import * as formats from '../../../devices/formats';
import { Bytes } from './driver';
import { EVENTS, EVENT_INDEX, INT, PHASE, Q, Rig } from './rig';

const RING = 0x1_0000;
const DRIVER = 0x2_0000;
const DEVICE = 0x3_0000;
const DATA = 0x10_0000;
const SIZE = 4;
const [NEXT, AVAIL, USED] = [1, 1 << 7, 1 << 15];

/** A queue of virtio, by hand. */
abstract class Virtqueue {
  readonly rig: Rig;
  readonly bytes: Bytes;

  constructor(format: ConstructorParameters<typeof Rig>[0], config: number, used = 0) {
    this.rig = new Rig(format);
    this.bytes = new Bytes(this.rig.port);
    for (const at of [RING, DRIVER, DEVICE, DATA]) this.rig.port.map(at, 0x1000);
    const start = { base: RING, heads: DRIVER, done: DEVICE, size: SIZE, config: PHASE | config };
    this.rig.start(0, { ...start, index: used, doneTail: used });
  }

  abstract put(entries: number): void;

  /** Whether a request of so many entries interrupts once it is used. */
  interrupts(entries = 1): boolean {
    const before = this.rig.read(0, Q.REQUESTS);
    this.put(entries);
    this.rig.ring(0);
    this.rig.run();
    expect(this.rig.read(0, Q.REQUESTS), 'requests').to.equal(before + 1);
    const told = (this.rig.read(0, Q.INT_STATUS) & INT.COMPLETE) !== 0;
    this.rig.write(0, Q.INT_STATUS, INT.COMPLETE);
    return told;
  }
}

class SplitQueue extends Virtqueue {
  private added: number;

  constructor(config: number, used = 0) {
    super(formats.virtioSplit, config, used);
    this.added = used;
    this.bytes.put(RING, DATA, 8);
    this.bytes.put(RING + 8, 16, 4);
  }

  put(): void {
    this.added = (this.added + 1) % 65_536;
    this.bytes.put(DRIVER + 2, this.added, 2);
  }

  set noInterrupt(no: boolean) {
    this.bytes.put(DRIVER, no ? 1 : 0, 2);
  }

  set usedEvent(number: number) {
    this.bytes.put(DRIVER + 4 + 2 * SIZE, number, 2);
  }
}

class PackedQueue extends Virtqueue {
  private at = 0;
  private lap = 1;

  constructor(config: number) {
    super(formats.virtioPacked, config);
  }

  put(entries: number): void {
    for (let i = 0; i < entries; i++) {
      const flags = (this.lap === 1 ? AVAIL : USED) | (i + 1 < entries ? NEXT : 0);
      this.bytes.put(RING + 16 * this.at, DATA, 8);
      this.bytes.put(RING + 16 * this.at + 8, 16, 4);
      this.bytes.put(RING + 16 * this.at + 14, flags, 2);
      this.at = (this.at + 1) % SIZE;
      if (this.at === 0) this.lap ^= 1;
    }
  }

  /** @param flags 0 all, 1 none, 2 that of the descriptor at `offset` in the lap of `wrap` */
  event(flags: number, offset = 0, wrap = 0): void {
    this.bytes.put(DRIVER, offset | (wrap << 15), 2);
    this.bytes.put(DRIVER + 2, flags, 2);
  }
}

describe('prototype: completions that software does not want to hear of', () => {
  it('split: by the flag, which is looked at after each, if both agree on that', () => {
    const queue = new SplitQueue(EVENTS);
    expect(queue.interrupts()).to.equal(true);
    queue.noInterrupt = true;
    expect([queue.interrupts(), queue.interrupts()]).to.deep.equal([false, false]);
    queue.noInterrupt = false;
    expect(queue.interrupts()).to.equal(true);
    const other = new SplitQueue(0);
    other.noInterrupt = true;
    expect(other.interrupts()).to.equal(true);
  });

  it('split: by the index behind the heads, modulo 65536; the flag does not count then', () => {
    const queue = new SplitQueue(EVENTS | EVENT_INDEX, 65_534);
    queue.noInterrupt = true;
    queue.usedEvent = 0;
    expect([queue.interrupts(), queue.interrupts(), queue.interrupts(), queue.interrupts()]).to.deep.equal([
      false,
      false,
      true,
      false,
    ]);
    queue.usedEvent = 2;
    expect([queue.interrupts(), queue.interrupts()]).to.deep.equal([true, false]);
  });

  it('packed: all, none, or the one that uses a descriptor in a lap', () => {
    const queue = new PackedQueue(EVENTS);
    expect(queue.interrupts()).to.equal(true);
    queue.event(1);
    expect(queue.interrupts()).to.equal(false);
    // Descriptors 2 and 3 of the first lap, 0 to 2 of the second, 3 of it and 0 of the third.
    queue.event(2, 3, 1);
    expect(queue.interrupts(2), 'its second descriptor').to.equal(true);
    queue.event(2, 1, 1);
    expect(queue.interrupts(3), 'of another lap').to.equal(false);
    queue.event(2, 0, 1);
    expect(queue.interrupts(2), 'across the end of the ring').to.equal(true);
    queue.event(2, 3, 1);
    expect(queue.interrupts(2), 'not yet').to.equal(false);
    expect(queue.interrupts(1), 'now').to.equal(true);
    queue.event(2, SIZE + 1, 0);
    expect(queue.interrupts(1), 'outside of the ring').to.equal(false);
  });

  it('cost a read each, which is waited for', () => {
    const [with1, without] = [new SplitQueue(EVENTS), new SplitQueue(0)];
    for (const queue of [with1, without]) queue.interrupts();
    const reads = [with1, without].map(({ rig }) => rig.device.statistics(0).fetchReads);
    expect(reads[0]).to.equal(reads[1]! + 1);
  });

  it('interrupt where that cannot be read', () => {
    const queue = new PackedQueue(EVENTS);
    queue.event(1);
    queue.rig.port.fail(DRIVER, -2);
    expect(queue.interrupts()).to.equal(true);
  });
});

describe('prototype: rings of heads whose size is no power of two', () => {
  it('begin again at their first place when the count of heads wraps', () => {
    const size = 3;
    const rig = new Rig(formats.virtioSplit);
    const bytes = new Bytes(rig.port);
    for (const at of [RING, DRIVER, DEVICE, DATA]) rig.port.map(at, 0x1000);
    const begin = 65_534;
    rig.start(0, { base: RING, heads: DRIVER, done: DEVICE, size, config: PHASE, index: begin, doneTail: begin });
    for (let i = 0; i < size; i++) {
      bytes.put(RING + 16 * i, DATA, 8);
      bytes.put(RING + 16 * i + 8, 16, 4);
    }
    for (let ordinal = 0; ordinal < 6; ordinal++) {
      const number = (begin + ordinal) % 65_536;
      const head = (2 * ordinal + 1) % size;
      bytes.put(DRIVER + 4 + 2 * (number % size), head, 2);
      bytes.put(DRIVER + 2, (number + 1) % 65_536, 2);
      bytes.put(DEVICE + 4 + 8 * (number % size), 0x99, 4);
      rig.ring(0);
      rig.run();
      expect(bytes.get(DEVICE + 4 + 8 * (number % size), 4), `used element of head ${number}`).to.equal(head);
      expect(rig.read(0, Q.DONE_TAIL), 'tail').to.equal((number + 1) % 65_536);
    }
  });
});
