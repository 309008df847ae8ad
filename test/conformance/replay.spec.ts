import fs from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { readAnswers } from '../../conformance/read-answers';
import { replay, type Outcome } from '../../conformance/replay';
import { fileReport } from '../../conformance/report';
import { hostTurn } from '../support/on-machine';
import { FIXTURES, shortAnswers } from './fixtures';

/** Something of an answer that is changed, and the case that must then fail: each another one. */
type Mutation = readonly [what: string, change: (answers: Mutable) => void, failed: string];

interface Mutable {
  info: Record<string, string>;
  map_sg: { ret: number; nents: number; orig_nents: number; out: number[][] }[];
  from_pages: { ret: number; orig_nents: number; out: number[][] }[];
  iova: { addr: number; offset: number }[];
  align: { error: number; low13: number; max_mapping: string }[];
  mask: { ret: number; required: string }[];
}

const COMMON: readonly Mutation[] = [
  ['a size', ({ info }) => (info.max_mapping = '4096'), 'info[0]'],
  ['the alignment', ({ info }) => (info.align = '64'), 'info[5]'],
  ['an error number', ({ map_sg }) => (map_sg[0]!.ret = -12), 'map_sg[0]'],
  ['the number of segments', ({ map_sg }) => map_sg[1]!.nents++, 'map_sg[1]'],
  ['the number of entries', ({ map_sg }) => map_sg[2]!.orig_nents++, 'map_sg[2]'],
  ['the length of a segment', ({ map_sg }) => (map_sg[3]!.out[0]![1]! += 1), 'map_sg[3]'],
  ['an address of an I/O page', ({ iova }) => iova[1]!.addr++, 'iova[1]'],
  ['the success of an I/O page', ({ iova }) => (iova[2]!.addr = 2 ** 64), 'iova[2]'],
  ['the success of an alignment', ({ align }) => (align[0]!.error = -12), 'align[0]'],
  ['low bits', ({ align }) => (align[1]!.low13 ^= 1), 'align[1]'],
  ['a size under an alignment', ({ align }) => (align[2]!.max_mapping = '1'), 'align[2]'],
  ['the success of a mask', ({ mask }) => (mask[1]!.ret = -11), 'mask[1]'],
  ['the mask that is required', ({ mask }) => (mask[2]!.required = '1'), 'mask[2]'],
];

const MUTATIONS: Readonly<Record<string, readonly Mutation[]>> = {
  'iommu-strict.json': [
    ...COMMON,
    ['where a segment starts', ({ map_sg }) => (map_sg[4]!.out[0]![0]! += 4096), 'map_sg[4]'],
    ['the alignment of a large mapping', ({ iova }) => (iova[8]!.addr += 4096), 'iova[8]'],
    ['a table from pages', ({ from_pages }) => from_pages[0]!.out[1]![0]!++, 'from_pages[0]'],
    ['the failure of a table from pages', ({ from_pages }) => (from_pages[1]!.ret = -22), 'from_pages[1]'],
  ],
  'swiotlb-force.json': [
    ...COMMON,
    ['the place in a slot', ({ map_sg }) => (map_sg[4]!.out[0]![0]! += 1024), 'map_sg[4]'],
  ],
};

const failuresOf = ({ failures }: Outcome): string[] => failures.map(({ section, index }) => `${section}[${index}]`);

describe('conformance: replay', () => {
  for (const name of ['iommu-strict.json', 'swiotlb-force.json']) {
    it(`${name}: everything comes out as measured`, async () => {
      const answers = readAnswers(fs.readFileSync(path.join(FIXTURES, name), 'utf8'));
      const outcome = await replay(answers, hostTurn);
      expect(fileReport(name, outcome).slice(-20)).to.deep.equal([
        ...outcome.notes.map((note) => `${name}: ${note}`),
        `${name}: 3970 passed, 0 failed`,
      ]);
      if (name === 'iommu-strict.json') {
        expect(outcome.notes).to.deep.equal(['iova: 768 of 768 addresses are the measured ones']);
      }
    });

    it(`${name}: finds every answer that was changed, and nothing else`, async () => {
      const answers = shortAnswers(name, 9);
      for (const [, change] of MUTATIONS[name]!) change(answers as unknown as Mutable);
      const found = failuresOf(await replay(answers, hostTurn));
      for (const [what, , failed] of MUTATIONS[name]!) expect(found, what).to.include(failed);
      expect(found).to.have.length(MUTATIONS[name]!.length);
    });

    it(`${name}: takes slots or pages that may lie elsewhere for what they are`, async () => {
      const answers = shortAnswers(name);
      for (const each of answers.iova as unknown as { addr: number }[]) each.addr -= 2 ** 22;
      expect(failuresOf(await replay(answers, hostTurn))).to.deep.equal([]);
    });
  }

  it('replays what is there', async () => {
    const { mode, mask } = shortAnswers('swiotlb-force.json', 64);
    const outcome = await replay({ mode, mask: mask! }, hostTurn);
    expect([outcome.passed, outcome.failures, outcome.notes]).to.deep.equal([64, [], []]);
  });

  it('goes on after a case at which the kernel stops', async () => {
    const answers = shortAnswers('iommu-strict.json');
    (answers.map_sg as unknown as { in: unknown }[])[1]!.in = null;
    const outcome = await replay(answers, hostTurn);
    expect(failuresOf(outcome)).to.deep.equal(['map_sg[1]']);
    expect(outcome.failures[0]!.found).to.match(/^TypeError: /);
  });
});

describe('conformance: report', () => {
  it('names file, section, index, input, expected and found of the first cases, and counts the others', async () => {
    const answers = shortAnswers('iommu-strict.json', 5) as unknown as Mutable;
    for (const each of answers.mask) each.required = '7';
    const lines = fileReport('a.json', await replay({ mode: 'iommu-strict', mask: answers.mask as never }, hostTurn));
    expect(lines).to.deep.equal([
      ...[0, 1, 2].flatMap((index) => [
        `a.json: mask[${index}]`,
        `  input     {"bits":${index + 1}}`,
        '  expected  {"ret":0,"required":"7"}',
        '  found     {"ret":0,"required":"ffffffff"}',
      ]),
      'a.json: mask: 2 more',
      'a.json: 0 passed, 5 failed',
    ]);
  });

  it('cuts a long list around the first difference', async () => {
    const answers = shortAnswers('iommu-strict.json', 400) as unknown as Mutable;
    const long = answers.map_sg.find(({ out }) => out.length > 80)!;
    long.out[60]![1]! += 1;
    const { failures } = await replay({ mode: 'iommu-strict', map_sg: [long as never] }, hostTurn);
    const { expected, found } = failures[0]!;
    expect(expected)
      .to.match(/^….*…$/)
      .and.to.have.length.below(410);
    expect(expected).to.include(`,${long.out[60]![1]!}]`);
    expect(found).to.include(`,${long.out[60]![1]! - 1}]`);
  });
});
