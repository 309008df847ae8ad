import { expect } from 'chai';

import { LabError } from '../../base/errors';
import { Prng } from '../../base/prng';
import { Machine } from '../../lab/machine';
import { isScenario, scenario, type ScenarioSpec } from '../../lab/scenario';
import { ScenarioContext } from '../../lab/scenario-context';
import { ScenarioFailure } from '../../lab/failure';
import { SMALL_MEMORY, hostTurn } from '../support/on-machine';

const run = (): void => undefined;

describe('scenario()', () => {
  it('takes a name and a function, and is known as a scenario', () => {
    const made = scenario({ name: 'sg-copy', description: 'x', run });
    expect(isScenario(made)).to.equal(true);
    expect(made.name).to.equal('sg-copy');
    expect(isScenario({ ...made })).to.equal(true);
    for (const other of [null, undefined, 1, {}, { name: 'x', run }, run]) expect(isScenario(other)).to.equal(false);
  });

  for (const name of ['a', 'a1', 'sg-copy', 'group/one', 'v1.2']) {
    it(`takes '${name}' for a name`, () => {
      expect(scenario({ name, run }).name).to.equal(name);
    });
  }

  for (const name of [undefined, null, 5, '', 'A', 'two words', '-a', 'a-', 'a--b', '../a', 'ä']) {
    it(`refuses ${JSON.stringify(name)} for a name`, () => {
      expect(() => scenario({ name, run } as unknown as ScenarioSpec)).to.throw(LabError, /needs a name of lower-case/);
    });
  }

  it('refuses a scenario without anything to run', () => {
    expect(() => scenario({ name: 'a' } as unknown as ScenarioSpec)).to.throw(LabError, /'a' has no run function/);
    expect(() => scenario({ name: 'a', run: 5 } as unknown as ScenarioSpec)).to.throw(LabError, /no run function/);
  });
});

describe('scenario context', () => {
  const context = (): ScenarioContext => {
    const machine = new Machine({ memory: SMALL_MEMORY }, { hostTurn });
    machine.boot();
    return new ScenarioContext(machine, new Prng(1));
  };
  const lab = context();

  it('returns what a kernel function returned, unless it is an error', () => {
    expect(lab.ok(0, 'f')).to.equal(0);
    expect(lab.ok(5, 'f')).to.equal(5);
    expect(lab.ok('x', 'f')).to.equal('x');
    expect(lab.ok(0n, 'f')).to.equal(0n);
    expect(() => lab.ok(-22, 'f')).to.throw(ScenarioFailure, /^f returned -EINVAL$/);
    expect(() => lab.ok(-9999, 'f')).to.throw(ScenarioFailure, /^f returned .*9999/);
    expect(() => lab.ok(null, 'f')).to.throw(ScenarioFailure, /^f returned NULL$/);
    expect(() => lab.ok(undefined as never, 'f')).to.throw(ScenarioFailure, /^f returned nothing$/);
    expect(() => lab.ok(NaN, 'f')).to.throw(ScenarioFailure, /^f returned NaN$/);
    expect(() => lab.ok(Promise.resolve(0), 'f')).to.throw(
      ScenarioFailure,
      /^f returned a promise: is an `await` missing/,
    );
  });

  it('compares', () => {
    lab.equal(1, 1, 'x');
    lab.equal('a', 'a', 'x');
    expect(() => lab.equal(1, 2, 'the sum')).to.throw(ScenarioFailure, /^the sum: expected 2, found 1$/);
    expect(() => lab.equal(1n, 2n, 'x')).to.throw(ScenarioFailure, /expected 2, found 1/);
    expect(() => lab.equal(0, -0, 'x')).not.to.throw();
  });

  it('checks and fails with a sentence', () => {
    lab.check(true, 'x');
    expect(() => lab.check(false, 'the sky is green')).to.throw(ScenarioFailure, /^the sky is green$/);
    expect(() => lab.fail('no')).to.throw(ScenarioFailure, /^no$/);
  });

  it('notes lines, on the trace as well', () => {
    const other = context();
    const seen: unknown[] = [];
    other.note('unheard');
    other.machine.trace.subscribe(({ event }) => seen.push(event));
    other.note('heard');
    expect(other.notes).to.deep.equal(['unheard', 'heard']);
    expect(seen).to.deep.equal([{ type: 'note', text: 'heard' }]);
  });
});
