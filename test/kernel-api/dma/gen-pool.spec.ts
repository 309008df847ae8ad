import { expect } from 'chai';
import fc from 'fast-check';
import { PAGE_SIZE } from '../../../base/address';
import { GenPool } from '../../../kernel-api/dma/gen-pool';
import { KernelOops } from '../../../kernel-api/oops';

const CPU = 0x6_0000_0000_0000;
const PHYSICAL = 0x8000_0000;

/** The first fit, by trying every place. */
const model = (taken: boolean[], count: number): number => {
  let step = 1;
  while (step < count) step *= 2;
  for (let first = 0; first + count <= taken.length; first++) {
    if (first % step === 0 && taken.slice(first, first + count).every((one) => !one)) return first;
  }
  return -1;
};

describe('kernel-api/dma: a pool of pages', () => {
  it('finds the first fit, aligned to what holds it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.boolean(), fc.nat(30)), { maxLength: 60 }),
        (steps) => {
          const pool = new GenPool();
          pool.add(CPU, PHYSICAL, 32 * PAGE_SIZE);
          const taken = new Array<boolean>(32).fill(false);
          const blocks: [number, number][] = [];
          for (const [count, frees, which] of steps) {
            if (frees && blocks.length > 0) {
              const [first, length] = blocks.splice(which % blocks.length, 1)[0]!;
              pool.free(CPU + first * PAGE_SIZE, length * PAGE_SIZE);
              taken.fill(false, first, first + length);
            }
            const first = model(taken, count);
            expect(pool.alloc(count * PAGE_SIZE)).to.equal(first < 0 ? 0 : CPU + first * PAGE_SIZE);
            if (first >= 0) {
              taken.fill(true, first, first + count);
              blocks.push([first, count]);
            }
            expect(pool.available).to.equal(taken.filter((one) => !one).length * PAGE_SIZE);
          }
        },
      ),
      { numRuns: 200, seed: 1 },
    );
  });

  it('knows its memory, and stops the kernel if some is freed twice', () => {
    const pool = new GenPool();
    expect(pool.alloc(PAGE_SIZE)).to.equal(0);
    pool.add(CPU, PHYSICAL, 2 * PAGE_SIZE);
    pool.add(CPU + 2 ** 20, PHYSICAL + 2 ** 20, PAGE_SIZE);
    expect(pool.alloc(0)).to.equal(0);
    expect(pool.alloc(PAGE_SIZE), 'the piece that was added last').to.equal(CPU + 2 ** 20);
    expect(pool.alloc(3 * PAGE_SIZE)).to.equal(0);
    expect([pool.toPhysical(CPU + 5), pool.toPhysical(CPU - 1)]).to.deep.equal([PHYSICAL + 5, -1]);
    expect([pool.toVirtual(PHYSICAL + 5), pool.toVirtual(7)]).to.deep.equal([CPU + 5, -1]);
    expect([pool.has(CPU, 2 * PAGE_SIZE), pool.has(CPU, 3 * PAGE_SIZE)]).to.deep.equal([true, false]);
    expect([pool.size, pool.available]).to.deep.equal([3 * PAGE_SIZE, 2 * PAGE_SIZE]);
    expect(() => pool.free(CPU, PAGE_SIZE)).to.throw(KernelOops);
  });
});
