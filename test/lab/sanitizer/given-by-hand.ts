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
import { LENGTH, reportsOf, type Hand } from './hand';

/** Bytes of an entry. */
export const SIZE = 32;
export const [LAST, JUMP, PHASE, OWN] = [1, 2, 4, 0x8000_0000];

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

export const circle = formatOf('circle', linked('last', { cyclic: true }), 'bit', 'notify');
export const chased = formatOf('chased', linked('last', { cyclic: true }), 'bit', 'head-address');
export const added = formatOf('added', linked('null'), 'bit', 'notify');
export const linkedOnly = formatOf('linked-only', linked('null'), 'indices', 'notify');
export const marked = formatOf('marked', linked('last'), 'indices', 'notify');
export const tailed = formatOf('tailed', linked('tail', { cyclic: true }), 'bit', 'tail-address');
export const plainRing = formatOf('plain', ring(), 'bit', 'notify');
export const phased = formatOf('phased', ring(), 'phase', 'notify');
export const jumping = formatOf('jumping', ring(), 'bit', 'notify', true);

/** Entries of a hand-written driver, by their places. */
export class Entries {
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

/** A driver with a mistake, or without. */
export interface Twin {
  readonly format: Format;
  /** What the report says; undefined: nothing is wrong. */
  readonly says?: RegExp;
  readonly make: (hand: Hand, entries: Entries) => Promise<void> | void;
}

/** Machines that differ in what stands between driver and device. */
export const CASES: Readonly<Record<string, MatrixCase>> = {
  strict: { translation: 'strict', coherency: 'on' },
  'strict, not coherent': { translation: 'strict', coherency: 'off' },
  'lazy, in adverse circumstances': { translation: 'lazy', coherency: 'off', cache: 'adversarial' },
  swiotlb: { translation: 'swiotlb', coherency: 'on' },
  'swiotlb, in adverse circumstances': { translation: 'swiotlb', coherency: 'off', cache: 'adversarial' },
  'direct, in adverse circumstances': { translation: 'direct', coherency: 'on', cache: 'adversarial' },
};
/** What is reported of a driver. */
export const run = async ({ format: of, make }: Twin, where: MatrixCase) =>
  reportsOf(of, {}, (hand) => make(hand, new Entries(hand)), where);
