import { expect } from 'chai';
import fc from 'fast-check';

import { IntervalSet } from '../../../lab/sanitizer/interval-set';

const SIZE = 40;
const bound = fc.integer({ min: 0, max: SIZE });
const operation = fc.tuple(fc.constantFrom('add', 'remove'), bound, bound);

/** The ranges of a plain array of flags. */
const rangesOf = (flags: readonly boolean[]): [number, number][] => {
  const ranges: [number, number][] = [];
  flags.forEach((flag, at) => {
    if (!flag) return;
    const last = ranges.at(-1);
    if (last?.[1] === at) last[1]++;
    else ranges.push([at, at + 1]);
  });
  return ranges;
};

describe('IntervalSet', () => {
  it('is what an array of flags would be', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), bound, bound, (operations, start, end) => {
        const set = new IntervalSet();
        const flags = Array.from({ length: SIZE }, () => false);
        for (const [what, low, high] of operations) {
          set[what](low, high);
          if (low < high) flags.fill(what === 'add', low, high);
        }
        const part = flags.slice(start, end);
        expect(set.ranges()).to.deep.equal(rangesOf(flags));
        expect(set.intersects(start, end)).to.equal(part.includes(true));
        expect(set.contains(start, end)).to.equal(!part.includes(false));
        const [first] = rangesOf(part);
        const shifted = first === undefined || start >= end ? null : [first[0] + start, first[1] + start];
        expect(set.firstWithin(start, end)).to.deep.equal(shifted);
      }),
    );
  });
});
