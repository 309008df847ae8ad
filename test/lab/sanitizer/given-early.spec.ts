import { expect } from 'chai';
import { DMA_FROM_DEVICE } from '../../../kernel-api/dma/direction';
import {
  CASES,
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
import { LENGTH, linesAt, linesOf } from './hand';

/** Lines at both ends end with a comment that names the mistake. */
const MISTAKES: Readonly<Record<string, Twin>> = {
  circle: {
    format: circle,
    says: /^entry 0 at 0x\w+40 of queue 0 was given to \S+ before addr had been written/,
    make: async (hand, entries) => {
      entries.circle(4);
      for (const index of [0, 1]) entries.give(index);
      hand.go();
      await hand.rest();
      entries.mark(2, OWN); // at fault: circle
      hand.wmb();
      hand.put32(SIZE * 2 + 8, Number(hand.map(LENGTH, DMA_FROM_DEVICE) & 0xffff_ffffn)); // changed: circle
      entries.mark(2, 0);
    },
  },
  circleBegins: {
    format: circle,
    says: /^entry 0 at 0x\w+00 of queue 0 was given/,
    make: (_hand, entries) => {
      entries.circle(4);
      entries.mark(0, OWN); // at fault: circleBegins
      entries.fill(0); // changed: circleBegins
      entries.mark(0, 0);
    },
  },
  chased: {
    format: chased,
    says: /^entry 0 at 0x\w+40 of queue 0 was given/,
    make: (hand, entries) => {
      entries.circle(4);
      for (const index of [0, 1]) entries.give(index);
      hand.go(hand.ring);
      entries.mark(2, OWN); // at fault: chased
      entries.fill(2); // changed: chased
    },
  },
  addedByBit: {
    format: added,
    says: /^entry 0 at 0x\w+20 of queue 0 was given/,
    make: (hand, entries) => {
      entries.give(0);
      hand.go();
      entries.link(0, entries.at(1));
      entries.mark(1, OWN); // at fault: addedByBit
      hand.wmb();
      entries.fill(1); // changed: addedByBit
      hand.go();
    },
  },
  addedByLink: {
    format: added,
    says: /^entry 0 at 0x\w+20 of queue 0 was given/,
    make: async (hand, entries) => {
      entries.give(0);
      hand.go();
      await hand.rest();
      entries.mark(1, OWN);
      hand.wmb();
      entries.link(0, entries.at(1)); // at fault: addedByLink
      entries.fill(1); // changed: addedByLink
      hand.go();
    },
  },
  secondAdded: {
    format: added,
    says: /^entry 1 at 0x\w+40 of queue 0 was given/,
    make: (hand, entries) => {
      entries.give(0);
      hand.go();
      entries.give(1);
      entries.link(0, entries.at(1));
      entries.link(1, entries.at(2));
      entries.mark(2, OWN); // at fault: secondAdded
      entries.fill(2); // changed: secondAdded
      hand.go();
    },
  },
  linkedOnly: {
    format: linkedOnly,
    says: /^entry 0 at 0x\w+20 of queue 0 was given to \S+ before addr had been written/,
    make: (hand, entries) => {
      entries.fill(0);
      hand.go();
      entries.link(0, entries.at(1)); // at fault: linkedOnly
      hand.wmb();
      entries.fill(1); // changed: linkedOnly
      hand.go();
    },
  },
  linkedInHalves: {
    format: linkedOnly,
    says: /^entry 0 at 0x\w+20 of queue 0 was given to \S+ before addr had been written/,
    make: (hand, entries) => {
      entries.fill(0);
      hand.go();
      hand.put64(0, entries.at(1)); // at fault: linkedInHalves
      hand.wmb();
      entries.fill(1); // changed: linkedInHalves
      hand.go();
    },
  },
  end: {
    format: chased,
    says: /^entry 0 at 0x\w+40 of queue 0 was given to \S+ before LAST had been written/,
    make: (hand, entries) => {
      entries.circle(4);
      for (const index of [0, 1]) entries.give(index);
      hand.go(hand.ring);
      entries.fill(2);
      hand.wmb();
      entries.mark(2, OWN | LAST); // at fault: end
      entries.mark(2, OWN); // changed: end
    },
  },
  marked: {
    format: marked,
    says: /^entry 0 at 0x\w+20 of queue 0 was given/,
    make: (hand, entries) => {
      entries.give(0, LAST);
      hand.go();
      entries.mark(1, LAST);
      entries.link(0, entries.at(1));
      hand.wmb();
      entries.mark(0, 0); // at fault: marked
      entries.fill(1); // changed: marked
      hand.go();
    },
  },
  tailed: {
    format: tailed,
    says: /^entry 0 at 0x\w+20 of queue 0 was given/,
    make: (hand, entries) => {
      entries.circle(4);
      entries.give(0);
      hand.go(entries.at(2));
      entries.mark(1, OWN); // at fault: tailed
      entries.fill(1); // changed: tailed
      entries.give(2);
      hand.go(entries.at(2));
    },
  },
  ring: {
    format: plainRing,
    says: /^entry 1 at 0x\w+20 of queue 0 was given/,
    make: (hand, entries) => {
      entries.give(0);
      entries.mark(1, OWN); // at fault: ring
      entries.fill(1); // changed: ring
      hand.go();
    },
  },
  nextLap: {
    format: plainRing,
    says: /^entry 0 at 0x\w+00 of queue 0 was given/,
    make: async (hand, entries) => {
      for (let i = 0; i < 8; i++) entries.give(i);
      hand.go();
      await hand.rest();
      entries.mark(0, OWN); // at fault: nextLap
      entries.fill(0); // changed: nextLap
      hand.go();
    },
  },
  phased: {
    format: phased,
    says: /^entry 0 at 0x\w+00 of queue 0 was given/,
    make: async (hand, entries) => {
      for (let i = 0; i < 8; i++) entries.give(i, PHASE);
      hand.go();
      await hand.rest();
      entries.mark(0, 0); // at fault: phased
      entries.fill(0); // changed: phased
      hand.go();
    },
  },
  behindJump: {
    format: jumping,
    says: /^entry 2 at 0x\w+c0 of queue 0 was given/,
    make: (hand, entries) => {
      entries.link(1, entries.at(6));
      entries.mark(1, OWN | JUMP);
      entries.give(0);
      hand.go();
      entries.mark(6, OWN); // at fault: behindJump
      entries.fill(6); // changed: behindJump
      hand.go();
    },
  },
  jump: {
    format: jumping,
    says: /^entry 1 at 0x\w+20 of queue 0 was given to \S+ before next had been written/,
    make: (hand, entries) => {
      entries.give(0);
      hand.go();
      entries.mark(1, OWN | JUMP); // at fault: jump
      entries.link(1, entries.at(6)); // changed: jump
      hand.wmb();
      entries.give(6);
      hand.go();
    },
  },
};

const lineOf = { given: linesOf(__filename, 'at fault'), changed: linesOf(__filename, 'changed') };
describe('descriptors that are given away before they are complete', () => {
  for (const [name, mistake] of Object.entries(MISTAKES)) {
    for (const [where, of] of Object.entries(CASES)) {
      it(`${name}, ${where}: once, with both lines`, async () => {
        const reports = await run(mistake, of);
        expect(reports.map(({ id, message }) => (id === 'DMA-DESC-EARLY' ? id : `${id}: ${message}`))).to.deep.equal([
          'DMA-DESC-EARLY',
        ]);
        const [report] = reports;
        expect(report!.message).to.match(mistake.says!);
        expect(linesAt(report!), 'given').to.include(String(lineOf.given(name)));
        expect(linesAt(report!, 'changed by the CPU'), 'changed').to.include(String(lineOf.changed(name)));
      });
    }
  }
});
