import { expect } from 'chai';
import { KernelOops } from '../../../kernel-api/oops';
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
import { cond_resched, msleep, udelay } from '../../../kernel-api/sched/delay';
import { jiffies, TICK_NSEC } from '../../../kernel-api/sched/jiffies';
import { Mutex, mutex_lock, mutex_trylock, mutex_unlock } from '../../../kernel-api/sched/mutex';
import {
  SpinLock,
  spin_lock,
  spin_lock_irqsave,
  spin_trylock,
  spin_unlock,
  spin_unlock_irqrestore,
} from '../../../kernel-api/sched/spinlock';
import {
  wait_event,
  wait_event_timeout,
  WaitQueueHead,
  wake_up,
  waitqueue_active,
} from '../../../kernel-api/sched/wait-queue';
import { atInterrupt, makeRunningKernel } from '../../support/running-kernel';

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
