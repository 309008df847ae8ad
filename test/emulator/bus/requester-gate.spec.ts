import { expect } from 'chai';

import { BUS_ACCESS_FAULT, BUS_OK } from '../../../base/bus-outcome';
import { LabError } from '../../../base/errors';
import { u64 } from '../../../base/u64';
import { RequesterGate } from '../../../emulator/bus/requester-gate';

// Offsets as the block's documentation gives them.
const ID = 0x000;
const VERSION = 0x004;
const CONFIG = 0x008;
const STATUS = 0x00c;
const SELECT = 0x010;
const DROPPED_READS = 0x014;
const DROPPED_WRITES = 0x018;
const CLOSED = 0x100;

const get = (gate: RequesterGate, offset: number): number => {
  const value = u64();
  expect(gate.registers.read(offset, 4, value)).to.equal(BUS_OK);
  return value.lo;
};
const put = (gate: RequesterGate, offset: number, value: number): void => {
  expect(gate.registers.write(offset, 4, value >>> 0, 0)).to.equal(BUS_OK);
};

describe('requester gate', () => {
  it('identifies itself', () => {
    const gate = new RequesterGate(40);
    expect([get(gate, ID), get(gate, VERSION), get(gate, CONFIG)]).to.deep.equal([0x4741_5445, 0x1_0000, 40]);
    put(gate, ID, 0);
    put(gate, CONFIG, 99);
    expect([get(gate, ID), get(gate, CONFIG)]).to.deep.equal([0x4741_5445, 40]);
  });

  it('admits everyone at power-on; closes and opens one requester at a time', () => {
    const gate = new RequesterGate(256);
    for (const id of [0, 1, 31, 32, 63, 64, 255]) {
      expect(gate.admits(id)).to.equal(true);
      const word = CLOSED + 4 * (id >> 5);
      put(gate, word, 1 << (id & 31));
      for (const other of [0, 1, 31, 32, 63, 64, 255, 256])
        expect(gate.admits(other), `${other}`).to.equal(other !== id);
      put(gate, word, 0);
      expect(gate.admits(id)).to.equal(true);
    }
  });

  it('always admits ids that it does not guard, whatever is written', () => {
    const gate = new RequesterGate(40);
    for (let word = 0; word < 32; word++) put(gate, CLOSED + 4 * word, 0xffff_ffff);
    expect([gate.admits(0), gate.admits(39), gate.admits(40), gate.admits(63), gate.admits(1_000_000)]).to.deep.equal([
      false,
      false,
      true,
      true,
      true,
    ]);
    expect([get(gate, CLOSED), get(gate, CLOSED + 4), get(gate, CLOSED + 8)]).to.deep.equal([0xffff_ffff, 0xff, 0]);
  });

  it('counts reads and writes of each requester apart, and clears them apart', () => {
    const gate = new RequesterGate(8);
    gate.countDrop(3, false);
    gate.countDrop(3, false);
    gate.countDrop(3, true);
    gate.countDrop(5, true);
    const counters = (id: number): number[] => {
      put(gate, SELECT, id);
      return [get(gate, DROPPED_READS), get(gate, DROPPED_WRITES)];
    };
    expect([counters(3), counters(5), counters(0), counters(8), counters(0xffff)]).to.deep.equal([
      [2, 1],
      [0, 1],
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    put(gate, SELECT, 3);
    gate.countDrop(3, true);
    expect(get(gate, DROPPED_WRITES)).to.equal(2);
    put(gate, DROPPED_READS, 77);
    expect([counters(3), counters(5)]).to.deep.equal([
      [0, 2],
      [0, 1],
    ]);
  });

  it('remembers in STATUS that something was dropped until a one is written', () => {
    const gate = new RequesterGate();
    expect(get(gate, STATUS)).to.equal(0);
    gate.countDrop(1, true);
    put(gate, STATUS, 0);
    expect(get(gate, STATUS)).to.equal(1);
    put(gate, STATUS, 1);
    expect(get(gate, STATUS)).to.equal(0);
  });

  it('is open and has counted nothing after a reset', () => {
    const gate = new RequesterGate(16);
    put(gate, CLOSED, 0xffff);
    gate.countDrop(2, true);
    gate.reset();
    put(gate, SELECT, 2);
    expect([gate.admits(2), get(gate, DROPPED_WRITES), get(gate, STATUS), get(gate, CONFIG)]).to.deep.equal([
      true,
      0,
      0,
      16,
    ]);
  });

  it('answers an access past its end with a fault, and refuses an impossible size', () => {
    const gate = new RequesterGate();
    expect(gate.registers.read(0x1000, 4, u64())).to.equal(BUS_ACCESS_FAULT);
    for (const requesters of [0, 1025, 1.5])
      expect(() => new RequesterGate(requesters)).to.throw(LabError, '1 to 1024');
  });
});
