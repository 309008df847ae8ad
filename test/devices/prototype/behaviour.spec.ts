import { expect } from 'chai';
import { formatCode } from '../../../devices/prototype';
import { LabError } from '../../../base/errors';
import { BUFFERS, ENTRIES, FamilyDriver, type Piece } from './driver';
import { E, F, familyFormat, KINDS, type Kind } from './family';
import { DONE_PHASE, ENABLE, INT, PHASE, Q, REG, Rig, STATUS, TO_MEMORY } from './rig';

const kindOf = (name: string): Kind => KINDS.find((kind) => familyFormat(kind)!.name === name)!;
const OWN_RING = 'ring-indices-own-in-place';
const FRAME_RING = 'ring-bit-frame-in-place';

const rigOf = (name: string, options: ConstructorParameters<typeof Rig>[1] = {}): Rig => {
  const rig = new Rig(familyFormat(kindOf(name))!, options);
  rig.port.map(BUFFERS, 0x1_0000);
  return rig;
};

const reads = (count: number, length = 16): Piece[][] =>
  Array.from({ length: count }, (_, i) => [{ write: false, address: BUFFERS + 0x100 * i, length }]);

describe('prototype: registers', () => {
  it('say what it is, and are as declared after reset', () => {
    const rig = rigOf(OWN_RING, { queues: 3, interrupts: 'per-queue' });
    expect(rig.regs.readl(REG.ID)).to.equal(0x544f_5250);
    expect(rig.regs.readl(REG.VERSION)).to.equal(1);
    expect(rig.regs.readl(REG.CAPABILITY)).to.equal(3 | (E.size << 8) | (1 << 24));
    expect(rig.regs.readl(REG.FORMAT)).to.equal(formatCode(OWN_RING));
    expect(rig.regs.readl(REG.CONTROL)).to.equal(0);
    expect(rig.read(2, Q.CONFIG)).to.equal(PHASE | DONE_PHASE);
  });

  it('keep what describes a queue while it runs', () => {
    const rig = rigOf(OWN_RING);
    rig.start(0, { base: ENTRIES, size: 8 });
    rig.write(0, Q.SIZE, 4);
    rig.writeq(0, Q.BASE, 0x5555_0000);
    rig.write(0, Q.INDEX, 3);
    expect([rig.read(0, Q.SIZE), rig.read(0, Q.BASE), rig.read(0, Q.INDEX)]).to.deep.equal([8, ENTRIES, 0]);
  });

  it('ring with the low half; a doorbell of a queue that is off is lost', () => {
    const rig = rigOf(OWN_RING);
    const driver = new FamilyDriver(rig, kindOf(OWN_RING), 8);
    rig.regs.writel(rig.at(0, Q.DOORBELL) + 4, 0);
    rig.run();
    expect(rig.device.statistics(0).doorbells).to.equal(0);
    rig.write(0, Q.CONTROL, 0);
    rig.run();
    driver.submit(reads(1));
    const { calls } = rig.port;
    rig.run();
    expect(rig.port.calls).to.equal(calls);
    expect(rig.device.statistics(0).doorbells).to.equal(0);
  });

  it('refuse options out of range', () => {
    const format = familyFormat(kindOf(OWN_RING))!;
    for (const options of [{ queues: 33 }, { prefetch: 0 }, { burstBytes: 8 }, { bytesPerNs: NaN }, { other: 1 }]) {
      expect(() => new Rig(format, options)).to.throw(LabError);
    }
  });
});

describe('prototype: interrupts', () => {
  it('come for each completion, and go when they are cleared', () => {
    const rig = rigOf(OWN_RING);
    const driver = new FamilyDriver(rig, kindOf(OWN_RING), 8);
    driver.submit(reads(1));
    rig.run();
    expect(rig.host.interrupts[0]!.level).to.equal(true);
    expect(rig.regs.readl(REG.INT_STATUS)).to.equal(1);
    rig.write(0, Q.INT_STATUS, INT.COMPLETE | INT.IDLE);
    expect(rig.host.interrupts[0]!.level).to.equal(false);
  });

  it('come by number', () => {
    const rig = rigOf(OWN_RING);
    const driver = new FamilyDriver(rig, kindOf(OWN_RING), 16);
    rig.write(0, Q.INT_ENABLE, INT.COMPLETE);
    rig.write(0, Q.COALESCE, 3);
    driver.submit(reads(2));
    rig.run();
    expect(rig.read(0, Q.INT_STATUS) & INT.COMPLETE).to.equal(0);
    driver.submit(reads(1));
    rig.run();
    expect(rig.read(0, Q.INT_STATUS) & INT.COMPLETE).to.equal(INT.COMPLETE);
    expect(rig.host.interrupts[0]!.rises).to.equal(1);
  });

  it('come by time, counted from the first completion', () => {
    const rig = rigOf(OWN_RING);
    const driver = new FamilyDriver(rig, kindOf(OWN_RING), 16);
    rig.write(0, Q.INT_ENABLE, INT.COMPLETE);
    rig.write(0, Q.COALESCE, 100);
    rig.write(0, Q.COALESCE_NS, 50_000);
    driver.submit(reads(2));
    rig.clock.runUntil(rig.clock.now + 40_000);
    expect(rig.read(0, Q.REQUESTS)).to.equal(2);
    expect(rig.host.interrupts[0]!.level).to.equal(false);
    rig.clock.runUntil(rig.clock.now + 20_000);
    expect(rig.host.interrupts[0]!.level).to.equal(true);
  });

  it('come only for entries that ask for them', () => {
    const rig = rigOf(OWN_RING);
    const driver = new FamilyDriver(rig, kindOf(OWN_RING), 8);
    rig.write(0, Q.INT_ENABLE, INT.COMPLETE);
    driver.submit(reads(1));
    driver.bytes.put(ENTRIES + E.flags, F.OWN, 2);
    rig.run();
    expect(rig.read(0, Q.REQUESTS)).to.equal(1);
    expect(rig.read(0, Q.INT_STATUS) & INT.COMPLETE).to.equal(0);
  });

  it('have a wire for each queue where that is asked for', () => {
    const rig = rigOf(OWN_RING, { queues: 2, interrupts: 'per-queue' });
    rig.port.map(ENTRIES, 0x1000);
    rig.start(1, { base: ENTRIES, size: 8 });
    rig.port.poke(ENTRIES + E.flags, [F.IRQ]);
    rig.ring(1, 1);
    rig.run();
    expect(rig.host.interrupts.map(({ level }) => level)).to.deep.equal([false, true]);
  });
});

describe('prototype: several queues', () => {
  /** The order in which three queues with five entries each complete, as the trace tells. */
  const order = (policy: number, configs: readonly number[]): string => {
    const rig = rigOf(OWN_RING, { queues: 3 });
    const done: string[] = [];
    rig.host.trace.subscribe(({ event }) => {
      if (event.type === 'device' && event.what.endsWith('request done')) done.push(event.what.split(' ')[1]!);
    });
    rig.regs.writel(REG.ARBITER, policy);
    rig.port.map(ENTRIES, 0x1_0000);
    configs.forEach((config, queue) => {
      const base = ENTRIES + 0x1000 * queue;
      for (let i = 0; i < 5; i++) {
        const entry = new DataView(new ArrayBuffer(E.size));
        entry.setBigUint64(E.addr, BigInt(BUFFERS), true);
        entry.setUint32(E.len, 4000, true);
        rig.port.poke(base + E.size * i, new Uint8Array(entry.buffer));
      }
      rig.start(queue, { base, size: 8, config: config | PHASE });
      rig.ring(queue, 5);
    });
    rig.run();
    return done.join('');
  };

  it('take turns', () => {
    expect(order(0, [0, 0, 0])).to.equal('012012012012012');
  });

  it('take turns by weight', () => {
    expect(order(1, [1 << 8, 0, 2 << 8])).to.equal('001222001220111');
  });

  it('go by priority, in turn among equals', () => {
    expect(order(2, [1 << 16, 3 << 16, 1 << 16])).to.equal('111112020202020');
  });
});

describe('prototype: the stream port', () => {
  /** A ring of frames to memory: five buffers of 100 bytes. */
  const receiver = (): { rig: Rig; flags: (i: number) => readonly number[] } => {
    const rig = rigOf(FRAME_RING);
    rig.port.map(ENTRIES, 0x1000);
    for (let i = 0; i < 5; i++) {
      const entry = new DataView(new ArrayBuffer(E.size));
      entry.setBigUint64(E.addr, BigInt(BUFFERS + 0x100 * i), true);
      entry.setUint32(E.len, 100, true);
      entry.setUint16(E.flags, F.OWN | F.WRITE | F.IRQ, true);
      rig.port.poke(ENTRIES + E.size * i, new Uint8Array(entry.buffer));
    }
    rig.start(0, { base: ENTRIES, size: 8, config: TO_MEMORY | PHASE });
    const flags = (i: number): readonly number[] => {
      const view = new DataView(rig.port.bytes(ENTRIES + E.size * i, E.size).buffer);
      return [view.getUint16(E.flags, true) & (F.OWN | F.FIRST | F.LAST), view.getUint32(E.written, true)];
    };
    return { rig, flags };
  };

  const packet = (length: number, from: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (from + i) & 0xff);

  it('waits for packets, spreads them over buffers, and tells where they begin and end', () => {
    const { rig, flags } = receiver();
    rig.write(0, Q.STREAM, 1);
    rig.ring(0);
    rig.run();
    expect(rig.read(0, Q.REQUESTS)).to.equal(0);
    expect(rig.device.stream(0).inject(packet(230, 1))).to.equal(true);
    rig.run();
    expect(rig.device.stream(0).inject(packet(7, 9))).to.equal(true);
    expect(rig.device.stream(0).inject(packet(100, 50))).to.equal(true);
    rig.run();
    expect([0, 1, 2, 3, 4].map(flags)).to.deep.equal([
      [F.FIRST, 100],
      [0, 100],
      [F.LAST, 30],
      [F.FIRST | F.LAST, 7],
      [F.FIRST | F.LAST, 100],
    ]);
    expect([...rig.port.bytes(BUFFERS + 0x200, 31)]).to.deep.equal([...packet(30, 201), 0]);
    expect([...rig.port.bytes(BUFFERS + 0x300, 8)]).to.deep.equal([...packet(7, 9), 0]);
    expect(rig.read(0, Q.STATUS)).to.equal(STATUS.ENABLED | STATUS.IDLE);
  });

  it('makes packets of a length from its pattern', () => {
    const { rig, flags } = receiver();
    rig.write(0, Q.STREAM_LENGTH, 130);
    rig.ring(0);
    rig.run();
    expect([0, 1, 2, 3, 4].map(flags)).to.deep.equal([
      [F.FIRST, 100],
      [F.LAST, 30],
      [F.FIRST, 100],
      [F.LAST, 30],
      [F.FIRST, 100],
    ]);
  });

  it('can be disabled and aborted while it waits', () => {
    for (const control of [0, ENABLE | 4]) {
      const { rig } = receiver();
      rig.write(0, Q.STREAM, 1);
      rig.ring(0);
      rig.run();
      rig.write(0, Q.CONTROL, control);
      rig.run();
      expect(rig.read(0, Q.STATUS)).to.equal(0);
      expect(rig.device.stream(0).inject(packet(10, 0))).to.equal(true);
      const { calls } = rig.port;
      rig.run();
      expect(rig.port.calls).to.equal(calls);
    }
  });

  it('loops what one queue sends into another, and waits while there is no room', () => {
    const { rig, flags } = receiver();
    rig.write(0, Q.STREAM, 1);
    rig.write(1, Q.STREAM, 2);
    const base = ENTRIES + 0x800;
    const bytes = packet(250, 3);
    rig.port.poke(BUFFERS + 0x800, bytes);
    const [first, second] = [150, 100];
    [first, second].forEach((length, i) => {
      const entry = new DataView(new ArrayBuffer(E.size));
      entry.setBigUint64(E.addr, BigInt(BUFFERS + 0x800 + first * i), true);
      entry.setUint32(E.len, length, true);
      entry.setUint16(E.flags, F.OWN | (i === 0 ? F.FIRST : F.LAST), true);
      rig.port.poke(base + E.size * i, new Uint8Array(entry.buffer));
    });
    rig.start(1, { base, size: 4, config: PHASE });
    rig.ring(1);
    rig.ring(0);
    rig.run();
    expect([0, 1, 2].map(flags)).to.deep.equal([
      [F.FIRST, 100],
      [0, 100],
      [F.LAST, 50],
    ]);
    const got = [0, 1, 2].flatMap((i) => [...rig.port.bytes(BUFFERS + 0x100 * i, i < 2 ? 100 : 50)]);
    expect(got).to.deep.equal([...bytes]);
    expect(rig.device.stream(1).sentPackets).to.equal(1);
  });
});

describe('prototype: time', () => {
  const nsOf = (options: ConstructorParameters<typeof Rig>[1], length: number): number => {
    const rig = rigOf(OWN_RING, options);
    const driver = new FamilyDriver(rig, kindOf(OWN_RING), 32);
    driver.submit(reads(24, length));
    rig.run();
    driver.expectAllDone();
    return rig.clock.now;
  };

  it('goes by bandwidth, by latency where few requests are on their way, and by what is fetched ahead', () => {
    const slow = nsOf({ bytesPerNs: 0.5 }, 200);
    expect(slow).to.be.greaterThan((24 * 200) / 0.5);
    expect(slow).to.be.lessThan(((24 * 200) / 0.5) * 1.3);
    const one = nsOf({ outstanding: 1, latencyNs: 500, burstBytes: 64 }, 256);
    expect(one).to.be.greaterThan(24 * 4 * 500);
    const many = nsOf({ outstanding: 16, latencyNs: 500, burstBytes: 64 }, 256);
    expect(many).to.be.lessThan(one / 4);
    const ahead = nsOf({ latencyNs: 1000, prefetch: 16 }, 64);
    const behind = nsOf({ latencyNs: 1000, prefetch: 1 }, 64);
    expect(behind).to.be.greaterThan(1.5 * ahead);
  });

  it('does not pass with ends of entries: one whose last byte ends a chunk takes no step more', () => {
    expect(nsOf({ chunkBytes: 64 }, 64)).to.equal(nsOf({ chunkBytes: 128 }, 64));
    expect(nsOf({ chunkBytes: 64 }, 192)).to.equal(nsOf({ chunkBytes: 256 }, 192));
  });

  it("goes by the IOMMU's reads of tables: beside other requests, and before the first answer after a rest", () => {
    const nsWith = (walkReads: number, count: number, options: ConstructorParameters<typeof Rig>[1]): number => {
      const rig = rigOf(OWN_RING, { bytesPerNs: 1e9, prefetch: 1, startNs: 1, ...options });
      rig.port.walksPerAccess = walkReads;
      const driver = new FamilyDriver(rig, kindOf(OWN_RING), 32);
      const ready = rig.clock.now;
      driver.submit(reads(count, 16));
      rig.run();
      driver.expectAllDone();
      return rig.clock.now - ready;
    };
    // One request: entry, data and completion, of which the last one is posted.
    const one = { latencyNs: 800, outstanding: 8 };
    const dry = nsWith(0, 1, one);
    const wet = nsWith(3, 1, one);
    expect(wet - dry).to.be.within(2 * 3 * 800, 2 * 3 * 800 + 2 * 3 * 100 + 4);
    // A read of a table takes the place of another request: of data, and of completions.
    const busy = { latencyNs: 800, outstanding: 1, prefetch: 16, chunkBytes: 64 };
    const once = 16 * 2 * 800;
    expect(nsWith(2, 16, busy) - nsWith(0, 16, busy)).to.be.within(2 * once, 2.6 * once);
  });

  it('is accounted for', () => {
    const rig = rigOf(OWN_RING, { latencyNs: 1000, prefetch: 1 });
    const driver = new FamilyDriver(rig, kindOf(OWN_RING), 32);
    driver.submit(reads(10, 256));
    rig.run();
    const { doorbells, requests, entries, fetchReads, fetchBytes, readBytes, writtenBytes, completionWrites } =
      rig.device.statistics(0);
    expect([doorbells, requests, entries, fetchReads]).to.deep.equal([1, 10, 10, 10]);
    expect([fetchBytes, readBytes, writtenBytes, completionWrites]).to.deep.equal([10 * E.size, 2560, 0, 10]);
    const { busyNs, fetchStallNs, dataStallNs } = rig.device.statistics(0);
    expect(fetchStallNs).to.be.within(9000, 11_000);
    expect(busyNs + fetchStallNs).to.be.within(rig.clock.now * 0.9, rig.clock.now);
    expect(dataStallNs).to.be.greaterThan(0);
  });
});
