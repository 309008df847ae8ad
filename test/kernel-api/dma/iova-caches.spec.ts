import { expect } from 'chai';
import * as fc from 'fast-check';
import { IovaDomain, roundUpToPowerOfTwo } from '../../../kernel-api/dma/iova';
import { onIommuMachine } from '../iommu/iommu-machine';

const FOUR_GIB = 2 ** 20;

/** Linux's walk over every range, from the cached position down, in a plain array: highest first. */
class WalkingModel {
  private readonly ranges: [number, number][] = [];
  private cached: [number, number] | null = null;
  private cached32: [number, number] | null = null;
  private max32 = FOUR_GIB;
  private readonly start: number;

  constructor(start: number) {
    this.start = start;
  }

  private indexOf(range: [number, number] | null): number {
    return range === null ? -1 : this.ranges.indexOf(range);
  }

  private walk(from: number, size: number, end: number, align: number, low: number): [number, number] | null {
    let high = end;
    for (let i = from; ; i++) {
      high = Math.min(high, i < 0 ? Infinity : this.ranges[i]![0]);
      const lo = Math.floor((high - size) / align) * align;
      if (lo < low) return null;
      const below = this.ranges[i + 1];
      if (below === undefined || lo > below[1]) return [i + 1, lo];
    }
  }

  alloc(size: number, limit: number): number {
    const end = limit + 1;
    if (end <= FOUR_GIB && size >= this.max32) return 0;
    const align = roundUpToPowerOfTwo(size);
    const start = end <= FOUR_GIB ? this.cached32 : this.cached;
    const hi = start === null ? Infinity : start[1];
    let found = this.walk(this.indexOf(start), size, end, align, this.start);
    if (found === null && hi < end) found = this.walk(-1, size, end, align, hi + 1);
    if (found === null) {
      this.max32 = size;
      return 0;
    }
    const range: [number, number] = [found[1], found[1] + size - 1];
    this.ranges.splice(found[0], 0, range);
    if (range[1] < FOUR_GIB) this.cached32 = range;
    else this.cached = range;
    return range[0];
  }

  free(page: number): void {
    const at = this.ranges.findIndex(([lo, hi]) => lo <= page && page <= hi);
    if (at < 0) return;
    const range = this.ranges[at]!;
    const above = this.ranges[at - 1] ?? null;
    const lowest32 = this.cached32?.[0] ?? Infinity;
    if (range === this.cached32 || (range[1] < FOUR_GIB && range[0] >= lowest32)) this.cached32 = above;
    if (range[0] < FOUR_GIB) this.max32 = FOUR_GIB;
    if (range[0] >= (this.cached?.[0] ?? Infinity)) this.cached = above;
    this.ranges.splice(at, 1);
  }
}

type Op = readonly ['alloc', number, number] | readonly ['free', number];

const op: fc.Arbitrary<Op> = fc.oneof(
  fc.tuple(fc.constant('alloc' as const), fc.oneof(fc.integer({ min: 1, max: 80 }), fc.nat(5)), fc.nat(3)),
  fc.tuple(fc.constant('free' as const), fc.nat(10_000)),
);

const LIMITS = [FOUR_GIB - 1, FOUR_GIB + 300, FOUR_GIB - 200, 2 ** 27 - 1];

describe('kernel-api/dma: IOVA allocator, its tree and its caches', () => {
  it('gives the addresses that a walk over every range gives', () => {
    fc.assert(
      fc.property(fc.array(op, { maxLength: 150 }), fc.constantFrom(1, FOUR_GIB - 600), (ops, start) => {
        const domain = new IovaDomain(start);
        const model = new WalkingModel(start);
        const live: number[] = [];
        for (const step of ops) {
          if (step[0] === 'alloc') {
            const page = domain.alloc(Math.max(step[1], 1), LIMITS[step[2]]!);
            expect(page).to.equal(model.alloc(Math.max(step[1], 1), LIMITS[step[2]]!));
            if (page !== 0) live.push(page);
          } else if (live.length > 0) {
            const [page] = live.splice(step[1] % live.length, 1);
            domain.free(page!);
            model.free(page!);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('finds a gap that is just long enough, and aligned, below others that are not', () => {
    const domain = new IovaDomain(1);
    domain.reserve(1, 63);
    domain.reserve(104, 150);
    domain.reserve(193, 200);
    expect(domain.alloc(40, 200)).to.equal(64);
    expect(domain.alloc(33, 200)).to.equal(0);
  });

  it('never hands out what is in use, with caches, and has everything back at the end', () => {
    fc.assert(
      fc.property(fc.array(op, { maxLength: 300 }), fc.constantFrom(40, 400, 4000), (ops, room) => {
        const domain = new IovaDomain(1);
        const taken = new Set<number>();
        const live: [number, number][] = [];
        const mark = ([page, size]: [number, number], use: boolean): void => {
          for (let i = page; i < page + size; i++) {
            if (use) expect(taken.has(i), `page ${i}`).to.equal(false);
            if (use) taken.add(i);
            else taken.delete(i);
          }
        };
        for (const step of ops) {
          if (step[0] === 'alloc') {
            const size = Math.max(step[1], 1);
            const page = domain.allocFast(size, room);
            if (page === 0) continue;
            expect(page % roundUpToPowerOfTwo(size)).to.equal(0);
            expect(page + size - 1).to.be.at.most(room);
            mark([page, size], true);
            live.push([page, size]);
          } else if (live.length > 0) {
            const [range] = live.splice(step[1] % live.length, 1);
            mark(range!, false);
            domain.freeFast(...range!);
          }
        }
        for (const range of live) domain.freeFast(...range);
        expect(domain.ranges()).to.deep.equal([]);
        expect(domain.allocFast(room >= 4000 ? 1024 : 16, room), 'the caches give way').to.be.above(0);
      }),
      { numRuns: 150 },
    );
  });

  it('hands a freed range of the same size class out first, the last one before others', () => {
    const domain = new IovaDomain(1);
    const pages = [1, 1, 1, 3, 4].map((size) => domain.allocFast(size, 0xfffff));
    domain.freeFast(pages[0]!, 1);
    domain.freeFast(pages[2]!, 1);
    domain.freeFast(pages[3]!, 3);
    expect(domain.allocFast(1, 0xfffff)).to.equal(pages[2]);
    expect(domain.allocFast(1, 0xfffff)).to.equal(pages[0]);
    expect(domain.allocFast(4, 0xfffff)).to.equal(pages[3]);
    domain.freeFast(pages[1]!, 1);
    expect(domain.allocFast(2, 0xfffff)).to.be.below(pages[4]!);
  });

  it('leaves what lies above the limit in the cache', () => {
    const domain = new IovaDomain(1);
    const high = domain.allocFast(1, 2 ** 27);
    domain.freeFast(high, 1);
    expect(domain.allocFast(1, 1000)).to.equal(1000);
    expect(domain.allocFast(1, 2 ** 27)).to.equal(high);
  });

  it('caches ranges of up to 32 pages, and gives caches back before it fails', () => {
    const domain = new IovaDomain(1);
    const pages = Array.from({ length: 16 }, () => domain.allocFast(32, 512 + 31));
    expect(domain.allocFast(32, 512 + 31)).to.equal(0);
    for (const page of pages) domain.freeFast(page, 32);
    expect(domain.cachedRanges).to.equal(16);
    expect(domain.allocFast(64, 512 + 31, false)).to.equal(0);
    expect(domain.allocFast(64, 512 + 31)).to.be.above(0);
    expect(domain.cachedRanges).to.equal(0);
    const large = domain.allocFast(33, 512 + 31);
    domain.freeFast(large, 33);
    expect(domain.cachedRanges).to.equal(0);
  });

  it('keeps one full magazine in its depot: the others go back one by one, each 100 ms', () =>
    onIommuMachine({}, async ({ kernel }) => {
      const domain = new IovaDomain(1, kernel);
      const pages = Array.from({ length: 127 * 6 }, () => domain.allocFast(1, 0xfffff));
      for (const page of pages) domain.freeFast(page, 1);
      expect(domain.cachedRanges).to.equal(127 * 6);
      const counts: number[] = [];
      for (let i = 0; i < 6; i++) {
        kernel.cpu.elapse(104e6);
        for (let turn = 0; turn < 4; turn++) await kernel.sched.yield();
        counts.push(domain.cachedRanges / 127);
      }
      expect(counts.at(-1)).to.equal(3);
      expect(counts[0]).to.be.at.least(5);
      expect(domain.ranges()).to.deep.equal([]);
    }));

  it('stays quick with 100,000 ranges', () => {
    const domain = new IovaDomain(1);
    const live = Array.from({ length: 100_000 }, (_, i) => domain.alloc([1, 2, 4, 8][i % 4]!, 2 ** 27 - 1));
    let next = 1;
    for (let i = 0; i < 5000; i++) {
      next = (next * 16_807) % 2_147_483_647;
      const at = next % live.length;
      domain.free(live[at]!);
      live[at] = domain.alloc([1, 2, 4, 8][i % 4]!, 2 ** 27 - 1);
    }
    expect(new Set(live).size).to.equal(live.length);
  });
});
