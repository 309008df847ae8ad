import { expect } from 'chai';
import * as fc from 'fast-check';

import { LabError } from '../../base/errors';
import { AXIS_NAMES, valuesOf, type Matrix, type MatrixCase, type MatrixValues } from '../../lab/matrix/axes';
import { caseName, caseWords } from '../../lab/matrix/case-name';
import { matrixValues } from '../../lab/matrix/check-matrix';
import { expandMatrix } from '../../lab/matrix/expand';
import { runScenario } from '../../lab/run-scenario';
import { scenario, type ScenarioSpec } from '../../lab/scenario';
import { SMALL_MEMORY, hostTurn, ramPool } from '../support/on-machine';

const run = (): void => undefined;
const names = (cases: readonly MatrixCase[]): string[] => cases.map((each) => caseWords(each).join(' '));

describe('matrix: declaration', () => {
  it('is looked up and put in order', () => {
    expect(matrixValues({})).to.deep.equal({});
    const values = matrixValues({ mask: 'all', translation: ['lazy', 'direct', 'lazy'] });
    expect(Object.entries(values)).to.deep.equal([
      ['translation', ['direct', 'lazy']],
      ['mask', ['64', '32']],
    ]);
    expect(scenario({ name: 'a', run, matrix: { cache: 'all' } }).matrix).to.deep.equal({ cache: 'all' });
  });

  for (const [what, matrix, sentence] of [
    ['an unknown axis', { speed: 'all' }, /no axis 'speed'; its axes are translation, coherency, mask, cache, revoc/],
    ['an unknown value', { mask: ['64', '16'] }, /^scenario 'a': axis mask has no value '16'; it has 64, 32$/],
    ['a value of another axis', { cache: ['strict'] }, /axis cache has no value 'strict'; it has plain, adversarial/],
    ['a number', { mask: [32] }, /axis mask has no value '32'/],
    ['an object for a value', { mask: [{}] }, /axis mask has no value '{}'/],
    ['a word for values', { mask: '32' }, /axis mask of a matrix takes 'all' or an array of 64, 32/],
    ['no values', { coherency: [] }, /axis coherency of a matrix takes 'all' or an array of on, off/],
    ['null for values', { coherency: null }, /axis coherency of a matrix takes/],
    ['an array', ['translation'], /a matrix is an object of axes/],
    ['a word', 'all', /a matrix is an object of axes/],
    ['null', null, /a matrix is an object of axes/],
    ['what objects inherit', { constructor: 'all' }, /no axis 'constructor'/],
  ] as const) {
    it(`refuses ${what}`, () => {
      const spec = { name: 'a', run, matrix } as unknown as ScenarioSpec;
      expect(() => scenario(spec)).to.throw(LabError, sentence);
      expect(() => scenario(spec)).to.throw(LabError, /^scenario 'a': /);
    });
  }
});

describe('matrix: cases', () => {
  const expand = (declared: Matrix, selected: Matrix = {}): string[] =>
    names(expandMatrix(matrixValues(declared), matrixValues(selected), {}).cases);

  it('are one of no axis for a scenario that declares none', () => {
    expect(expand({})).to.deep.equal(['']);
    expect(caseName('a', {})).to.equal('a');
  });

  it('are all combinations, the last axis first', () => {
    expect(expand({ mask: 'all', translation: ['strict', 'direct'] })).to.deep.equal([
      'translation=direct mask=64',
      'translation=direct mask=32',
      'translation=strict mask=64',
      'translation=strict mask=32',
    ]);
    expect(caseName('a', { mask: '32', translation: 'lazy' })).to.equal('a[translation=lazy mask=32]');
  });

  it('are narrowed on a declared axis, and widened on another', () => {
    const declared: Matrix = { translation: ['strict', 'lazy'] };
    expect(expand(declared, { translation: ['lazy', 'direct'] })).to.deep.equal(['translation=lazy']);
    expect(expand(declared, { coherency: 'all', translation: ['lazy'] })).to.deep.equal([
      'translation=lazy coherency=on',
      'translation=lazy coherency=off',
    ]);
    expect(expand({}, { mask: ['32'] })).to.deep.equal(['mask=32']);
  });

  it('are none, with the reason, where nothing of a declared axis is selected', () => {
    const declared = matrixValues({ translation: ['strict', 'lazy'] });
    expect(expandMatrix(declared, matrixValues({ translation: ['direct'] }), {})).to.deep.equal({
      cases: [],
      leftOut: [{ case: {}, reason: 'it holds on translation=strict,lazy only' }],
    });
  });

  it('have the drivers of an exhibit only where these are declared', () => {
    const { cases, leftOut } = expandMatrix({}, matrixValues({ driver: ['fixed'], mask: ['32'] }), {});
    expect(cases).to.deep.equal([]);
    expect(leftOut).to.deep.equal([
      { case: {}, reason: 'it does not declare axis driver, which is not about the machine' },
    ]);
    expect(expand({}, {})).to.deep.equal(['']);
    expect(expand({ mask: ['32'] }, {})).to.deep.equal(['mask=32']);
    expect(expand({ driver: 'all', mask: ['32'] }, { driver: ['fixed'] })).to.deep.equal(['mask=32 driver=fixed']);
    expect(expand({ driver: 'all' }, {})).to.deep.equal(['driver=buggy', 'driver=fixed']);
  });

  it('leave out what makes no sense on the machine, with the reason', () => {
    const high = { memory: [{ base: 0x1_0000_0000, size: 0x100_0000 }] };
    const values = matrixValues({ coherency: 'all', mask: 'all' });
    const { cases, leftOut } = expandMatrix(values, {}, high);
    expect(names(cases)).to.deep.equal(['coherency=on mask=64', 'coherency=off mask=64']);
    expect(names(leftOut.map((each) => each.case))).to.deep.equal(['coherency=on mask=32', 'coherency=off mask=32']);
    for (const { reason } of leftOut) expect(reason).to.match(/^no RAM of the machine lies where a bus of 32 bits/);
    expect(expandMatrix(values, {}, { memory: SMALL_MEMORY }).leftOut).to.deep.equal([]);
    expect(expandMatrix(values, {}, {}).leftOut).to.deep.equal([]);
  });

  it('leave out what Linux cannot do, but not what the scenario itself is about', () => {
    const values = matrixValues({ translation: ['direct', 'confidential'], coherency: 'all' });
    const { cases, leftOut } = expandMatrix(values, {}, {});
    expect(cases).to.have.lengthOf(3);
    expect(names(leftOut.map((each) => each.case))).to.deep.equal(['translation=confidential coherency=off']);
    expect(leftOut[0]!.reason).to.match(/^Linux does not share the coherent memory/);

    const bare = { zicbom: false, coherent: false, confidential: true } as const;
    expect(
      names(expandMatrix(matrixValues({ coherency: 'all', translation: ['direct'] }), {}, bare).cases),
    ).to.deep.equal(['translation=direct coherency=on']);
    expect(expandMatrix({}, matrixValues({ mask: 'all' }), bare).leftOut).to.deep.equal([]);
    expect(expandMatrix({}, {}, bare).cases).to.deep.equal([{}]);
  });

  it('are what a plain filter over all combinations leaves', () => {
    const someValues = fc
      .tuple(...AXIS_NAMES.map((axis) => fc.option(fc.subarray([...valuesOf(axis)], { minLength: 1 }))))
      .map((lists) => Object.fromEntries(AXIS_NAMES.flatMap((axis, i) => (lists[i] ? [[axis, lists[i]]] : []))));
    const all = AXIS_NAMES.reduce<MatrixCase[]>(
      (cases, axis) => cases.flatMap((each) => valuesOf(axis).map((value) => ({ ...each, [axis]: value }))),
      [{}],
    );
    fc.assert(
      fc.property(someValues, someValues, (declared: MatrixValues, selected: MatrixValues) => {
        fc.pre(declared.driver !== undefined || selected.driver === undefined);
        const { cases, leftOut } = expandMatrix(declared, selected, {});
        const axes = AXIS_NAMES.filter((axis) => declared[axis] ?? selected[axis]);
        const allowed = (each: MatrixCase): boolean =>
          axes.every((axis) =>
            [declared, selected].every((values) => {
              const list: readonly string[] | undefined = values[axis];
              return list === undefined || list.includes(each[axis]!);
            }),
          );
        const sensible = all.filter((each) => each.translation !== 'confidential' || each.coherency !== 'off');
        const wanted = (axes.includes('translation') && axes.includes('coherency') ? sensible : all)
          .filter(allowed)
          .map((each) => axes.map((axis) => `${axis}=${each[axis]!}`).join(' '));
        expect(names(cases)).to.deep.equal([...new Set(wanted)]);
        const possible = axes.reduce(
          (count, axis) => count * new Set(all.filter(allowed).map((each) => each[axis])).size,
          1,
        );
        expect(cases.length + leftOut.length).to.equal(Math.max(possible, 1));
      }),
      { numRuns: 200 },
    );
  });
});

describe('matrix: a run', () => {
  const seen: MatrixCase[] = [];
  const probe = scenario({
    name: 'probe',
    machine: { memory: SMALL_MEMORY },
    run: (lab) => {
      seen.push(lab.case);
      lab.note(`${lab.machine.hardware.iommu === undefined ? 'no' : 'an'} IOMMU`);
    },
  });

  it('tells the scenario its case, and the result', async () => {
    const plain = await runScenario(probe, { seed: 1, hostTurn, ramPool });
    const other = await runScenario(probe, { seed: 1, hostTurn, ramPool, case: { translation: 'direct' } });
    expect(seen).to.deep.equal([{}, { translation: 'direct' }]);
    expect([plain.case, other.case]).to.deep.equal([{}, { translation: 'direct' }]);
    expect([plain.notes, other.notes]).to.deep.equal([['an IOMMU'], ['no IOMMU']]);
    expect(seen[0]!.coherency).to.equal(undefined);
  });

  it('is the same every time, and another for another case', async () => {
    const hashOf = async (matrixCase: MatrixCase): Promise<string> =>
      (await runScenario(probe, { seed: 1, hostTurn, ramPool, case: matrixCase })).traceHash;
    const cases: MatrixCase[] = [{}, { translation: 'direct' }, { coherency: 'off' }, { translation: 'swiotlb' }];
    const first = await Promise.all(cases.map(hashOf));
    expect(await Promise.all(cases.map(hashOf))).to.deep.equal(first);
    expect(new Set(first).size).to.be.greaterThan(1);
  });
});
