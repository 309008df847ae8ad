import { expect } from 'chai';
import fc from 'fast-check';

import { LabError } from '../../base/errors';
import { Prng } from '../../base/prng';
import { Clock, NEVER, type Timer } from '../../emulator/clock';

/** What a script may do to its timers; `rearm` is what a timer does when it next fires. */
type Step =
  | { do: 'arm'; timer: number; delay: number }
  | { do: 'armAt'; timer: number; time: number }
  | { do: 'cancel'; timer: number }
  | { do: 'rearm'; timer: number; delay: number }
  | { do: 'stop'; timer: number; other: number }
  | { do: 'run'; for: number };

const TIMERS = 6;
const timer = fc.nat(TIMERS - 1);
const delay = fc.nat(5);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('arm' as const), timer, delay }),
  fc.record({ do: fc.constant('armAt' as const), timer, time: fc.nat(60) }),
  fc.record({ do: fc.constant('cancel' as const), timer }),
  fc.record({ do: fc.constant('rearm' as const), timer, delay: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ do: fc.constant('stop' as const), timer, other: timer }),
  fc.record({ do: fc.constant('run' as const), for: fc.nat(12) }),
);

/** The plain model: a list, searched for the earliest entry. */
class ListModel {
  now = 0;
  readonly log: string[] = [];
  private entries: { timer: number; deadline: number; sequence: number }[] = [];
  private sequence = 0;
  readonly rearm: (number | undefined)[] = [];
  readonly stop: (number | undefined)[] = [];

  arm(timer: number, time: number): void {
    this.cancel(timer);
    this.entries.push({ timer, deadline: Math.max(time, this.now), sequence: this.sequence++ });
  }
  cancel(timer: number): void {
    this.entries = this.entries.filter((entry) => entry.timer !== timer);
  }
  run(until: number): void {
    for (;;) {
      const due = this.entries
        .filter((entry) => entry.deadline <= until)
        .sort((a, b) => a.deadline - b.deadline || a.sequence - b.sequence)[0];
      if (due === undefined) break;
      this.cancel(due.timer);
      this.now = due.deadline;
      this.fire(due.timer);
    }
    this.now = Math.max(until, this.now);
  }
  private fire(timer: number): void {
    this.log.push(`${this.now}: ${timer}`);
    const [rearm, stop] = [this.rearm[timer], this.stop[timer]];
    if (stop !== undefined) this.cancel(stop);
    if (rearm !== undefined) this.arm(timer, this.now + rearm);
  }
  get next(): number {
    return Math.min(NEVER, ...this.entries.map((entry) => entry.deadline));
  }
}

const runClock = (steps: readonly Step[], model: ListModel): { clock: Clock; log: string[] } => {
  const clock = new Clock();
  const log: string[] = [];
  const timers: Timer[] = Array.from({ length: TIMERS }, (_, index) =>
    clock.timer(`t${index}`, () => {
      log.push(`${clock.now}: ${index}`);
      expect(timers[index]!.armed).to.equal(false);
      const [rearm, stop] = [model.rearm[index], model.stop[index]];
      if (stop !== undefined) timers[stop]!.cancel();
      if (rearm !== undefined) timers[index]!.armAfter(rearm);
    }),
  );
  for (const step of steps) {
    if (step.do === 'arm') {
      timers[step.timer]!.armAfter(step.delay);
      model.arm(step.timer, model.now + step.delay);
    } else if (step.do === 'armAt') {
      timers[step.timer]!.armAt(step.time);
      model.arm(step.timer, step.time);
    } else if (step.do === 'cancel') {
      timers[step.timer]!.cancel();
      model.cancel(step.timer);
    } else if (step.do === 'rearm') model.rearm[step.timer] = step.delay;
    else if (step.do === 'stop') model.stop[step.timer] = step.other;
    else {
      clock.runUntil(clock.now + step.for);
      model.run(model.now + step.for);
    }
    expect(clock.nextDeadline).to.equal(model.next);
    expect(clock.now).to.equal(model.now);
  }
  return { clock, log };
};

describe('clock', () => {
  it('fires like a sorted list: ties in arming order, cancelled and re-armed timers included', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const model = new ListModel();
        const { log } = runClock(steps, model);
        expect(log).to.deep.equal(model.log);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps hundreds of timers in order, whichever are cancelled', () => {
    const rng = new Prng(1);
    for (let round = 0; round < 20; round++) {
      const clock = new Clock();
      const deadlines: number[] = [];
      const timers = Array.from({ length: 200 }, (_, i) => clock.timer(`t${i}`, () => deadlines.push(clock.now)));
      for (const each of timers) each.armAt(rng.below(300));
      for (let i = 0; i < 20; i++) rng.pick(timers).armAt(rng.below(300));
      for (let i = 0; i < 60; i++) rng.pick(timers).cancel();
      const armed = timers.filter((each) => each.armed).map((each) => each.deadline);
      clock.runUntil(1000);
      expect(deadlines).to.deep.equal(armed.sort((a, b) => a - b));
    }
  });

  it('lets a tie-break choose among equals, and only among equals; equal ranks keep arming order', () => {
    const order = (tieBreak?: (sequence: number) => number): string => {
      const clock = new Clock(tieBreak);
      let log = '';
      for (const name of ['a', 'b', 'c', 'd']) clock.timer(name, () => (log += name)).armAt(5);
      clock.timer('early', () => (log += '<')).armAt(4);
      clock.runUntil(5);
      return log;
    };
    expect(order()).to.equal('<abcd');
    expect(order((sequence) => -sequence)).to.equal('<dcba');
    expect(order(() => 7)).to.equal('<abcd');
    expect(order((sequence) => sequence % 2)).to.equal('<acbd');
  });

  it('rounds a deadline up to a whole nanosecond and takes a past one as now', () => {
    const clock = new Clock();
    const fired: number[] = [];
    const each = clock.timer('t', () => fired.push(clock.now));
    each.armAt(2.25);
    clock.runUntil(10);
    each.armAt(3);
    expect(each.deadline).to.equal(10);
    clock.runUntil(10);
    expect(fired).to.deep.equal([3, 10]);
  });

  it('takes arming for NEVER as cancelling', () => {
    const clock = new Clock();
    const each = clock.timer('t', () => expect.fail('fired'));
    each.armAfter(5);
    each.armAt(NEVER);
    expect([each.armed, each.deadline, clock.nextDeadline]).to.deep.equal([false, NEVER, NEVER]);
    clock.runUntil(100);
    expect(clock.fireNext()).to.equal(false);
  });

  it('ends a wait that goes on forever at its limit', () => {
    const clock = new Clock();
    clock.limit = 1000;
    const each = clock.timer('t', () => each.armAfter(7));
    each.armAfter(7);
    expect(() => clock.runUntil(NEVER)).to.throw(LabError, 'limit');
    expect(clock.now).to.be.most(1000);
    expect(() => new Clock().runUntil(NEVER)).to.throw(LabError, 'limit');
  });

  it('names a timer that arms itself for the same instant without end', () => {
    const clock = new Clock();
    const each = clock.timer('dmac.stuck', () => each.armAfter(0));
    each.armAfter(3);
    expect(() => clock.runUntil(10)).to.throw(LabError, 'dmac.stuck');
  });

  it('does not take events for a standstill while something else moves the time', () => {
    const clock = new Clock();
    const timer = clock.timer('eager', () => undefined);
    for (let i = 0; i < 1_000_100; i++) {
      timer.armAfter(0);
      clock.runUntil(clock.now + 1);
    }
    expect(clock.now).to.equal(1_000_100);
  });
});
