import { expect } from 'chai';
import fc from 'fast-check';

import { KernelOops } from '../../../kernel-api/oops';
import { local_bh_disable, local_bh_enable } from '../../../kernel-api/sched/atomic';
import {
  complete,
  complete_all,
  Completion,
  completion_done,
  init_completion,
  reinit_completion,
  try_wait_for_completion,
  wait_for_completion,
  wait_for_completion_timeout,
} from '../../../kernel-api/sched/completion';
import { cond_resched, msleep, schedule_timeout, udelay } from '../../../kernel-api/sched/delay';
import { HZ, jiffies, msecs_to_jiffies, TICK_NSEC } from '../../../kernel-api/sched/jiffies';
import { Mutex, mutex_lock, mutex_trylock, mutex_unlock } from '../../../kernel-api/sched/mutex';
import {
  SpinLock,
  spin_lock,
  spin_lock_bh,
  spin_lock_irqsave,
  spin_trylock,
  spin_unlock,
  spin_unlock_bh,
  spin_unlock_irqrestore,
} from '../../../kernel-api/sched/spinlock';
import {
  tasklet_disable,
  tasklet_enable,
  tasklet_kill,
  tasklet_schedule,
  tasklet_setup,
} from '../../../kernel-api/sched/tasklet';
import { mod_timer, timer_delete_sync, timer_setup, timer_shutdown_sync } from '../../../kernel-api/sched/timer';
import { TimerEntry } from '../../../kernel-api/sched/timer-queue';
import {
  wait_event,
  wait_event_timeout,
  WaitQueueHead,
  wake_up,
  waitqueue_active,
} from '../../../kernel-api/sched/wait-queue';
import {
  alloc_workqueue,
  cancel_delayed_work_sync,
  cancel_work_sync,
  DelayedWork,
  flush_work,
  flush_workqueue,
  mod_delayed_work,
  queue_work,
  schedule_delayed_work,
  schedule_work,
  WorkStruct,
  work_pending,
} from '../../../kernel-api/sched/workqueue';
import { makeRunningKernel, type RunningKernel } from '../../support/running-kernel';

/** Has something happen in hard interrupt context, some nanoseconds from now. */
const atInterrupt = ({ sched, cpu }: RunningKernel, delay: number, body: () => void): void =>
  sched.timers.add(new TimerEntry(body), cpu.now + delay);

describe('completion', () => {
  it('lets one wait through per complete, in order', async () => {
    const { kernel, sched } = makeRunningKernel();
    const done = new Completion(kernel);
    const order: number[] = [];
    await sched.run(async () => {
      complete(done);
      expect(completion_done(done)).to.equal(true);
      await wait_for_completion(done);
      expect(completion_done(done)).to.equal(false);
      for (let i = 0; i < 3; i++) {
        sched.spawn(`w${i}`, async () => {
          await wait_for_completion(done);
          order.push(i);
        });
      }
      await cond_resched(kernel);
      complete(done);
      await msleep(kernel, 1);
      expect(order).to.deep.equal([0]);
      complete(done);
      complete(done);
      await msleep(kernel, 1);
      expect(order).to.deep.equal([0, 1, 2]);
      expect(try_wait_for_completion(done)).to.equal(false);
    });
  });

  it('stays open after complete_all until it is reinitialized', async () => {
    const { kernel, sched } = makeRunningKernel();
    const done = new Completion(kernel);
    let through = 0;
    await sched.run(async () => {
      for (let i = 0; i < 3; i++)
        sched.spawn(`w${i}`, () =>
          wait_for_completion(done).then(() => {
            through++;
          }),
        );
      await cond_resched(kernel);
      complete_all(done);
      await wait_for_completion(done);
      await wait_for_completion(done);
      await cond_resched(kernel);
      expect(through).to.equal(3);
      reinit_completion(done);
      expect(await wait_for_completion_timeout(done, 2)).to.equal(0);
      complete(done);
      init_completion(done);
      expect(try_wait_for_completion(done)).to.equal(false);
    });
  });

  it('a waiter whose turn was taken by another goes on waiting', async () => {
    const { kernel, sched } = makeRunningKernel();
    const done = new Completion(kernel);
    let through = false;
    await sched.run(async () => {
      const waiter = sched.spawn('waiter', () => wait_for_completion(done).then(() => void (through = true)));
      await cond_resched(kernel);
      complete(done);
      expect(try_wait_for_completion(done)).to.equal(true);
      await msleep(kernel, 1);
      expect(through).to.equal(false);
      complete(done);
      await sched.join(waiter);
      expect(through).to.equal(true);
    });
  });

  it('with a timeout returns 0 late and what was left in time', async () => {
    const running = makeRunningKernel();
    const { kernel, sched, cpu } = running;
    const done = new Completion(kernel);
    await sched.run(async () => {
      for (const timeout of [1, 2, 25]) {
        const start = cpu.now;
        expect(await wait_for_completion_timeout(done, timeout)).to.equal(0);
        expect(cpu.now - start).to.be.within(timeout * TICK_NSEC, (timeout + 1) * TICK_NSEC + 5000);
        expect(done.waiters).to.have.length(0);
      }
      const now = jiffies(kernel);
      atInterrupt(running, 3 * TICK_NSEC, () => complete(done));
      const left = await wait_for_completion_timeout(done, 100);
      expect(left).to.be.within(96, 98);
      expect(jiffies(kernel) - now).to.be.within(2, 4);
      expect(await wait_for_completion_timeout(done, 0)).to.equal(0);
      complete(done);
      expect(await wait_for_completion_timeout(done, 0)).to.equal(1);
      // The timer of the wait that ended early wakes nobody later.
      await msleep(kernel, 1000);
      expect(await wait_for_completion_timeout(done, 3)).to.equal(0);
    });
  });

  it('completed in an interrupt, wakes a task', async () => {
    const running = makeRunningKernel();
    const done = new Completion(running.kernel);
    await running.sched.run(async () => {
      const start = running.cpu.now;
      atInterrupt(running, 12_345, () => complete(done));
      await wait_for_completion(done);
      expect(running.cpu.now - start).to.be.within(12_345, 14_000);
    });
  });
});

describe('wait queue', () => {
  it('sleeps until the condition holds, however often it is woken', async () => {
    const { kernel, sched } = makeRunningKernel();
    const queue = new WaitQueueHead(kernel, 'the level');
    let level = 0;
    let looks = 0;
    await sched.run(async () => {
      const waiter = sched.spawn('waiter', () => wait_event(queue, () => (looks++, level >= 3)));
      await cond_resched(kernel);
      expect(waitqueue_active(queue)).to.equal(true);
      while (level < 3) {
        level++;
        await cond_resched(kernel);
        wake_up(queue);
      }
      await sched.join(waiter);
      expect(looks).to.equal(3);
      await wait_event(queue, () => true);
    });
  });

  it('with a timeout returns 0, 1 or what was left', async () => {
    const running = makeRunningKernel();
    const { kernel, sched } = running;
    const queue = new WaitQueueHead(kernel);
    let ready = false;
    await sched.run(async () => {
      expect(await wait_event_timeout(queue, () => ready, 3)).to.equal(0);
      expect(waitqueue_active(queue)).to.equal(false);
      const start = jiffies(kernel);
      expect(await wait_event_timeout(queue, () => jiffies(kernel) > start, 1)).to.equal(1);
      atInterrupt(running, 1000, () => {
        ready = true;
        wake_up(queue);
      });
      expect(await wait_event_timeout(queue, () => ready, 50)).to.be.within(49, 50);
    });
  });
});

describe('mutex', () => {
  it('keeps tasks apart and hands over in order', async () => {
    const { kernel, sched } = makeRunningKernel();
    const mutex = new Mutex(kernel, 'the bus');
    const order: string[] = [];
    await sched.run(async () => {
      const tasks = ['a', 'b', 'c'].map((name) =>
        sched.spawn(name, async () => {
          await mutex_lock(mutex);
          order.push(`+${name}`);
          await msleep(kernel, 1);
          order.push(`-${name}`);
          mutex_unlock(mutex);
        }),
      );
      for (const task of tasks) await sched.join(task);
      expect(mutex_trylock(mutex)).to.equal(1);
      expect(mutex_trylock(mutex)).to.equal(0);
      mutex_unlock(mutex);
      mutex_unlock(mutex);
    });
    expect(order.join(' ')).to.equal('+a -a +b -b +c -c');
    expect(kernel.warned).to.deep.equal(['mutex_unlock: the bus is not locked']);
  });

  it('is waited for undisturbed by the timeout of an earlier wait that ended in time', async () => {
    const { kernel, sched } = makeRunningKernel();
    const [mutex, done] = [new Mutex(kernel), new Completion(kernel)];
    await sched.run(async () => {
      const holder = sched.spawn('holder', async () => {
        await mutex_lock(mutex);
        complete(done);
        await msleep(kernel, 500);
        mutex_unlock(mutex);
      });
      expect(await wait_for_completion_timeout(done, 10)).to.be.above(0);
      await mutex_lock(mutex);
      expect(mutex.owner).to.equal(sched.current);
      expect(holder.state).to.equal('ended');
      mutex_unlock(mutex);
    });
    expect(kernel.warned).to.deep.equal([]);
  });

  it('taken twice by one task is a deadlock that names both', async () => {
    const { kernel, sched } = makeRunningKernel();
    const mutex = new Mutex(kernel, 'the bus');
    let message = '';
    await sched
      .run(async () => {
        await mutex_lock(mutex);
        await mutex_lock(mutex);
      })
      .catch((error: unknown) => (message = (error as Error).message));
    expect(message).to.match(/task 'main' waits for the bus, held by task 'main'/);
  });
});

describe('spinlock', () => {
  it('forbids sleeping while it is held', async () => {
    const { kernel, sched, cpu } = makeRunningKernel();
    const lock = new SpinLock(kernel);
    await sched.run(async () => {
      const flags = spin_lock_irqsave(lock);
      expect(cpu.interruptsEnabled).to.equal(false);
      spin_unlock_irqrestore(lock, flags);
      expect(cpu.interruptsEnabled).to.equal(true);
      await msleep(kernel, 1);
      expect(kernel.warned).to.deep.equal([]);
      spin_lock(lock);
      await msleep(kernel, 1);
      spin_unlock(lock);
      await msleep(kernel, 1);
    });
    expect(kernel.warned).to.have.length(1);
    expect(kernel.warned[0]).to.match(/^msleep: BUG: sleeping.*1 lock/);
  });

  it('held across a sleep stops the next locker, naming the holder', async () => {
    const { kernel, sched } = makeRunningKernel();
    const lock = new SpinLock(kernel, 'chan->lock');
    let caught: unknown;
    await sched
      .run(async () => {
        sched.spawn('sleeper', async () => {
          spin_lock(lock);
          await msleep(kernel, 1);
          spin_unlock(lock);
        });
        await cond_resched(kernel);
        expect(spin_trylock(lock)).to.equal(false);
        spin_lock(lock);
      })
      .catch((error: unknown) => (caught = error));
    expect(caught).to.be.instanceOf(KernelOops);
    expect((caught as Error).message).to.equal("deadlock: task 'main' spins on chan->lock, held by sleeper");
  });

  it('warns about a lock that an interrupt takes and others take with interrupts on', async () => {
    const running = makeRunningKernel();
    const { kernel, sched } = running;
    const [careful, careless] = [new SpinLock(kernel, 'careful'), new SpinLock(kernel, 'careless')];
    await sched.run(async () => {
      for (const lock of [careful, careless]) {
        atInterrupt(running, 1000, () => {
          spin_lock(lock);
          spin_unlock(lock);
        });
      }
      udelay(kernel, 10);
      spin_unlock_irqrestore(careful, spin_lock_irqsave(careful));
      spin_lock(careless);
      spin_unlock(careless);
      spin_lock(careless);
      spin_unlock(careless);
    });
    expect(kernel.warned).to.have.length(1);
    expect(kernel.warned[0]).to.match(/careless is taken in a hard interrupt/);
  });

  it('counts unlocks without lock as warnings', async () => {
    const { kernel, sched } = makeRunningKernel();
    await sched.run(() => spin_unlock(new SpinLock(kernel, 'l')));
    expect(kernel.warned).to.deep.equal(['spin_unlock: l is not locked']);
  });
});

describe('softirqs', () => {
  it('a tasklet scheduled in an interrupt runs once, right after it, in softirq context', async () => {
    const running = makeRunningKernel();
    const { kernel, sched } = running;
    const log: string[] = [];
    const tasklet = tasklet_setup(kernel, () => {
      log.push(`tasklet ${sched.context.inInterrupt} ${sched.context.inHardirq}`);
    });
    await sched.run(async () => {
      atInterrupt(running, 1000, () => {
        tasklet_schedule(tasklet);
        tasklet_schedule(tasklet);
        log.push('handler');
      });
      udelay(kernel, 10);
      expect(log).to.deep.equal(['handler', 'tasklet true false']);
    });
  });

  it('scheduled by a task it is run by ksoftirqd, or by an interrupt if that comes first', async () => {
    const running = makeRunningKernel();
    const { kernel, sched } = running;
    let runs = 0;
    const tasklet = tasklet_setup(kernel, () => {
      runs++;
    });
    await sched.run(async () => {
      tasklet_schedule(tasklet);
      expect(runs).to.equal(0);
      await cond_resched(kernel);
      expect(runs).to.equal(1);
      tasklet_schedule(tasklet);
      atInterrupt(running, 1000, () => undefined);
      udelay(kernel, 10);
      expect(runs).to.equal(2);
    });
    expect(sched.tasks).to.deep.equal([]);
  });

  it('is held back by local_bh_disable and tasklet_disable', async () => {
    const running = makeRunningKernel();
    const { kernel, sched } = running;
    let runs = 0;
    const tasklet = tasklet_setup(kernel, () => {
      runs++;
    });
    const lock = new SpinLock(kernel);
    await sched.run(async () => {
      local_bh_disable(kernel);
      spin_lock_bh(lock);
      atInterrupt(running, 1000, () => tasklet_schedule(tasklet));
      udelay(kernel, 10);
      spin_unlock_bh(lock);
      expect(runs).to.equal(0);
      local_bh_enable(kernel);
      expect(runs).to.equal(1);
      tasklet_disable(tasklet);
      tasklet_schedule(tasklet);
      await cond_resched(kernel);
      expect(runs).to.equal(1);
      tasklet_enable(tasklet);
      await cond_resched(kernel);
      expect(runs).to.equal(2);
    });
  });

  it('tasklet_kill runs what was asked for, and nothing afterwards', async () => {
    const running = makeRunningKernel();
    const { kernel, sched } = running;
    let runs = 0;
    const tasklet = tasklet_setup(kernel, () => {
      runs++;
    });
    await sched.run(async () => {
      tasklet_schedule(tasklet);
      tasklet_kill(tasklet);
      expect(runs).to.equal(1);
      await msleep(kernel, 1);
      expect(runs).to.equal(1);
    });
  });

  it('one that schedules itself for ever does not stop the machine', async () => {
    const { kernel, sched } = makeRunningKernel();
    const tasklet = tasklet_setup(kernel, () => tasklet_schedule(tasklet));
    await sched.run(async () => {
      tasklet_schedule(tasklet);
      await msleep(kernel, 1);
      tasklet_disable(tasklet);
      tasklet_kill(tasklet);
    });
  });
});

describe('timer', () => {
  it('fires once, not before its jiffy, in softirq context', async () => {
    const { kernel, sched } = makeRunningKernel();
    const fired: number[] = [];
    const timer = timer_setup(kernel, () => {
      expect(sched.context.inInterrupt).to.equal(true);
      fired.push(jiffies(kernel));
    });
    await sched.run(async () => {
      expect(mod_timer(timer, jiffies(kernel) + 5)).to.equal(false);
      expect(mod_timer(timer, jiffies(kernel) + 10)).to.equal(true);
      await schedule_timeout(kernel, 20);
      expect(fired).to.deep.equal([11]);
      mod_timer(timer, 0);
      await schedule_timeout(kernel, 3);
      expect(fired).to.have.length(2);
      mod_timer(timer, jiffies(kernel) + 1);
      expect(timer_delete_sync(timer)).to.equal(true);
      expect(timer_delete_sync(timer)).to.equal(false);
      await schedule_timeout(kernel, 10);
      timer_shutdown_sync(timer);
      mod_timer(timer, jiffies(kernel));
      await schedule_timeout(kernel, 3);
      expect(fired).to.have.length(2);
    });
  });

  it('agrees with a list of deadlines, whatever is set and deleted', async () => {
    const step = fc.record({ timer: fc.nat(4), act: fc.constantFrom('set', 'delete', 'wait'), delay: fc.nat(12) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { kernel, sched } = makeRunningKernel();
        const fired: string[] = [];
        const model = new Map<number, number>();
        const expected: string[] = [];
        const timers = Array.from({ length: 5 }, (_, i) =>
          timer_setup(kernel, () => fired.push(`${i}@${jiffies(kernel)}`)),
        );
        const modelFires = (until: number): void => {
          const due = [...model].filter(([, at]) => at <= until).sort((a, b) => a[1] - b[1]);
          for (const [index, at] of due) {
            expected.push(`${index}@${at}`);
            model.delete(index);
          }
        };
        await sched.run(async () => {
          for (const { timer, act, delay } of steps) {
            const now = jiffies(kernel);
            modelFires(now);
            if (act === 'set') {
              expect(mod_timer(timers[timer]!, now + delay)).to.equal(model.delete(timer));
              model.set(timer, now + delay + 1);
            } else if (act === 'delete') {
              expect(timer_delete_sync(timers[timer]!)).to.equal(model.delete(timer));
            } else {
              await schedule_timeout(kernel, delay);
            }
          }
          await schedule_timeout(kernel, 20);
          modelFires(jiffies(kernel));
        });
        expect(fired).to.deep.equal(expected);
      }),
      { numRuns: 60 },
    );
  });
});

describe('work queue', () => {
  it('runs items one by one in a task, each queued at most once', async () => {
    const { kernel, sched } = makeRunningKernel();
    const queue = alloc_workqueue(kernel, 'test');
    const log: string[] = [];
    const item = (name: string): WorkStruct =>
      new WorkStruct(kernel, async () => {
        log.push(`+${name} in ${sched.current!.name}`);
        await msleep(kernel, 1);
        log.push(`-${name}`);
      });
    const [a, b] = [item('a'), item('b')];
    await sched.run(async () => {
      expect(queue_work(queue, a)).to.equal(true);
      expect(queue_work(queue, a)).to.equal(false);
      expect(queue_work(queue, b)).to.equal(true);
      await flush_workqueue(queue);
      expect(log).to.deep.equal(['+a in kworker/test', '-a', '+b in kworker/test', '-b']);
      expect(await flush_work(a)).to.equal(false);
    });
    expect(sched.tasks).to.deep.equal([]);
  });

  it('an item can queue itself again while it runs', async () => {
    const { kernel, sched } = makeRunningKernel();
    let runs = 0;
    const work = new WorkStruct(kernel, (self) => {
      if (++runs < 3) schedule_work(self);
    });
    await sched.run(async () => {
      schedule_work(work);
      await flush_work(work);
      expect(runs).to.equal(3);
    });
  });

  it('cancel_work_sync takes it off or waits for its end, and it cannot come back meanwhile', async () => {
    const { kernel, sched } = makeRunningKernel();
    let runs = 0;
    const work = new WorkStruct(kernel, async (self) => {
      await msleep(kernel, 5);
      runs++;
      expect(schedule_work(self)).to.equal(runs !== 1);
    });
    await sched.run(async () => {
      schedule_work(work);
      expect(await cancel_work_sync(work)).to.equal(true);
      expect(runs).to.equal(0);
      schedule_work(work);
      await cond_resched(kernel);
      expect(await cancel_work_sync(work)).to.equal(false);
      expect(runs).to.equal(1);
      await msleep(kernel, 20);
      expect(runs).to.equal(1);
    });
  });

  it('delayed items wait for their time, and can be moved and cancelled', async () => {
    const { kernel, sched } = makeRunningKernel();
    const ran: number[] = [];
    const work = new DelayedWork(kernel, () => void ran.push(jiffies(kernel)));
    await sched.run(async () => {
      expect(schedule_delayed_work(work, 10)).to.equal(true);
      expect(schedule_delayed_work(work, 10)).to.equal(false);
      expect(mod_delayed_work(sched.systemWorkqueue, work, 20)).to.equal(true);
      await schedule_timeout(kernel, 30);
      expect(ran).to.deep.equal([21]);
      schedule_delayed_work(work, 5);
      expect(await cancel_delayed_work_sync(work)).to.equal(true);
      expect(work_pending(work)).to.equal(false);
      await schedule_timeout(kernel, 30);
      expect(ran).to.have.length(1);
    });
  });
});

describe('jiffies', () => {
  it('round up from milliseconds', () => {
    expect([0, 1, 4, 5, 1000].map(msecs_to_jiffies)).to.deep.equal([0, 1, 1, 2, HZ]);
    expect(msecs_to_jiffies(-1)).to.equal(Infinity);
  });
});
