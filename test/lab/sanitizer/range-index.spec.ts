import { expect } from 'chai';
import { Prng } from '../../../base/prng';
import { RangeIndex, type Range } from '../../../lab/sanitizer/range-index';

const rangeOf = (from: number, to: number): Range => ({ from: BigInt(from), to: BigInt(to) });
const overlap = (a: Range, b: Range): boolean => a.from < b.to && b.from < a.to;

describe('RangeIndex', () => {
  it('says what a list of all ranges says', () => {
    const prng = new Prng(1);
    for (let round = 0; round < 20; round++) {
      const index = new RangeIndex<Range>();
      const all: Range[] = [];
      for (let i = 0; i < 3000; i++) {
        const from = prng.below(40_000);
        const range = rangeOf(from, from + prng.below(round < 10 ? 8 : 100));
        const found = index.find(range);
        const there = all.filter((each) => overlap(each, range) && range.from < range.to);
        expect(found === undefined ? there.length === 0 : there.includes(found)).to.equal(true);
        if (found === undefined && range.from < range.to) {
          index.add(range);
          all.push(range);
        } else if (all.length > 0) index.remove(all.splice(prng.below(all.length), 1)[0]!);
      }
      for (const range of all) index.remove(range);
      expect(index.find(rangeOf(0, 1e6))).to.equal(undefined);
    }
  });

  it('leaves alone what was not added', () => {
    const index = new RangeIndex<Range>();
    index.remove(rangeOf(1, 2));
    const range = rangeOf(1, 3);
    index.add(range);
    for (const other of [rangeOf(1, 3), rangeOf(0, 1), rangeOf(2, 3)]) index.remove(other);
    expect(index.find(rangeOf(2, 9))).to.equal(range);
  });

  it('looks at few of 65536', () => {
    let looks = 0;
    class Counted implements Range {
      readonly at: bigint;
      readonly to: bigint;

      constructor(at: bigint, length: bigint) {
        this.at = at;
        this.to = at + length;
      }

      get from(): bigint {
        looks++;
        return this.at;
      }
    }
    const index = new RangeIndex<Counted>();
    const all: Counted[] = [];
    const most = (act: () => void): number => {
      const before = looks;
      act();
      return looks - before;
    };
    let worst = 0;
    for (let i = 0; i < 65_536; i++) {
      // In an order that is neither up nor down.
      const range = new Counted(2048n * BigInt((i * 40_503) % 65_536), 1500n);
      worst = Math.max(
        worst,
        most(() => expect(index.find(range)).to.equal(undefined)),
        most(() => index.add(range)),
      );
      all.push(range);
    }
    for (const range of all) {
      worst = Math.max(
        worst,
        most(() => expect(index.find(range)).to.equal(range)),
        most(() => index.remove(range)),
      );
    }
    expect(worst).to.be.below(64);
  });
});
