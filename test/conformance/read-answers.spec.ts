import { expect } from 'chai';
import fc from 'fast-check';
import { LabError } from '../../base/errors';
import { readAnswers } from '../../conformance/read-answers';
import { replay } from '../../conformance/replay';
import { hostTurn } from '../support/on-machine';
import { shortAnswers } from './fixtures';

const MODE = { mode: 'iommu-strict' };
const sg = (more: object): object => ({
  ...MODE,
  map_sg: [{ max_seg: 4096, boundary_mask: 4095, in: [[0, 0, 1]], ret: 0, nents: 1, orig_nents: 1, out: [], ...more }],
});
const pages = (more: object): object => ({
  ...MODE,
  from_pages: [{ max_segment: 1, offset: 0, size: 1, pfns: [0], ret: -22, orig_nents: null, out: null, ...more }],
});
const iova = (...steps: object[]): object => ({ ...MODE, iova: steps });
const alloc = { op: 'alloc', slot: 1, offset: 0, len: 1, addr: 4096 };

/** What is wrong, the file, and the sentence. */
const REFUSED: readonly (readonly [string, unknown, RegExp])[] = [
  ['a list', [], /^the file is an array; it must be an object/],
  ['null', null, /^the file is null/],
  ['no mode', { mask: [] }, /^the file has no mode/],
  ['another mode', { mode: 'lazy', mask: [] }, /^mode is 'lazy'; it must be 'iommu-strict' or 'swiotlb-force'/],
  ['no section', MODE, /^the file has none of the sections info, map_sg,/],
  ['a section that is null', { ...MODE, mask: null }, /^mask is null; it must be an array/],
  ['info without a member', { ...MODE, info: { max_mapping: '1' } }, /^info has no opt/],
  ['info that is a number', { ...MODE, info: 5 }, /^info is 5; it must be an object/],
  ['a mask that is no object', { ...MODE, mask: [7] }, /^mask\[0\] is 7; it must be an object/],
  ['a mask of no bits', { ...MODE, mask: [{ bits: 0, ret: 0, required: 'f' }] }, /^mask\[0\]\.bits is 0; .* 1 to 64/],
  ['a mask of text', { ...MODE, mask: [{ bits: 1, ret: 0, required: 'xyz' }] }, /required is 'xyz'; .*hexadecimal/],
  ['no entries', sg({ in: [] }), /^map_sg\[0\]\.in is empty/],
  ['half an entry', sg({ in: [[0, 0]] }), /^map_sg\[0\]\.in\[0\] is no array of 3/],
  ['an entry outside', sg({ in: [[1023, 1, 4096]] }), /^map_sg\[0\]\.in\[0\] reaches beyond the block/],
  ['an entry that is negative', sg({ in: [[0, -1, 1]] }), /^map_sg\[0\]\.in\[0\]\[1\] is -1/],
  ['an entry that is no number', sg({ in: [['x', 0, 1]] }), /^map_sg\[0\]\.in\[0\]\[0\] is 'x'/],
  ['a segment size that is no u32', sg({ max_seg: 2 ** 32 }), /^map_sg\[0\]\.max_seg is 4294967296/],
  ['half a segment', sg({ out: [[1]] }), /^map_sg\[0\]\.out\[0\] is no array of 2/],
  ['an error that is none', sg({ ret: 3 }), /^map_sg\[0\]\.ret is 3/],
  ['no pages', pages({ pfns: [] }), /^from_pages\[0\]\.pfns is empty/],
  ['a page outside', pages({ pfns: [1024] }), /^from_pages\[0\]\.pfns\[0\] is 1024/],
  ['an operation', iova({ op: 'move' }), /^iova\[0\]\.op is 'move'; it must be 'alloc' or 'free'/],
  ['a slot', iova({ ...alloc, slot: 64 }), /^iova\[0\]\.slot is 64/],
  ['a slot twice', iova(alloc, alloc), /^iova\[1\] fills slot 1 twice/],
  ['an empty slot', iova({ op: 'free', slot: 3 }), /^iova\[0\] empties slot 3, which is empty/],
  ['an address', iova({ ...alloc, addr: '4096' }), /^iova\[0\]\.addr is '4096'/],
];

describe('conformance: reading answers', () => {
  for (const [what, file, sentence] of REFUSED) {
    it(`refuses ${what}`, () => {
      expect(() => readAnswers(JSON.stringify(file))).to.throw(LabError, sentence);
    });
  }

  it('refuses what is no JSON', () => {
    for (const text of ['', '{', 'null x', '{"mode": }', '\u0000']) {
      expect(() => readAnswers(text)).to.throw(LabError, /^it is no JSON: /);
    }
  });

  it('does not mind further sections and members', () => {
    const file = { ...sg({ note: 1 }), seed: 5, latency: [] };
    expect(readAnswers(JSON.stringify(file)).map_sg).to.have.length(1);
  });

  it('whatever is changed in a file, it is refused or replayed', async () => {
    const whole = JSON.stringify(shortAnswers('swiotlb-force.json', 2));
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 1 }),
      fc.constantFrom(0, -1, 2 ** 32, 2 ** 64, 1e300, null, '', []),
    );
    const numbers = whole.match(/\d+/g)!.length;
    const change = (at: number, by: unknown): string => {
      let seen = 0;
      return whole.replace(/\d+/g, (digits) => (seen++ === at ? JSON.stringify(by) : digits));
    };
    await fc.assert(
      fc.asyncProperty(fc.nat(numbers - 1), value, async (at, by) => {
        let answers;
        try {
          answers = readAnswers(change(at, by));
        } catch (error) {
          expect(error).to.be.instanceOf(LabError);
          return;
        }
        await replay(answers, hostTurn);
      }),
      { numRuns: 30 },
    );
  });
});
