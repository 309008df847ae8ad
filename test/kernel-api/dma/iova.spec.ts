import { expect } from 'chai';
import * as fc from 'fast-check';
import { IovaDomain, roundUpToPowerOfTwo } from '../../../kernel-api/dma/iova';

/** Which pages are taken, one by one. */
class PlainModel {
  readonly taken = new Set<number>();

  /** Whether none of the pages is taken. */
  isFree(first: number, size: number): boolean {
    for (let page = first; page < first + size; page++) if (this.taken.has(page)) return false;
    return true;
  }

  hasRoom(size: number, start: number, limit: number): boolean {
    const align = roundUpToPowerOfTwo(size);
    for (let first = Math.ceil(start / align) * align; first + size - 1 <= limit; first += align) {
      if (this.isFree(first, size)) return true;
    }
    return false;
  }

  set(first: number, size: number, taken: boolean): void {
    for (let page = first; page < first + size; page++) {
      if (taken) this.taken.add(page);
      else this.taken.delete(page);
    }
  }
}

type Op = { readonly alloc: number } | { readonly free: number } | { readonly reserve: readonly [number, number] };

const op = (span: number): fc.Arbitrary<Op> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ alloc: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant(40)) }) },
    { weight: 4, arbitrary: fc.record({ free: fc.nat({ max: 1000 }) }) },
    { weight: 1, arbitrary: fc.record({ reserve: fc.tuple(fc.nat({ max: span }), fc.nat({ max: 12 })) }) },
  );

const check = (base: number, ops: readonly Op[]): void => {
  const domain = new IovaDomain(base + 1);
  const limit = base + 200;
  const model = new PlainModel();
  const live: { page: number; size: number }[] = [];
  const apply = (step: Op): void => {
    if ('alloc' in step) {
      const page = domain.alloc(step.alloc, limit);
      if (page === 0) {
        expect(model.hasRoom(step.alloc, base + 1, limit), `room for ${step.alloc}`).to.equal(false);
        return;
      }
      expect(page % roundUpToPowerOfTwo(step.alloc), 'alignment').to.equal(0);
      expect(page >= base + 1 && page + step.alloc - 1 <= limit, `${page} is in range`).to.equal(true);
      expect(model.isFree(page, step.alloc), `${page} was free`).to.equal(true);
      model.set(page, step.alloc, true);
      live.push({ page, size: step.alloc });
    } else if ('free' in step) {
      const [freed] = live.splice(step.free % Math.max(live.length, 1), 1);
      if (freed === undefined) return;
      domain.free(freed.page);
      model.set(freed.page, freed.size, false);
    } else {
      const [first, length] = step.reserve;
      domain.reserve(base + first, base + first + length);
      model.set(base + first, length + 1, true);
    }
  };
  for (const step of ops) apply(step);
  const pages = domain.ranges().flatMap(([lo, hi]) => Array.from({ length: hi - lo + 1 }, (_, i) => lo + i));
  expect(pages).to.deep.equal([...model.taken].sort((a, b) => a - b));
};

describe('kernel-api/dma: IOVA allocator', () => {
  for (const [where, base] of [
    ['below 4 GiB', 1024],
    ['across 4 GiB', 2 ** 20 - 100],
    ['above 4 GiB', 2 ** 27],
  ] as const) {
    it(`agrees with a plain set of pages ${where}`, () => {
      fc.assert(
        fc.property(fc.array(op(200), { maxLength: 80 }), (ops) => check(base, ops)),
        { numRuns: 250 },
      );
    });
  }

  it('goes from the top down, and takes freed addresses again', () => {
    const domain = new IovaDomain(1);
    expect([domain.alloc(1, 999), domain.alloc(1, 999), domain.alloc(1, 999)]).to.deep.equal([999, 998, 997]);
    domain.free(998);
    expect(domain.alloc(1, 999)).to.equal(998);
    expect(domain.alloc(1, 999)).to.equal(996);
  });

  it('aligns to the size rounded up to a power of two, and leaves gaps for it', () => {
    const domain = new IovaDomain(1);
    expect(domain.alloc(1, 0xfffff)).to.equal(0xfffff);
    expect(domain.alloc(3, 0xfffff)).to.equal(0xffffc);
    expect(domain.alloc(1, 0xfffff, false)).to.equal(0xffffb);
    expect(domain.allocFast(3, 0xfffff)).to.equal(0xffff4);
    expect(domain.ranges().at(0)).to.deep.equal([0xffff4, 0xffff7]);
    expect(domain.allocFast(33, 0xfffff)).to.equal(0xfffc0);
    expect(domain.ranges().at(0)).to.deep.equal([0xfffc0, 0xfffe0]);
  });

  it('never hands out page 0, nor anything above the limit', () => {
    const domain = new IovaDomain(0);
    expect(domain.alloc(1, 1)).to.equal(1);
    expect(domain.alloc(1, 1)).to.equal(0);
    expect(domain.alloc(1, 2 ** 52 - 1)).to.equal(2 ** 52 - 1);
    expect(domain.alloc(2 ** 40, 2 ** 44 - 1)).to.equal(2 ** 44 - 2 ** 40);
    domain.free(1);
    expect(domain.alloc(1, 1)).to.equal(1);
  });

  it('refuses without a search what did not fit below 4 GiB before, until something there is freed', () => {
    const domain = new IovaDomain(1);
    expect(domain.alloc(1, 9)).to.equal(9);
    expect(domain.alloc(8, 9)).to.equal(0);
    expect(domain.alloc(8, 99)).to.equal(0);
    expect(domain.alloc(4, 99)).to.equal(4);
    domain.free(9);
    expect(domain.alloc(8, 99)).to.equal(88);
  });

  it('keeps a search under 4 GiB apart from one above', () => {
    const domain = new IovaDomain(1);
    expect(domain.alloc(1, 2 ** 27 - 1)).to.equal(2 ** 27 - 1);
    expect(domain.alloc(1, 2 ** 20 - 1)).to.equal(2 ** 20 - 1);
    expect(domain.alloc(1, 2 ** 27 - 1)).to.equal(2 ** 27 - 2);
    expect(domain.alloc(1, 2 ** 20 - 1)).to.equal(2 ** 20 - 2);
  });

  it('frees the range around a page, and ignores a page that is free', () => {
    const domain = new IovaDomain(1);
    domain.reserve(100, 109);
    domain.free(110);
    domain.free(99);
    expect(domain.ranges()).to.deep.equal([[100, 109]]);
    domain.free(105);
    expect(domain.ranges()).to.deep.equal([]);
  });

  it('reserves around what is taken', () => {
    const domain = new IovaDomain(1);
    domain.reserve(10, 12);
    domain.reserve(5, 20);
    domain.reserve(1, 30);
    expect(domain.ranges()).to.deep.equal([
      [1, 4],
      [5, 9],
      [10, 12],
      [13, 20],
      [21, 30],
    ]);
  });
});
