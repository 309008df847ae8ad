import { expect } from 'chai';
import fc from 'fast-check';
import { local_bh_disable, local_bh_enable } from '../../../kernel-api/sched/atomic';
import { cond_resched, msleep, schedule_timeout, udelay } from '../../../kernel-api/sched/delay';
import { HZ, jiffies, msecs_to_jiffies } from '../../../kernel-api/sched/jiffies';
import { SpinLock, spin_lock_bh, spin_unlock_bh } from '../../../kernel-api/sched/spinlock';
import {
  tasklet_disable,
  tasklet_enable,
  tasklet_kill,
  tasklet_schedule,
  tasklet_setup,
} from '../../../kernel-api/sched/tasklet';
import { mod_timer, timer_delete_sync, timer_setup, timer_shutdown_sync } from '../../../kernel-api/sched/timer';
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
import { atInterrupt, makeRunningKernel } from '../../support/running-kernel';

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
