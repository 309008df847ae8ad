import { expect } from 'chai';
import fc from 'fast-check';

import { LabError } from '../../../base/errors';
import { KernelOops } from '../../../kernel-api/oops';
import { might_sleep, preempt_disable, preempt_enable } from '../../../kernel-api/sched/atomic';
import { complete, Completion, wait_for_completion } from '../../../kernel-api/sched/completion';
import { cond_resched, msleep, udelay, usleep_range } from '../../../kernel-api/sched/delay';
import { TICK_NSEC } from '../../../kernel-api/sched/jiffies';
import { kthread_run, kthread_should_stop, kthread_stop } from '../../../kernel-api/sched/kthread';
import type { Task } from '../../../kernel-api/sched/task';
import { TimerEntry } from '../../../kernel-api/sched/timer-queue';
import { makeRunningKernel } from '../../support/running-kernel';

const failure = async (run: Promise<unknown>): Promise<Error> => {
  try {
    await run;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
};

describe('scheduler', () => {
  it('runs main to its end and hands over its result', async () => {
    const { sched } = makeRunningKernel();
    expect(await sched.run(async () => 42)).to.equal(42);
    expect(await sched.run(() => 'sync')).to.equal('sync');
    expect(sched.tasks).to.deep.equal([]);
    expect(sched.current).to.equal(null);
  });

  it('runs tasks in the order in which they became ready, one at a time', async () => {
    const { kernel, sched } = makeRunningKernel();
    const order: string[] = [];
    const worker = (name: string) => async (): Promise<void> => {
      for (let round = 0; round < 3; round++) {
        order.push(`${name}${round}`);
        await Promise.resolve();
        expect(sched.current?.name).to.equal(name);
        await cond_resched(kernel);
      }
    };
    await sched.run(async () => {
      const tasks = ['a', 'b', 'c'].map((name) => sched.spawn(name, worker(name)));
      for (const task of tasks) await sched.join(task);
    });
    expect(order.join(' ')).to.equal('a0 b0 c0 a1 b1 c1 a2 b2 c2');
  });

  it('names the task that awaits something foreign', async () => {
    const { sched } = makeRunningKernel();
    const error = await failure(
      sched.run(async () => {
        sched.spawn('reader', () => new Promise<void>(() => undefined));
        await sched.block('the reader');
      }),
    );
    expect(error).to.be.instanceOf(LabError);
    expect(error.message).to.match(/^task 'reader' awaits something that is no part of the machine/);
  });

  it('names every task and what it waits for when nothing can happen any more', async () => {
    const { kernel, sched } = makeRunningKernel();
    const error = await failure(
      sched.run(async () => {
        sched.spawn('reader', () => wait_for_completion(new Completion(kernel, 'the data')));
        await sched.block('a reply');
      }),
    );
    expect(error).to.be.instanceOf(LabError);
    expect(error.message).to.equal(
      "nothing can happen any more, and not everything has ended: task 'main' waits for a reply, task 'reader' waits for the data",
    );
  });

  it('says what tasks wait for when the limit of simulated time ends the run', async () => {
    const { kernel, sched, clock } = makeRunningKernel();
    clock.limit = 10e6;
    const error = await failure(sched.run(() => msleep(kernel, 1000)));
    expect(error).to.be.instanceOf(LabError);
    expect(error.message).to.match(/limit of 10 ms.*; task 'main' waits for 1000 ms to pass$/);
  });

  it('ends two tasks that only wake each other, by the limit of simulated time', async () => {
    const { kernel, sched, clock } = makeRunningKernel();
    clock.limit = 1e6;
    const forever = async (): Promise<void> => {
      for (;;) await cond_resched(kernel);
    };
    sched.spawn('other', forever);
    expect(await failure(sched.run(forever))).to.be.instanceOf(LabError);
  });

  for (const [how, body] of [
    [
      'throws at once',
      () => {
        throw new Error('boom');
      },
    ],
    [
      'rejects',
      async () => {
        await Promise.resolve();
        throw new Error('boom');
      },
    ],
  ] as const) {
    it(`surfaces from run what a task ${how}`, async () => {
      const { sched } = makeRunningKernel();
      const error = await failure(
        sched.run(async () => {
          sched.spawn('bad', body);
          await sched.block('nothing');
        }),
      );
      expect(error.message).to.equal('boom');
      expect(sched.tasks.map(({ name }) => name)).to.deep.equal(['main']);
    });
  }

  it('leaves the tasks that outlive main on the list, and lets ready ones finish', async () => {
    const { sched, kernel } = makeRunningKernel();
    const never = new Completion(kernel, 'never');
    await sched.run(async () => {
      sched.spawn('quick', () => cond_resched(kernel));
      sched.spawn('leak', () => wait_for_completion(never));
    });
    expect(sched.tasks.map(({ name, waitingFor }) => `${name}: ${waitingFor}`)).to.deep.equal(['leak: never']);
    complete(never);
    await sched.run(() => undefined);
    expect(sched.tasks).to.deep.equal([]);
  });

  it('refuses to run inside of itself, and to wait outside of a task', async () => {
    const { sched } = makeRunningKernel();
    expect((await failure(sched.run(() => sched.run(() => 1)))).message).to.match(/running already/);
    expect(() => sched.block('a bus')).to.throw(LabError, 'nothing outside of a task can wait for a bus');
  });

  it('notices a missing await at the next wait', async () => {
    const { kernel, sched } = makeRunningKernel();
    const error = await failure(
      sched.run(async () => {
        void msleep(kernel, 1);
        await msleep(kernel, 2);
      }),
    );
    expect(error.message).to.match(
      /waits for 2 ms to pass while it still waits for 1 ms to pass: is an `await` missing/,
    );
  });

  it('notices a missing await at the end', async () => {
    const { kernel, sched } = makeRunningKernel();
    const error = await failure(sched.run(() => void msleep(kernel, 1)));
    expect(error.message).to.match(/'main' ended while it still waits for 1 ms to pass: is an `await` missing/);
  });

  it('gives each task a stack while it lives', async () => {
    const { kernel, sched } = makeRunningKernel();
    const before = kernel.mm.statistics();
    const stacks = new Set<number>();
    await sched.run(async () => {
      const tasks: Task[] = [];
      for (let i = 0; i < 5; i++) {
        tasks.push(
          sched.spawn(`t${i}`, async () => {
            stacks.add(sched.current!.stack!.base);
            await cond_resched(kernel);
          }),
        );
      }
      for (const task of tasks) await sched.join(task);
      expect(tasks.every((task) => task.stack === null)).to.equal(true);
    });
    expect(stacks.size).to.equal(5);
    expect(kernel.mm.statistics()).to.deep.equal(before);
  });

  it('shows starts, sleeps, wakes and ends on the trace', async () => {
    const running = makeRunningKernel();
    running.record();
    await running.sched.run(() => usleep_range(running.kernel, 5, 10));
    const ofTasks = running.events.map(({ type }) => type).filter((type) => type.startsWith('task-'));
    expect(ofTasks).to.deep.equal(['task-start', 'task-sleep', 'task-wake', 'task-end']);
  });

  describe('time', () => {
    it('wakes sleepers by their deadlines, equal ones in the order of falling asleep', async () => {
      const delays = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 30 });
      await fc.assert(
        fc.asyncProperty(delays, async (list) => {
          const { kernel, sched, cpu } = makeRunningKernel();
          const woken: number[] = [];
          await sched.run(async () => {
            const tasks = list.map((delay, index) =>
              sched.spawn(`s${index}`, async () => {
                const until = delay * 1e6;
                await sched.blockUntil('its time', until);
                expect(cpu.now).to.be.at.least(until);
                woken.push(index);
              }),
            );
            for (const task of tasks) await sched.join(task);
          });
          const expected = list.map((_, index) => index).sort((a, b) => list[a]! - list[b]! || a - b);
          expect(woken).to.deep.equal(expected);
          expect(kernel.warned).to.deep.equal([]);
        }),
        { numRuns: 30 },
      );
    });

    it('msleep never sleeps less than asked, nor two jiffies more', async () => {
      const { kernel, sched, cpu } = makeRunningKernel();
      await sched.run(async () => {
        for (const milliseconds of [0, 1, 3, 4, 5, 8, 19, 20, 21, 100]) {
          udelay(kernel, 777);
          const start = cpu.now;
          await msleep(kernel, milliseconds);
          expect(cpu.now - start).to.be.at.least(milliseconds * 1e6);
          expect(cpu.now - start).to.be.below(milliseconds * 1e6 + 2 * TICK_NSEC + 10_000);
        }
      });
    });

    it('usleep_range stays in its range', async () => {
      const { kernel, sched, cpu } = makeRunningKernel();
      await sched.run(async () => {
        const start = cpu.now;
        await usleep_range(kernel, 100, 200);
        expect(cpu.now - start).to.be.within(100_000, 200_000);
      });
    });
  });

  describe('atomic context', () => {
    it('warns about sleeping with preemption off, and goes on', async () => {
      const { kernel, sched } = makeRunningKernel();
      await sched.run(async () => {
        might_sleep(kernel, 'here');
        expect(kernel.warned).to.deep.equal([]);
        preempt_disable(kernel);
        await usleep_range(kernel, 1, 2);
        preempt_enable(kernel);
        await usleep_range(kernel, 1, 2);
      });
      expect(kernel.warned).to.have.length(1);
      expect(kernel.warned[0]).to.match(
        /^usleep_range: BUG: sleeping function called from invalid context: task 'main'/,
      );
    });

    it('warns about sleeping with interrupts off, and wakes up with them on', async () => {
      const { kernel, sched, cpu } = makeRunningKernel();
      await sched.run(async () => {
        cpu.setInterruptsEnabled(false);
        await usleep_range(kernel, 1, 2);
        expect(cpu.interruptsEnabled).to.equal(true);
      });
      expect(kernel.warned[0]).to.match(/interrupts are off/);
    });

    it('stops a handler that wants to sleep', async () => {
      const { kernel, sched } = makeRunningKernel();
      const error = await failure(
        sched.run(async () => {
          sched.timers.add(new TimerEntry(() => void msleep(kernel, 1)), 5000);
          udelay(kernel, 100);
        }),
      );
      expect(error).to.be.instanceOf(KernelOops);
      expect(sched.context.inInterrupt).to.equal(false);
    });
  });

  describe('kthreads', () => {
    it('stop when asked, with their exit code', async () => {
      const { kernel, sched } = makeRunningKernel();
      await sched.run(async () => {
        const task = kthread_run(
          kernel,
          async () => {
            while (!kthread_should_stop(kernel)) await sched.block('work');
            return 7;
          },
          'worker',
        ) as Task;
        await cond_resched(kernel);
        expect(await kthread_stop(kernel, task)).to.equal(7);
        const unborn = kthread_run(kernel, () => 1, 'unborn') as Task;
        expect(await kthread_stop(kernel, unborn)).to.equal(-4);
      });
    });
  });
});
