import { expect } from 'chai';
import * as fc from 'fast-check';
import { IoTlbPool, SlotRequest } from '../../../../kernel-api/dma/swiotlb/io-tlb-pool';
import { KernelOops } from '../../../../kernel-api/oops';

const SLOT = 2048;
const SEGMENT = 128;
const START = 0x8020_0000;

/** Who has each slot, one by one; 0 for nobody. */
class PlainModel {
  readonly owner: number[];

  constructor(nslabs: number) {
    this.owner = new Array<number>(nslabs).fill(0);
  }

  isFree(first: number, count: number): boolean {
    return (
      this.owner.slice(first, first + count).length === count &&
      this.owner.slice(first, first + count).every((o) => o === 0)
    );
  }

  set(first: number, count: number, owner: number): void {
    this.owner.fill(owner, first, first + count);
  }

  /** Free slots from a slot to the next taken one or the end of the segment. */
  run(slot: number): number {
    let length = 0;
    const end = Math.min(slot - (slot % SEGMENT) + SEGMENT, this.owner.length);
    while (slot + length < end && this.owner[slot + length] === 0) length++;
    return length;
  }
}

/** A request as a property draws it. */
interface Wish {
  /** Bytes of the mapping. */
  readonly size: number;
  /** Where the buffer lies in its 64 KiB. */
  readonly low: number;
  readonly minAlignMask: number;
  readonly allocAlignMask: number;
  /** log2 of the slots between two boundaries; 30 for none. */
  readonly boundary: number;
}

type Op = { readonly map: Wish } | { readonly unmap: number };

const masks = (...values: number[]): fc.Arbitrary<number> => fc.constantFrom(0, ...values);

const wish: fc.Arbitrary<Wish> = fc.record({
  size: fc.oneof(
    fc.integer({ min: 1, max: 3 * SLOT }),
    fc.integer({ min: 10 * SLOT, max: 70 * SLOT }),
    fc.constantFrom(SLOT, 4095, 4096, 4097, 65536, SEGMENT * SLOT, SEGMENT * SLOT + 1),
  ),
  low: fc.nat({ max: 0xffff }),
  minAlignMask: masks(511, 2047, 4095, 8191, 65535),
  allocAlignMask: masks(511, 4095, 16383),
  boundary: fc.constantFrom(30, 30, 30, 1, 2, 5, 7),
});

const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ map: wish }) },
  { weight: 4, arbitrary: fc.record({ unmap: fc.nat({ max: 1000 }) }) },
);

/** The mask of what a slot's address has to be 0 in, as the comment on streaming mappings in Linux promises it. */
const zeroMaskOf = ({ allocAlignMask, minAlignMask }: Wish, allocSize: number): number => {
  const implied = allocAlignMask === 0 && minAlignMask === 0 && allocSize >= 4096 ? 4095 : allocAlignMask;
  return implied | (SLOT - 1);
};

/** Which slots are free. */
const freeOf = (pool: IoTlbPool): boolean[] => Array.from({ length: pool.nslabs }, (_, slot) => pool.areFree(slot, 1));

class Checker {
  readonly pool: IoTlbPool;
  readonly model: PlainModel;
  readonly live: { head: number; first: number; count: number; id: number }[] = [];
  private readonly request = new SlotRequest();
  private nextId = 1;

  constructor(nslabs: number, nareas: number) {
    this.pool = new IoTlbPool(START, nslabs, nareas);
    this.model = new PlainModel(nslabs);
  }

  /** Whether a slot may be the first one of what is wished, as far as addresses go. */
  private admits(slot: number, count: number, w: Wish, orig: number, allocSize: number): boolean {
    const address = START + slot * SLOT;
    const zero = zeroMaskOf(w, allocSize);
    const apart = 2 ** w.boundary;
    const crosses = Math.floor(address / SLOT / apart) !== Math.floor((address / SLOT + count - 1) / apart);
    return (address & zero) === 0 && ((address ^ orig) & w.minAlignMask & ~zero) === 0 && !crosses;
  }

  private hasRoom(count: number, w: Wish, orig: number, allocSize: number): boolean {
    return this.model.owner.some(
      (_, slot) => this.model.run(slot) >= count && this.admits(slot, count, w, orig, allocSize),
    );
  }

  map(w: Wish): void {
    const { pool, model, request } = this;
    const orig = 0x9000_0000 + w.low;
    const offset = orig & w.minAlignMask & (w.allocAlignMask | (SLOT - 1));
    const allocSize = Math.ceil((w.size + offset) / (w.allocAlignMask + 1)) * (w.allocAlignMask + 1);
    const count = Math.ceil(allocSize / SLOT);
    Object.assign(request, {
      origAddr: orig,
      allocSize,
      minAlignMask: w.minAlignMask,
      allocAlignMask: w.allocAlignMask,
    });
    request.maxSlots = 2 ** w.boundary;
    request.dmaLow = START;
    request.dmaSlots = (START / SLOT) % request.maxSlots;
    const first = pool.find(request);
    if (first < 0) {
      if (count <= SEGMENT) expect(this.hasRoom(count, w, orig, allocSize), JSON.stringify(w)).to.equal(false);
      return;
    }
    expect(model.isFree(first, count), `slots ${first} to ${first + count - 1} were free`).to.equal(true);
    expect(Math.floor(first / SEGMENT), 'one segment').to.equal(Math.floor((first + count - 1) / SEGMENT));
    expect(this.admits(first, count, w, orig, allocSize), JSON.stringify({ first, ...w })).to.equal(true);
    const pad = Math.floor(offset / SLOT);
    const head = pool.assign(first, pad, orig);
    expect((pool.addressOf(head) + (offset % SLOT) - orig) & w.minAlignMask, 'preserved bits').to.equal(0);
    const id = this.nextId++;
    model.set(first, count, id);
    this.live.push({ head, first, count, id });
  }

  unmap(which: number): void {
    const [gone] = this.live.splice(which % Math.max(this.live.length, 1), 1);
    if (gone === undefined) return;
    for (let slot = gone.first; slot < gone.first + gone.count; slot++) {
      if (slot !== gone.head) expect(this.pool.release(slot), 'not the beginning').to.equal(0);
    }
    expect(this.pool.release(gone.head)).to.equal(gone.count);
    this.model.set(gone.first, gone.count, 0);
    expect(this.pool.release(gone.head), 'twice').to.equal(0);
  }

  /** Everything that the pool knows about its slots is what the model says. */
  compare(): void {
    const { pool, model } = this;
    expect(freeOf(pool)).to.deep.equal(model.owner.map((owner) => owner === 0));
    const used = new Array<number>(pool.nareas).fill(0);
    model.owner.forEach((owner, slot) => (used[Math.floor(slot / pool.areaSlabs)]! += owner === 0 ? 0 : 1));
    expect([...pool.areaUsed]).to.deep.equal(used);
    model.owner.forEach((owner, slot) => {
      if (owner === 0) expect(pool.origAddr[slot], `slot ${slot}`).to.equal(-1);
    });
  }
}

const run = (nslabs: number, nareas: number, ops: readonly Op[]): void => {
  const checker = new Checker(nslabs, nareas);
  const before = freeOf(checker.pool);
  for (const step of ops) {
    if ('map' in step) checker.map(step.map);
    else checker.unmap(step.unmap);
    checker.compare();
  }
  while (checker.live.length > 0) checker.unmap(0);
  expect(freeOf(checker.pool)).to.deep.equal(before);
  expect([...checker.pool.heads, ...checker.pool.padSlots, ...checker.pool.allocSize].every((n) => n === 0)).to.equal(
    true,
  );
};

describe('kernel-api/dma/swiotlb: slots', () => {
  for (const [nslabs, nareas] of [
    [SEGMENT, 1],
    [3 * SEGMENT, 1],
    [4 * SEGMENT, 4],
    [SEGMENT + 40, 1],
  ] as const) {
    it(`agrees with a plain list of ${nslabs} slots in ${nareas} areas`, () => {
      fc.assert(
        fc.property(fc.array(op, { maxLength: 40 }), (ops) => run(nslabs, nareas, ops)),
        { numRuns: 60 },
      );
    });
  }

  it('goes on where it stopped, from the first segment to the last and around', () => {
    const pool = new IoTlbPool(START, 2 * SEGMENT, 1);
    const request = Object.assign(new SlotRequest(), { allocSize: SLOT * SEGMENT, maxSlots: 2 ** 30 });
    expect(pool.find(request)).to.equal(0);
    expect(pool.find(request)).to.equal(SEGMENT);
    expect(pool.find(request)).to.equal(-1);
    pool.release(0);
    request.allocSize = 1;
    expect([pool.find(request), pool.find(request)]).to.deep.equal([0, 1]);
    pool.release(0);
    expect(pool.find(request), 'not the one just freed').to.equal(2);
  });

  it('finds the last free slot, wherever it is', () => {
    const pool = new IoTlbPool(START, 2 * SEGMENT, 1);
    const request = Object.assign(new SlotRequest(), { allocSize: 1, maxSlots: 2 ** 30 });
    for (let slot = 0; slot < 2 * SEGMENT; slot++) expect(pool.find(request)).to.equal(slot);
    expect(pool.find(request)).to.equal(-1);
    for (let slot = 0; slot < 2 * SEGMENT; slot++) {
      const place = (slot * 37) % (2 * SEGMENT);
      pool.release(place);
      expect(pool.find(request)).to.equal(place);
    }
  });

  it('never crosses from one segment to the next', () => {
    const pool = new IoTlbPool(START, 3 * SEGMENT, 1);
    const find = (slots: number): number =>
      pool.find(Object.assign(new SlotRequest(), { allocSize: slots * SLOT, maxSlots: 2 ** 30 }));
    expect(find(100)).to.equal(0);
    expect(find(40)).to.equal(SEGMENT);
    expect(find(127)).to.equal(2 * SEGMENT);
    expect(find(89)).to.equal(-1);
    expect(find(88)).to.equal(SEGMENT + 40);
    expect(find(28)).to.equal(100);
  });

  it('fills the areas one after the other', () => {
    const pool = new IoTlbPool(START, 4 * SEGMENT, 4);
    const request = Object.assign(new SlotRequest(), { allocSize: SLOT * SEGMENT, maxSlots: 2 ** 30 });
    expect([0, 1, 2, 3, 4].map(() => pool.find(request))).to.deep.equal([0, SEGMENT, 2 * SEGMENT, 3 * SEGMENT, -1]);
  });

  it('has no room for more than a segment, and no sense for no bytes', () => {
    const pool = new IoTlbPool(START, 2 * SEGMENT, 1);
    const find = (allocSize: number): number =>
      pool.find(Object.assign(new SlotRequest(), { allocSize, maxSlots: 2 ** 30 }));
    for (const size of [SEGMENT * SLOT + 1, 2 ** 40, NaN, -1]) expect(find(size), `${size}`).to.equal(-1);
    expect(() => find(0)).to.throw(KernelOops);
    expect(find(SEGMENT * SLOT)).to.equal(0);
  });
});
