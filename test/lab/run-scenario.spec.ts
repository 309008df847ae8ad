import { expect } from 'chai';

import { LabError } from '../../base/errors';
import type { TraceRecord } from '../../base/trace';
import { Completion, wait_for_completion } from '../../kernel-api/sched/completion';
import { msleep } from '../../kernel-api/sched/delay';
import { kthread_run } from '../../kernel-api/sched/kthread';
import { virtAddr } from '../../base/address';
import { runScenario } from '../../lab/run-scenario';
import { scenario, type ScenarioSpec } from '../../lab/scenario';
import type { ScenarioResult } from '../../lab/scenario-result';
import { SMALL_MEMORY, hostTurn, ramPool } from '../support/on-machine';

const run = (body: ScenarioSpec['run'], machine: ScenarioSpec['machine'] = {}, seed = 1): Promise<ScenarioResult> =>
  runScenario(scenario({ name: 'it', machine: { memory: SMALL_MEMORY, ...machine }, run: body }), {
    seed,
    hostTurn,
    ramPool,
  });

describe('runScenario', () => {
  it('tells what a scenario that passes did', async () => {
    const result = await run(({ kernel }) => msleep(kernel, 5));
    expect(result).to.include({ name: 'it', seed: 1, status: 'passed', failure: null, warnings: 0, faults: 0 });
    expect(result.simulatedTime).to.be.within(5e6, 20e6);
    expect(result.events).to.be.greaterThan(10);
    expect(result.traceHash).to.match(/^[0-9a-f]{16}$/);
    expect(result.notes).to.deep.equal([]);
    expect(JSON.parse(JSON.stringify(result)), 'plain data').to.deep.equal(result);
  });

  it('keeps the notes of a scenario that fails, and says where', async () => {
    const result = await run((lab) => {
      lab.note('so far');
      lab.check(false, 'the data is wrong');
    });
    expect(result.status).to.equal('failed');
    expect(result.failure).to.include({ kind: 'check', message: 'the data is wrong' });
    expect(result.failure!.stack).to.contain('run-scenario.spec.ts');
    expect(result.notes).to.deep.equal(['so far']);
  });

  it('tells an exception of its own from one that the lab threw', async () => {
    const exception = await run(() => {
      throw new TypeError('oops');
    });
    expect(exception.failure).to.include({ kind: 'exception', message: 'TypeError: oops' });
    const misuse = await run(() => {
      throw new LabError('not so');
    });
    expect(misuse.failure).to.include({ kind: 'lab', message: 'not so' });
    for (const thrown of [undefined, null, 'text', 5]) {
      const odd = await run(() => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- a scenario may throw anything
        throw thrown;
      });
      expect(odd.failure).to.include({ kind: 'exception', message: `threw ${String(thrown)}` });
    }
    const bare = await run(() => {
      throw Object.create(null);
    });
    expect(bare.failure).to.include({ kind: 'exception', message: 'threw an object that is no Error' });
  });

  it('reports a stop of the kernel', async () => {
    const result = await run(({ kernel }) => void kernel.mm.load32(virtAddr(0x10)));
    expect(result.failure!.kind).to.equal('oops');
    expect(result.failure!.message).to.match(/Unable to handle kernel/);
  });

  it('ends a scenario that waits for what cannot happen, and names what it waits for', async () => {
    const result = await run(({ kernel }) => wait_for_completion(new Completion(kernel)));
    expect(result.failure!.kind).to.equal('lab');
    expect(result.failure!.message).to.match(/nothing can happen any more.*task 'main' waits for/);
  });

  it('ends a scenario that awaits something of the host', async () => {
    const result = await run(() => new Promise<void>(() => undefined));
    expect(result.failure!.kind).to.equal('lab');
    expect(result.failure!.message).to.match(/awaits something that is no part of the machine/);
  });

  it('ends a scenario whose simulated time never ends', async () => {
    const result = await run(
      async ({ kernel }) => {
        for (;;) await msleep(kernel, 1);
      },
      { timeLimit: 50 },
    );
    expect(result.failure).to.include({ kind: 'lab' });
    expect(result.failure!.message).to.match(/reached its limit of 50 ms/);
    expect(result.simulatedTime).to.be.at.most(50e6);
  });

  it('fails a scenario that leaves tasks behind', async () => {
    const result = await run(({ kernel }) => {
      kthread_run(
        kernel,
        async () => {
          for (;;) await msleep(kernel, 1);
        },
        'forgotten',
      );
    });
    expect(result.failure!.kind).to.equal('check');
    expect(result.failure!.message).to.match(/returned while tasks still exist: forgotten; stop them first/);
  });

  it('reports an exception in a task of the scenario', async () => {
    const result = await run(async ({ kernel }) => {
      kernel.sched.spawn('other', () => {
        throw new Error('elsewhere');
      });
      await msleep(kernel, 100);
    });
    expect(result.failure).to.include({ kind: 'exception', message: 'Error: elsewhere' });
  });

  it('reports a machine that cannot be built', async () => {
    const result = await run(() => undefined, { memory: [] });
    expect(result.failure).to.include({ kind: 'lab' });
    expect(result).to.include({ status: 'failed', simulatedTime: 0, events: 0 });
  });

  it('hands every event to the subscriber, in order', async () => {
    const records: TraceRecord[] = [];
    const it = scenario({ name: 'it', machine: { memory: SMALL_MEMORY }, run: (lab) => lab.note('here') });
    const result = await runScenario(it, { seed: 1, hostTurn, subscriber: (record) => records.push(record) });
    expect(records).to.have.length(result.events);
    expect(records.map(({ ordinal }) => ordinal)).to.deep.equal(records.map((_, index) => index));
    expect(records.some(({ event }) => event.type === 'note')).to.equal(true);
  });

  it('gives the same trace for the same seed, and another one for another seed', async () => {
    const random = (seed: number): Promise<ScenarioResult> =>
      run((lab) => lab.note(String(lab.rng.nextU32())), {}, seed);
    const first = await random(1);
    expect(await random(1)).to.deep.equal(first);
    expect((await random(2)).traceHash).not.to.equal(first.traceHash);
  });

  it('counts warnings, faults, bytes and interrupts', async () => {
    const result = await run((lab) => lab.kernel.warn('here', 'just so'));
    expect(result.warnings).to.equal(1);
  });
});
