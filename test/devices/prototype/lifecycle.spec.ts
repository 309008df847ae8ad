import { expect } from 'chai';
import { BUFFERS, FamilyDriver, type Piece } from './driver';
import { familyFormat, KINDS, type Kind } from './family';
import { ABORT, ENABLE, INT, PAUSE, Q, REG, Rig, STATUS } from './rig';

const COUNT = 5;
const LENGTH = 300;

/** One of each way in which entries follow, change hands, hang together and come back. */
const NAMES = [
  'ring-bit-own-in-place',
  'ring-bit-chain-queue',
  'ring-phase-chain-in-ring',
  'ring-indices-frame-in-place',
  'last-indices-chain-in-place',
  'null-bit-own-in-place',
  'tail-indices-own-queue',
  'heads-indices-chain-used-ring',
];
const kindsWorthIt = KINDS.filter((kind) => NAMES.includes(familyFormat(kind)!.name));

/** A small run: five requests of two buffers, in steps of 64 bytes. */
const begin = (kind: Kind): { rig: Rig; driver: FamilyDriver } => {
  const rig = new Rig(familyFormat(kind)!, { chunkBytes: 64, prefetch: 4, queues: 2 });
  rig.port.map(BUFFERS, 0x1_0000);
  const driver = new FamilyDriver(rig, kind, 16);
  const write = kind.pieces !== 'frame';
  const requests = Array.from({ length: COUNT }, (_, i): Piece[] => [
    { write: false, address: BUFFERS + 0x1000 * i, length: LENGTH },
    { write, address: BUFFERS + 0x1000 * i + 0x800, length: LENGTH },
  ]);
  driver.submit(kind.pieces === 'own' ? requests.map(([first]) => [first!]) : requests);
  return { rig, driver };
};

const eventsOf = (kind: Kind): number => begin(kind).rig.run();

/** How many accesses the engine made since the last time. */
const quiet = (rig: Rig): void => {
  const before = rig.port.calls;
  rig.ring(0, 1);
  rig.run();
  expect(rig.port.calls, 'accesses after it was stopped').to.equal(before);
};

/** Runs `stop` at every event of a small run. */
const atEveryEvent = (kind: Kind, stop: (rig: Rig, driver: FamilyDriver) => void): void => {
  const events = eventsOf(kind);
  expect(events).to.be.greaterThan(10);
  for (let at = 0; at <= events; at++) {
    const { rig, driver } = begin(kind);
    rig.run(at);
    stop(rig, driver);
  }
};

describe('prototype: stopped at every event', () => {
  for (const kind of kindsWorthIt) {
    const { name } = familyFormat(kind)!;

    it(`reset: ${name}`, () => {
      atEveryEvent(kind, (rig) => {
        rig.regs.writel(REG.CONTROL, 1);
        expect(rig.regs.readl(REG.CONTROL) & 1).to.equal(1);
        const before = rig.port.calls;
        rig.run();
        expect(rig.port.calls, 'accesses after reset').to.equal(before);
        expect(rig.regs.readl(REG.CONTROL)).to.equal(0);
        expect(rig.read(0, Q.STATUS)).to.equal(0);
        expect(rig.host.interrupts[0]!.level).to.equal(false);
        quiet(rig);
      });
    });

    it(`bus master off: ${name}`, () => {
      atEveryEvent(kind, (rig, driver) => {
        rig.regs.writel(REG.CONTROL, 4);
        const before = rig.port.calls;
        rig.run();
        expect(rig.port.calls, 'accesses without leave').to.equal(before);
        rig.regs.writel(REG.CONTROL, 6);
        rig.run();
        driver.expectAllDone();
      });
    });

    it(`pause and resume: ${name}`, () => {
      atEveryEvent(kind, (rig, driver) => {
        rig.write(0, Q.CONTROL, ENABLE | PAUSE);
        rig.run();
        const { calls } = rig.port;
        expect(rig.read(0, Q.STATUS) & STATUS.PAUSED).to.equal(STATUS.PAUSED);
        expect(rig.read(0, Q.INT_STATUS) & INT.PAUSED).to.equal(INT.PAUSED);
        rig.run();
        expect(rig.port.calls).to.equal(calls);
        rig.write(0, Q.CONTROL, ENABLE);
        rig.run();
        driver.expectAllDone();
      });
    });

    it(`abort: ${name}`, () => {
      atEveryEvent(kind, (rig, driver) => {
        const before = rig.port.calls;
        rig.write(0, Q.CONTROL, ENABLE | ABORT);
        expect(rig.read(0, Q.CONTROL) & ABORT).to.equal(ABORT);
        rig.run();
        expect(rig.port.calls, 'accesses after an abort').to.equal(before);
        expect(rig.read(0, Q.CONTROL)).to.equal(0);
        expect(rig.read(0, Q.STATUS)).to.equal(0);
        expect(rig.read(0, Q.INT_STATUS) & INT.ABORTED).to.equal(INT.ABORTED);
        driver.reap();
        quiet(rig);
      });
    });

    it(`disable ends with the request: ${name}`, () => {
      atEveryEvent(kind, (rig, driver) => {
        rig.write(0, Q.CONTROL, 0);
        rig.run();
        expect(rig.read(0, Q.STATUS)).to.equal(0);
        expect(rig.read(0, Q.INT_STATUS) & INT.ABORTED).to.equal(INT.ABORTED);
        driver.reap();
        quiet(rig);
      });
    });
  }
});
