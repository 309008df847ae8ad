import { expect } from 'chai';
import type { DmaAddr } from '../../../base/address';
import {
  CASES,
  Entries,
  JUMP,
  LAST,
  OWN,
  PHASE,
  SIZE,
  run,
  circle,
  chased,
  added,
  linkedOnly,
  marked,
  tailed,
  plainRing,
  phased,
  jumping,
  type Twin,
} from './given-by-hand';
import { reportsOf, type Hand } from './hand';

const CORRECT: Readonly<Record<string, Twin>> = {
  'a circle, run around twice, with and without a doorbell': {
    format: circle,
    make: async (hand, entries) => {
      entries.circle(4);
      for (let i = 0; i < 8; i++) {
        entries.give(i % 4);
        if (i % 3 !== 1) hand.go();
        if (i % 4 === 3) await hand.rest();
      }
    },
  },
  'a circle that is chased, all around': {
    format: chased,
    make: async (hand, entries) => {
      entries.circle(4);
      for (const index of [0, 1]) entries.give(index);
      hand.go(hand.ring);
      for (const index of [2, 3]) entries.give(index);
      await hand.rest();
      entries.give(0);
      hand.go(hand.ring);
    },
  },
  'a list that the device rests in, prepared in any order and rung for by its beginning': {
    format: chased,
    make: async (hand, entries) => {
      entries.circle(4);
      for (const index of [0, 1]) entries.give(index);
      hand.go(hand.ring);
      await hand.rest();
      entries.mark(2, OWN);
      entries.fill(2);
      hand.go(entries.at(2));
    },
  },
  'prepared in any order, and linked when all is there': {
    format: added,
    make: async (hand, entries) => {
      entries.give(0);
      hand.go();
      for (const index of [1, 2, 3]) {
        entries.mark(index, OWN);
        entries.fill(index);
        hand.wmb();
        entries.link(index - 1, entries.at(index));
        if (index !== 2) hand.go();
      }
      await hand.rest();
      // Its place is free once the device is past it.
      entries.mark(0, OWN);
      entries.fill(0);
      entries.link(0, 0n);
      hand.wmb();
      entries.link(3, entries.at(0));
      hand.go();
    },
  },
  'a blank entry always at the end': {
    format: circle,
    make: async (hand, entries) => {
      entries.link(0, entries.at(1));
      entries.give(0);
      hand.go();
      await hand.rest();
      // The first is used again, as another list's would be: nothing leads there.
      entries.mark(0, OWN);
      entries.fill(0, hand.ring);
      entries.mark(0, 0);
      entries.link(0, 0n);
      entries.link(1, entries.at(2));
      entries.give(1);
      hand.go();
    },
  },
  'links without owners': {
    format: linkedOnly,
    make: async (hand, entries) => {
      entries.fill(0);
      hand.go();
      for (const index of [1, 2, 3]) {
        entries.fill(index);
        hand.wmb();
        entries.link(index - 1, entries.at(index));
        if (index === 2) await hand.rest();
        hand.go();
      }
    },
  },
  'half a link leads nowhere': {
    format: linkedOnly,
    make: (hand, entries) => {
      entries.fill(0);
      hand.go();
      for (const index of [1, 2]) {
        entries.fill(index);
        hand.wmb();
        hand.put64(SIZE * (index - 1), entries.at(index));
        hand.wmb();
      }
      hand.go();
    },
  },
  'the link first, then the mark of the end': {
    format: marked,
    make: (hand, entries) => {
      entries.give(0, LAST);
      hand.go();
      for (const index of [1, 2]) {
        entries.give(index, LAST);
        entries.link(index - 1, entries.at(index));
        hand.wmb();
        entries.mark(index - 1, 0);
      }
      hand.go();
    },
  },
  'beyond the tail, in any order': {
    format: tailed,
    make: async (hand, entries) => {
      entries.circle(4);
      for (let i = 0; i < 6; i++) {
        entries.mark(i % 4, OWN);
        entries.fill(i % 4);
        hand.wmb();
        if (i !== 1) hand.go(entries.at(i % 4));
        if (i === 3) await hand.rest();
      }
    },
  },
  'a tail that was named before all was there, and beyond it': {
    format: tailed,
    make: (hand, entries) => {
      entries.circle(4);
      entries.give(0);
      hand.go(entries.at(2));
      for (const index of [1, 2]) entries.give(index);
      entries.mark(3, OWN);
      entries.fill(3);
      hand.wmb();
      hand.go(entries.at(3));
    },
  },
  'a ring, whose first entry is given last': {
    format: plainRing,
    make: (hand, entries) => {
      for (const index of [2, 1]) {
        entries.mark(index, OWN);
        entries.fill(index);
      }
      hand.wmb();
      entries.give(0);
      hand.go();
    },
  },
  'laps by phase': {
    format: phased,
    make: async (hand, entries) => {
      for (let i = 0; i < 20; i++) {
        entries.give(i % 8, i >= 8 && i < 16 ? 0 : PHASE);
        if (i % 4 === 3) {
          hand.go();
          await hand.rest();
        }
      }
    },
  },
  'jumps there and back': {
    format: jumping,
    make: async (hand, entries) => {
      for (let round = 0; round < 3; round++) {
        entries.give(0);
        entries.give(6);
        entries.link(1, entries.at(6));
        hand.wmb();
        entries.mark(1, OWN | JUMP);
        entries.link(7, entries.at(0));
        hand.wmb();
        entries.mark(7, OWN | JUMP);
        if (round !== 1) hand.go();
        hand.go();
        await hand.rest();
      }
    },
  },
};

describe('descriptors that are given away complete', () => {
  for (const [name, twin] of Object.entries(CORRECT)) {
    for (const [where, of] of Object.entries(CASES)) {
      it(`${name}, ${where}: nothing is said`, async () => {
        expect((await run(twin, of)).map(({ id, message, picture }) => [id, message, ...picture])).to.deep.equal([]);
      });
    }
  }
});

describe('what a device takes before anybody rings', () => {
  it('hides nothing that it is told of later', async () => {
    const make = async (hand: Hand): Promise<void> => {
      const entries = new Entries(hand);
      entries.circle(4);
      for (const index of [0, 1]) entries.give(index);
      hand.go();
      for (const index of [2, 3]) entries.give(index);
      await hand.rest();
      entries.fill(0, 0xdead_0000n as DmaAddr);
      hand.wmb();
      entries.mark(0, OWN);
      hand.go();
    };
    const reports = await reportsOf(circle, {}, make);
    expect(reports.map(({ id, harm }) => [id, harm])).to.deep.equal([['DMA-DESC-UNMAPPED', 'happened']]);
  });
});
