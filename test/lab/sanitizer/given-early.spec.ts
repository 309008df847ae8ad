import { expect } from 'chai';
import type { DmaAddr } from '../../../base/address';
import {
  addressOf,
  descriptor,
  flag,
  format,
  lengthIn,
  linked,
  marks,
  ring,
  unused,
  word32,
  word64,
  type Doorbell,
  type Follow,
  type Format,
  type Ownership,
} from '../../../base/descriptor';
import { DMA_FROM_DEVICE } from '../../../kernel-api/dma/direction';
import type { MatrixCase } from '../../../lab/matrix/axes';
import { LENGTH, linesAt, linesOf, reportsOf, type Hand } from './hand';

const SIZE = 32;
const [LAST, JUMP, PHASE, OWN] = [1, 2, 4, 0x8000_0000];

/** Formats with one entry, which differ in how it is given. */
const formatOf = (
  name: string,
  follow: Follow,
  ownership: Ownership['kind'],
  value: Doorbell['value'],
  jumps = false,
): Format =>
  format({
    name,
    entry: descriptor(
      `${name}_entry`.replaceAll('-', '_'),
      {
        next: word64(addressOf(follow.kind === 'ring' && !jumps ? 'table' : 'next')),
        addr: word64(addressOf('data')),
        len: word32(lengthIn(1)),
        ctl: word32({
          LAST: flag(0, marks('last')),
          ...(jumps ? { JUMP: flag(1, marks('jump')) } : {}),
          PHASE: flag(2, marks('phase')),
          OWN: flag(31, marks('owner')),
        }),
        status: word32({ DONE: flag(0, marks('done')) }),
        gap: unused(4),
      },
      { align: SIZE, size: SIZE },
    ),
    follow,
    ownership: { kind: ownership },
    completion: { kind: 'in-place' },
    doorbell: { register: 'GO', value },
    moves: 'to-memory',
  });

const circle = formatOf('circle', linked('last', { cyclic: true }), 'bit', 'notify');
const chased = formatOf('chased', linked('last', { cyclic: true }), 'bit', 'head-address');
const added = formatOf('added', linked('null'), 'bit', 'notify');
const linkedOnly = formatOf('linked-only', linked('null'), 'indices', 'notify');
const marked = formatOf('marked', linked('last'), 'indices', 'notify');
const tailed = formatOf('tailed', linked('tail', { cyclic: true }), 'bit', 'tail-address');
const plainRing = formatOf('plain', ring(), 'bit', 'notify');
const phased = formatOf('phased', ring(), 'phase', 'notify');
const jumping = formatOf('jumping', ring(), 'bit', 'notify', true);

/** Entries of a hand-written driver, by their places. */
class Entries {
  readonly hand: Hand;

  constructor(hand: Hand) {
    this.hand = hand;
  }

  at(index: number): DmaAddr {
    return (this.hand.ring + BigInt(SIZE * index)) as DmaAddr;
  }

  link(index: number, next: bigint): void {
    this.hand.putLink(SIZE * index, next);
  }

  /** Where its data is. */
  fill(index: number, at = this.hand.map(LENGTH, DMA_FROM_DEVICE)): void {
    this.hand.put64(SIZE * index + 8, at);
    this.hand.put32(SIZE * index + 16, LENGTH);
    this.hand.put32(SIZE * index + 24, 0);
  }

  mark(index: number, ctl: number): void {
    this.hand.put32(SIZE * index + 20, ctl);
  }

  /** As it should be done. */
  give(index: number, ctl = OWN): void {
    this.fill(index);
    this.hand.wmb();
    this.mark(index, ctl);
  }

  /** Links as many in a circle. */
  circle(count: number): void {
    for (let i = 0; i < count; i++) this.link(i, this.at((i + 1) % count));
  }
}

interface Twin {
  readonly format: Format;
  /** What the report says; undefined: nothing is wrong. */
  readonly says?: RegExp;
  readonly make: (hand: Hand, entries: Entries) => Promise<void> | void;
}

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

const CASES: Readonly<Record<string, MatrixCase>> = {
  strict: { translation: 'strict', coherency: 'on' },
  'strict, not coherent': { translation: 'strict', coherency: 'off' },
  'lazy, in adverse circumstances': { translation: 'lazy', coherency: 'off', cache: 'adversarial' },
  swiotlb: { translation: 'swiotlb', coherency: 'on' },
  'swiotlb, in adverse circumstances': { translation: 'swiotlb', coherency: 'off', cache: 'adversarial' },
  'direct, in adverse circumstances': { translation: 'direct', coherency: 'on', cache: 'adversarial' },
};
const lineOf = { given: linesOf(__filename, 'at fault'), changed: linesOf(__filename, 'changed') };
const run = async ({ format: of, make }: Twin, where: MatrixCase) =>
  reportsOf(of, {}, (hand) => make(hand, new Entries(hand)), where);

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
