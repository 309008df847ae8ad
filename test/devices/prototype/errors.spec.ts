import { expect } from 'chai';
import { ERROR } from '../../../devices/prototype/spec';
import type { TraceEvent } from '../../../base/trace-events';
import { BUS_ACCESS_FAULT } from '../../../base/bus-outcome';
import { BUFFERS, ENTRIES, FamilyDriver, HEADS, type Piece } from './driver';
import { E, F, S, familyFormat, KINDS, type Kind } from './family';
import { INT, Q, Rig, STATUS } from './rig';

const kindOf = (name: string): Kind => KINDS.find((kind) => familyFormat(kind)!.name === name)!;

const set = (name: string, size = 8): { rig: Rig; driver: FamilyDriver; events: TraceEvent[] } => {
  const kind = kindOf(name);
  const rig = new Rig(familyFormat(kind)!);
  const events: TraceEvent[] = [];
  rig.host.trace.subscribe(({ event }) => void events.push(event));
  rig.port.map(BUFFERS, 0x4000);
  return { rig, driver: new FamilyDriver(rig, kind, size), events };
};

const piece = (address: number, length = 16, write = false): Piece => ({ address, length, write });

const outcome = (rig: Rig): readonly number[] => [
  rig.read(0, Q.ERROR),
  rig.read(0, Q.ERROR_INDEX),
  rig.read(0, Q.ERROR_ADDRESS),
  rig.read(0, Q.STATUS),
];

const broken = (events: readonly TraceEvent[]): readonly string[] =>
  events.flatMap((event) => (event.type === 'descriptor-error' ? [event.what] : []));

describe('prototype: errors', () => {
  it('tells a request that failed in its entry, and goes on', () => {
    const { rig, driver } = set('ring-indices-own-in-place');
    driver.submit([[piece(BUFFERS)], [piece(0x9999_0000, 16, true)], [piece(BUFFERS)]]);
    rig.run();
    const status = [0, 1, 2].map((i) => driver.bytes.get(ENTRIES + E.size * i + E.status, 2));
    expect(status).to.deep.equal([S.DONE, S.DONE | S.ERROR, S.DONE]);
    expect(outcome(rig)).to.deep.equal([ERROR.DATA_WRITE | 0x100, 1, 0x9999_0000, STATUS.ENABLED | STATUS.IDLE]);
    expect(rig.read(0, Q.INT_STATUS)).to.equal(INT.COMPLETE | INT.ERROR | INT.IDLE);
  });

  it('halts where the completion has no place for it', () => {
    const { rig, driver } = set('heads-indices-chain-used-ring');
    rig.port.fail(BUFFERS + 0x1000, BUS_ACCESS_FAULT);
    driver.submit([[piece(BUFFERS)], [piece(BUFFERS + 0x1000)], [piece(BUFFERS)]]);
    rig.run();
    expect(outcome(rig)).to.deep.equal([ERROR.DATA_READ | 0x200, 1, BUFFERS + 0x1000, STATUS.HALTED]);
    expect(rig.read(0, Q.REQUESTS)).to.equal(1);
    const calls = rig.port.calls;
    rig.ring(0);
    rig.run();
    expect(rig.port.calls).to.equal(calls);
  });

  it('halts where entries cannot be read, after what came before is done', () => {
    const { rig, driver } = set('last-indices-own-in-place');
    driver.submit([[piece(BUFFERS)], [piece(BUFFERS)]]);
    driver.bytes.put(ENTRIES + E.next, 0x7777_7000, 8);
    rig.run();
    expect(outcome(rig)).to.deep.equal([ERROR.FETCH | 0x100, 1, 0x7777_7000, STATUS.HALTED]);
    expect(rig.read(0, Q.REQUESTS)).to.equal(1);
  });

  it('does not follow an index past the table, a chain in a circle, or more heads than entries', () => {
    for (const [index, code] of [
      [8, ERROR.INDEX],
      [3, ERROR.TOO_LONG],
    ] as const) {
      const { rig, driver, events } = set('heads-indices-chain-used-ring');
      driver.submit([[piece(BUFFERS), piece(BUFFERS)]]);
      // The first head of this driver is entry 3.
      driver.bytes.put(ENTRIES + 3 * E.size + E.index, index, 2);
      rig.run();
      expect(rig.read(0, Q.ERROR) & 0xff).to.equal(code);
      expect(rig.read(0, Q.STATUS)).to.equal(STATUS.HALTED);
      expect(broken(events)).to.have.length(1);
    }
    const { rig, driver } = set('heads-indices-chain-used-ring');
    driver.bytes.put(HEADS + 2, 9, 2);
    rig.ring(0);
    rig.run();
    expect(rig.read(0, Q.ERROR)).to.equal(ERROR.INDEX);
  });

  it('sees frames that do not begin or do not end', () => {
    const { rig, driver, events } = set('ring-indices-frame-in-place');
    driver.submit([[piece(BUFFERS), piece(BUFFERS)], [piece(BUFFERS)]]);
    driver.bytes.put(ENTRIES + E.flags, F.OWN, 2);
    rig.run();
    expect(outcome(rig).slice(0, 3)).to.deep.equal([ERROR.FRAME, 0, ENTRIES]);
    expect(broken(events)[0]).to.contain('frame');
    expect(driver.bytes.get(ENTRIES + E.status, 2)).to.equal(S.DONE | S.ERROR);
  });

  it("tells of a list that leads to an entry that is not the engine's", () => {
    const { rig, driver, events } = set('last-bit-own-in-place');
    driver.submit([[piece(BUFFERS)], [piece(BUFFERS)]]);
    driver.bytes.put(ENTRIES + E.size + E.flags, F.LAST, 2);
    rig.run();
    expect(outcome(rig)).to.deep.equal([ERROR.OWNER, 1, ENTRIES + E.size, STATUS.HALTED]);
    expect(broken(events)).to.deep.equal(["is not the engine's"]);
  });

  it('refuses lengths over the limit, doorbells and sizes that make no sense', () => {
    const { rig, driver } = set('ring-indices-own-in-place');
    driver.submit([[piece(BUFFERS, 20_001)]]);
    rig.run();
    expect(rig.read(0, Q.ERROR)).to.equal(ERROR.LENGTH);
    rig.ring(0, 40_000);
    rig.run();
    expect(rig.read(0, Q.STATUS)).to.equal(STATUS.HALTED);
    for (const options of [{ size: 0 }, { size: (1 << 20) + 1 }, { size: 8, index: 8 }]) {
      rig.start(1, { base: ENTRIES, ...options });
      expect(rig.read(1, Q.ERROR)).to.equal(ERROR.CONFIG);
      expect(rig.read(1, Q.STATUS)).to.equal(STATUS.HALTED);
    }
    rig.start(1, { base: ENTRIES, size: 8 });
    rig.ring(1, 8);
    expect(rig.read(1, Q.ERROR)).to.equal(ERROR.DOORBELL);
  });

  it('keeps to the end of the address space', () => {
    const { rig, driver } = set('ring-indices-own-in-place');
    driver.submit([[piece(BUFFERS)]]);
    driver.bytes.put(ENTRIES + E.addr, 0xffff_ffff_ffff_fff8n, 8);
    rig.run();
    expect(rig.read(0, Q.ERROR)).to.equal(ERROR.DATA_READ | 0x100);
    rig.start(1, { base: 0xffff_ffff_ffff_ffe0n, size: 8 });
    rig.ring(1, 2);
    rig.run();
    expect(rig.read(1, Q.ERROR)).to.equal(ERROR.FETCH | 0x100);
  });
});
