import { expect } from 'chai';

import { physAddr } from '../../../base/address';
import { Prng } from '../../../base/prng';
import { StoreBuffer } from '../../../emulator/cache/store-buffer';
import { CacheLines } from '../../../lab/sanitizer/cache-lines';
import { Lease } from '../../../lab/sanitizer/lease';
import type { Moment } from '../../../lab/sanitizer/recorder';
import { StoreOrder } from '../../../lab/sanitizer/store-order';
import { CachedBoard, RAM_BASE, pattern } from '../../support/cached-board';

const moment = (tick: number): Moment => ({ tick, time: 10 * tick });

describe('StoreOrder', () => {
  const bytes = new Uint8Array(8);
  const FIRST = RAM_BASE;
  const SECOND = RAM_BASE + 0x100;

  /** Two words are stored, in this order; of these, some have left the CPU. */
  const storesOf = (...waiting: number[]): StoreOrder => {
    const { bus } = new CachedBoard();
    const buffer = new StoreBuffer(bus, bus, new Prng(1), 8);
    for (const address of waiting) buffer.put(address, bytes, 0, 8, true);
    const order = new StoreOrder(buffer);
    order.stored(FIRST, 8, moment(1));
    order.stored(SECOND, 8, moment(2));
    return order;
  };

  it('sees nothing wrong in stores that wait, as long as no later one was seen', () => {
    const order = storesOf(FIRST, SECOND);
    expect(order.read(FIRST, 8, 0)).to.deep.equal({ missed: null, seen: 0 });
    expect(order.read(SECOND, 8, 0)).to.deep.equal({ missed: null, seen: 0 });
  });

  it('sees that a store is missed of which a later one was seen: in the same read, in one before, or by a doorbell', () => {
    const order = storesOf(FIRST);
    expect(order.read(FIRST, 0x108, 0)).to.deep.equal({ missed: moment(1), seen: 2 });
    const { seen } = order.read(SECOND, 8, 0);
    expect(seen).to.equal(2);
    expect(order.read(FIRST, 8, seen)).to.deep.equal({ missed: moment(1), seen: 2 });
    expect(storesOf(FIRST, SECOND).read(FIRST, 8, 3)).to.deep.equal({ missed: moment(1), seen: 3 });
  });

  it('sees that an earlier store has arrived before a later one', () => {
    expect(storesOf(SECOND).read(FIRST, 0x108, 0)).to.deep.equal({ missed: null, seen: 1 });
  });

  it('names the oldest store that is missed', () => {
    expect(storesOf(FIRST, SECOND).read(FIRST, 0x108, 5)).to.deep.equal({ missed: moment(1), seen: 5 });
  });
});

describe('CacheLines', () => {
  const NOW = { tick: 1, time: 0 };
  /** Is kept, and not looked at. */
  const LEASE = Object.create(Lease.prototype) as Lease;
  const at = (offset: number): number => RAM_BASE + offset;

  /** The cache holds a line, under which a device writes bytes 16 to 31. */
  const overtaken = (isDirty = false): { lines: CacheLines; board: CachedBoard; dirty: number } => {
    const board = new CachedBoard();
    board.cpu.load32(physAddr(at(0)));
    if (isDirty) board.write('cpu', 40, pattern(1, 4));
    const lines = new CacheLines(board.memory);
    let dirty = 0;
    expect(lines.overtake(at(16), 16, LEASE, () => dirty++)).to.equal(true);
    return { lines, board, dirty };
  };

  it('knows which bytes are old', () => {
    const { lines, dirty } = overtaken();
    expect(dirty).to.equal(0);
    expect(lines.firstOld(at(0), 16)).to.equal(-1);
    expect(lines.firstOld(at(0), 64)).to.equal(16);
    expect(lines.firstOld(at(32), 32)).to.equal(-1);
  });

  it('knows that the bytes are new that the CPU has stored itself since', () => {
    const { lines } = overtaken();
    lines.stored(at(16), 8, NOW);
    expect(lines.firstOld(at(16), 8)).to.equal(-1);
    expect(lines.firstOld(at(16), 16)).to.equal(8);
  });

  it('tells of lines that are dirty, and of none that the cache does not hold', () => {
    expect(overtaken(true).dirty).to.equal(1);
    const { lines } = overtaken();
    expect(lines.overtake(at(0x1000), 64, LEASE, () => expect.fail('dirty'))).to.equal(false);
  });

  it('forgets what a device wrote to memory that is nobody’s any more', () => {
    const { lines } = overtaken();
    lines.abandon(at(16), 8);
    expect(lines.firstOld(at(0), 64)).to.equal(24);
    lines.abandon(at(0), 64);
    expect(lines.firstOld(at(0), 64)).to.equal(-1);
  });

  it('changes nothing in the cache: the line that was used longest ago is still the first to go', () => {
    const board = new CachedBoard({ sets: 2, ways: 2 });
    const [first, second, third] = [at(0), at(128), at(256)];
    board.cpu.load32(physAddr(first));
    board.cpu.load32(physAddr(second));
    new CacheLines(board.memory).overtake(first, 64, LEASE, () => undefined);
    board.cpu.load32(physAddr(third));
    expect([first, second].map((line) => board.memory.cache.search(line / 64) >= 0)).to.deep.equal([false, true]);
  });
});
