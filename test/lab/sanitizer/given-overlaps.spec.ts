import { expect } from 'chai';
import type { DmaAddr } from '../../../base/address';
import {
  addressOf,
  bits,
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
  type Format,
} from '../../../base/descriptor';
import { virtioSplit } from '../../../devices/formats';
import { Q_CONTROL, QUEUE_STRIDE } from '../../../devices/prototype/spec';
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../../kernel-api/dma/direction';
import type { MatrixCase } from '../../../lab/matrix/axes';
import { LENGTH, linesAt, linesOf, Q, reportsOf, type Hand } from './hand';

const received = { completion: { kind: 'in-place' }, moves: 'to-memory' } as const;

const net = format({
  ...received,
  name: 'net-in',
  entry: descriptor(
    'net_in',
    {
      addr: word64(addressOf('data')),
      len: word32({ LEN: bits(15, 0, lengthIn(1)), OWN: flag(31, marks('owner')) }),
      status: word32({ DONE: flag(0, marks('done')) }),
    },
    { align: 16, size: 16 },
  ),
  follow: ring(),
  ownership: { kind: 'bit' },
  doorbell: { register: 'TAIL', value: 'notify' },
});

const list = format({
  ...received,
  name: 'list-in',
  entry: descriptor(
    'list_in',
    {
      next: word64(addressOf('next')),
      addr: word64(addressOf('data')),
      len: word32(lengthIn(1)),
      status: word32({ DONE: flag(0, marks('done')) }),
      gap: unused(8),
    },
    { align: 32, size: 32 },
  ),
  follow: linked('null'),
  ownership: { kind: 'indices' },
  doorbell: { register: 'GO', value: 'head-address' },
});

/** How a hand-written driver gives one buffer to the device, and tells it. */
interface Giver {
  readonly format: Format;
  readonly give: (hand: Hand, index: number, at: DmaAddr, length: number, queue?: number) => void;
}

const GIVERS: Readonly<Record<string, Giver>> = {
  ring: {
    format: net,
    give: (hand, index, at, length, queue = 0) => {
      const place = 0x200 * queue + 16 * index;
      hand.put64(place, at);
      hand.wmb();
      hand.put32(place + 8, 0x8000_0000 | length);
      hand.go(0n, queue);
    },
  },
  list: {
    format: list,
    give: (hand, index, at, length, queue = 0) => {
      const place = 0x200 * queue + 32 * index;
      hand.put64(place + 8, at);
      hand.put32(place + 16, length);
      hand.go(hand.ring + BigInt(place), queue);
    },
  },
  heads: {
    format: virtioSplit,
    give: (hand, index, at, length, queue = 0) => {
      const place = 0x200 * queue + 16 * index;
      hand.put64(place, at);
      hand.put32(place + 8, length);
      hand.put32(place + 12, 2);
      // Two indices in a word: of those before, nobody asks again.
      hand.put32(0x400 + 0x40 * queue + 4 + 4 * (index >>> 1), index % 2 === 0 ? index : (index << 16) | (index - 1));
      hand.wmb();
      hand.put32(0x400 + 0x40 * queue, (index + 1) << 16);
      hand.go(0n, queue);
    },
  },
};

/** Nothing is done until it is let go. */
const hold = (hand: Hand, queue = 0): void =>
  hand.regs.writel(QUEUE_STRIDE * queue + Q.CONTROL, Q_CONTROL.ENABLE | Q_CONTROL.PAUSE);
const letGo = (hand: Hand, queue = 0): void => hand.regs.writel(QUEUE_STRIDE * queue + Q.CONTROL, Q_CONTROL.ENABLE);

interface Mistake {
  readonly says: RegExp;
  readonly make: (hand: Hand, give: Giver['give']) => Promise<void> | void;
}

const MISTAKES: Readonly<Record<string, Mistake>> = {
  'a buffer is given again': {
    says: /overlaps what \S*addr gives to be written in entry 0 at 0x\w+00, which was given before and is not done/,
    make: (hand, give) => {
      hold(hand);
      const at = hand.map(4 * LENGTH, DMA_FROM_DEVICE);
      give(hand, 0, at, LENGTH); // first: a buffer is given again
      give(hand, 1, (at + 512n) as DmaAddr, LENGTH);
      give(hand, 2, (at + 64n) as DmaAddr, LENGTH); // at fault: a buffer is given again
      letGo(hand);
    },
  },
  'one buffer is within another': {
    says: /overlaps what \S*addr gives to be written in entry [01] at 0x\w+, which was given before/,
    make: (hand, give) => {
      hold(hand);
      const at = hand.map(4 * LENGTH, DMA_FROM_DEVICE);
      give(hand, 0, (at + 256n) as DmaAddr, 16);
      give(hand, 1, (at + 512n) as DmaAddr, 16); // first: one buffer is within another
      give(hand, 2, at, 4 * LENGTH); // at fault: one buffer is within another
      letGo(hand);
    },
  },
  'two queues write the same': {
    says: /overlaps what \S*addr gives to be written in entry 0 at 0x\w+00 of queue 0, which was given before/,
    make: (hand, give) => {
      hand.start(1);
      hold(hand);
      hold(hand, 1);
      const at = hand.map(2 * LENGTH, DMA_FROM_DEVICE);
      give(hand, 0, at, LENGTH); // first: two queues write the same
      give(hand, 0, (at + 255n) as DmaAddr, LENGTH, 1); // at fault: two queues write the same
      letGo(hand);
      letGo(hand, 1);
    },
  },
  'a buffer that is done, and one that is not': {
    says: /overlaps what \S*addr gives to be written in entry 1 at|overlaps what \S*addr gives to be written in entry 0 at/,
    make: async (hand, give) => {
      const at = hand.map(4 * LENGTH, DMA_FROM_DEVICE);
      give(hand, 0, at, LENGTH);
      await hand.rest();
      hold(hand);
      give(hand, 1, (at + 256n) as DmaAddr, LENGTH); // first: a buffer that is done, and one that is not
      give(hand, 2, at, LENGTH + 1); // at fault: a buffer that is done, and one that is not
      letGo(hand);
    },
  },
};

const CORRECT: Readonly<Record<string, Mistake['make']>> = {
  'buffers side by side': (hand, give) => {
    hold(hand);
    const at = hand.map(8 * LENGTH, DMA_FROM_DEVICE);
    for (const [index, place] of [3, 1, 2, 0, 5, 4].entries())
      give(hand, index, (at + BigInt(LENGTH * place)) as DmaAddr, LENGTH);
    letGo(hand);
  },
  'one buffer, again and again, each time done': async (hand, give) => {
    const at = hand.map(2 * LENGTH, DMA_FROM_DEVICE);
    for (let index = 0; index < 6; index++) {
      give(hand, index, (at + BigInt(16 * index)) as DmaAddr, LENGTH);
      await hand.rest();
    }
  },
  'what one queue has done, another one writes': async (hand, give) => {
    hand.start(1);
    const at = hand.map(LENGTH, DMA_FROM_DEVICE);
    give(hand, 0, at, LENGTH);
    await hand.rest();
    give(hand, 0, at, LENGTH, 1);
    await hand.rest();
    give(hand, 1, at, LENGTH);
  },
  'what a queue that was stopped had not done': async (hand, give) => {
    hand.start(1);
    hold(hand);
    const at = hand.map(LENGTH, DMA_FROM_DEVICE);
    give(hand, 0, at, LENGTH);
    hand.regs.writel(Q.CONTROL, Q_CONTROL.ENABLE | Q_CONTROL.ABORT);
    await hand.rest();
    give(hand, 0, at, LENGTH, 1);
  },
};

const CASES: Readonly<Record<string, MatrixCase>> = {
  strict: { translation: 'strict', coherency: 'on' },
  'lazy, in adverse circumstances': { translation: 'lazy', coherency: 'off', cache: 'adversarial' },
  'swiotlb, not coherent': { translation: 'swiotlb', coherency: 'off' },
};
const lineOf = { first: linesOf(__filename, 'first'), second: linesOf(__filename, 'at fault') };

describe('entries of several doorbells whose data overlaps', () => {
  for (const [kind, { format: of, give }] of Object.entries(GIVERS)) {
    for (const [where, at] of Object.entries(CASES)) {
      for (const [name, { says, make }] of Object.entries(MISTAKES)) {
        it(`${kind}: ${name}, ${where}: once, with both lines`, async () => {
          const reports = await reportsOf(of, {}, (hand) => make(hand, give), at, 2);
          expect(reports.map(({ id, count }) => [id, count])).to.deep.equal([['DMA-DESC-OVERLAP', 1]]);
          const [report] = reports;
          expect(report!.message).to.match(says);
          expect(linesAt(report!), 'second').to.include(String(lineOf.second(name)));
          const first = linesAt(report!, 'other descriptor written');
          expect(first, 'first').to.include(String(lineOf.first(name)));
        });
      }
      for (const [name, make] of Object.entries(CORRECT)) {
        it(`${kind}: ${name}, ${where}: nothing is said`, async () => {
          const reports = await reportsOf(of, {}, (hand) => make(hand, give), at, 2);
          expect(reports.map(({ id, message }) => `${id}: ${message}`)).to.deep.equal([]);
        });
      }
    }
  }

  it('data where a descriptor lies that was given before', async () => {
    const reports = await reportsOf(net, { iommu: false }, (hand) => {
      hold(hand);
      GIVERS['ring']!.give(hand, 0, hand.map(LENGTH, DMA_FROM_DEVICE), LENGTH);
      GIVERS['ring']!.give(hand, 1, (hand.ring + 8n) as DmaAddr, 4);
      hand.regs.writel(Q.CONTROL, Q_CONTROL.ENABLE | Q_CONTROL.ABORT);
    });
    expect(reports.map(({ id }) => id)).to.deep.equal(['DMA-DESC-OVERLAP']);
    expect(reports[0]!.message).to.match(
      /what addr gives to be written overlaps entry 0 at 0x\w+, which was given before/,
    );
  });

  it('what is only read may be given many times', async () => {
    const sent: Format = format({ ...net, name: 'net-out', moves: 'from-memory' });
    const reports = await reportsOf(sent, {}, (hand) => {
      hold(hand);
      const at = hand.map(LENGTH, DMA_TO_DEVICE);
      for (const index of [0, 1, 2]) GIVERS['ring']!.give(hand, index, at, LENGTH);
      letGo(hand);
    });
    expect(reports.map(({ id, message }) => `${id}: ${message}`)).to.deep.equal([]);
  });
});
