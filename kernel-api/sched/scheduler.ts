import { LabError } from '../../base/errors';
import type { Kernel } from '../kernel';
import { KernelOops } from '../oops';
import { InterruptContext } from './interrupt-context';
import { RunQueue } from './run-queue';
import { Task, type TaskBody } from './task';
import { TimerQueue } from './timer-queue';
import { WorkqueueStruct } from './workqueue';

/**
 * Simulated cost of switching to a task. Without one, two tasks that only wake each other would stop time, and no limit of
 * simulated time could end them.
 */
const SWITCH_NANOSECONDS = 500;
/**
 * How often tasks get a turn after the main one has ended. Enough for what is being finished; a task that always gives way and
 * is ready again at once (the thread of an interrupt that never ends) would go on for ever.
 */
const TURNS_AFTER_MAIN = 1000;

/**
 * The tasks of the kernel and the loop that runs them. There is one CPU and no preemption: a task runs until it waits.
 *
 * A task is async code, and a wait is a promise that only the scheduler resolves. After resuming a task the loop gives the
 * host one turn, in which everything that the task can do without waiting on the kernel is done. A task that is then neither
 * blocked nor ended awaits something that is no part of the machine.
 */
export class Scheduler {
  /** The task that is executing (or was interrupted); null in the idle loop and outside of `run`. */
  current: Task | null = null;
  /** Interrupt and softirq state of the CPU. */
  readonly context: InterruptContext;
  /** Sleepers, timeouts, kernel timers. */
  readonly timers: TimerQueue;
  /** Where `schedule_work` puts its items (`system_wq`). */
  readonly systemWorkqueue: WorkqueueStruct;
  private readonly kernel: Kernel;
  private readonly alive = new Set<Task>();
  private readonly runQueue = new RunQueue();
  private running = false;
  private lastPid = 0;
  private failure: { readonly error: unknown } | null = null;
  private readonly onTimeout = (task: Task): void => {
    task.timedOut = true;
    this.wake(task);
  };

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.context = new InterruptContext(kernel);
    this.timers = new TimerQueue(kernel.cpu);
    this.systemWorkqueue = new WorkqueueStruct(kernel, 'events');
  }

  /** Nothing to do: the trap handlers are installed with the interrupt subsystem. */
  init(): void {}

  /** The tasks that have not ended, oldest first. After `run` these are leaked. */
  get tasks(): readonly Task[] {
    return [...this.alive];
  }

  /**
   * Makes a task; it runs when its turn comes. Without memory for a stack it has none of its own: whoever can report that
   * asks `allocStack` first.
   */
  spawn(name: string, body: TaskBody, stack = this.kernel.mm.allocStack()): Task {
    const task = new Task(++this.lastPid, name, body, this.onTimeout);
    task.stack = stack;
    task.device = this.context.inInterrupt ? null : (this.current?.device ?? null);
    this.alive.add(task);
    this.runQueue.push(task);
    if (this.kernel.trace.active) this.kernel.trace.emit({ type: 'task-start', task: name });
    return task;
  }

  /**
   * Runs the machine until `main` has ended, then lets tasks that are ready finish what they can without time passing for
   * idling, within a limit. Rejects with what `main` or any other task throws, and with a `LabError` when a task awaits
   * something foreign or when every task waits for what cannot happen. Tasks left over are in `tasks`.
   */
  async run<T>(main: () => T | Promise<T>): Promise<T> {
    if (this.running) throw new LabError('the scheduler is running already: `run` cannot be called inside of itself');
    this.running = true;
    let result: { readonly value: T } | undefined;
    try {
      const mainTask = this.spawn('main', async () => {
        result = { value: await main() };
      });
      const { hostTurn } = this.kernel.options;
      let turns = TURNS_AFTER_MAIN;
      while (mainTask.state !== 'ended' || (!this.runQueue.isEmpty && turns-- > 0)) {
        const task = this.runQueue.shift();
        if (task === undefined) {
          this.idle();
          continue;
        }
        this.kernel.cpu.elapse(SWITCH_NANOSECONDS);
        this.switchTo(task);
        await hostTurn();
        this.switchFrom(task);
      }
    } finally {
      this.running = false;
      this.current = null;
      this.failure = null;
    }
    return result!.value;
  }

  /**
   * Puts the current task to sleep until `wake`. `what` completes the sentence "waits for …". Warns in atomic context.
   * Throws at once where there is no task to put to sleep.
   */
  block(what: string): Promise<void> {
    this.mightSleep('schedule');
    return this.sleep(what);
  }

  /** As `block`, with a limit in absolute nanoseconds; the task's `timedOut` tells whether that ended the wait. */
  blockUntil(what: string, deadline: number): Promise<void> {
    this.mightSleep('schedule');
    return this.sleepUntil(what, deadline);
  }

  /** `block` for primitives that have checked the context already. */
  sleep(what: string): Promise<void> {
    const task = this.sleeper(what);
    task.state = 'blocked';
    task.waitingFor = what;
    if (this.kernel.trace.active) this.kernel.trace.emit({ type: 'task-sleep', task: task.name });
    return new Promise(task.captureResume);
  }

  /** `blockUntil` for primitives that have checked the context already. */
  sleepUntil(what: string, deadline: number): Promise<void> {
    const task = this.sleeper(what);
    task.timedOut = false;
    if (deadline !== Infinity) this.timers.add(task.timeout, deadline);
    return this.sleep(what);
  }

  private sleeper(what: string): Task {
    const task = this.current;
    if (this.context.inInterrupt) throw new KernelOops(`scheduling in an interrupt: a handler waits for ${what}`);
    if (task === null) throw new LabError(`nothing outside of a task can wait for ${what}: call it inside of \`run\``);
    if (task.state !== 'running') {
      throw new LabError(
        `task '${task.name}' waits for ${what} while it still waits for ${task.waitingFor}: is an \`await\` missing?`,
      );
    }
    return task;
  }

  /** Makes a sleeping task ready to run. From any context; false if it was not asleep. */
  wake(task: Task): boolean {
    if (task.state !== 'blocked') return false;
    this.timers.remove(task.timeout);
    task.state = 'runnable';
    task.waitingFor = '';
    this.runQueue.push(task);
    if (this.kernel.trace.active) this.kernel.trace.emit({ type: 'task-wake', task: task.name });
    return true;
  }

  /** Lets every other task that is ready run first (`schedule()` of a running task, `cond_resched`). */
  yield(): Promise<void> {
    this.mightSleep('cond_resched');
    const task = this.sleeper('its turn');
    const turn = this.sleep('its turn');
    this.wake(task);
    return turn;
  }

  /** Waits until a task has ended. */
  async join(task: Task): Promise<void> {
    while (task.state !== 'ended') {
      if (this.current !== null) task.joiners.push(this.current);
      await this.block(`the end of task '${task.name}'`);
    }
  }

  /** Whether sleeping is forbidden right now. */
  get inAtomic(): boolean {
    return this.context.inInterrupt || (this.current?.preemptCount ?? 0) > 0 || this.context.bottomHalvesDisabled;
  }

  /** `might_sleep()`: warns where sleeping is forbidden. */
  mightSleep(where: string): void {
    if (!this.inAtomic && this.kernel.cpu.interruptsEnabled) return;
    const { context, current } = this;
    const why = context.inHardirq
      ? 'in a hard interrupt'
      : context.inInterrupt
        ? 'in a softirq'
        : !this.inAtomic
          ? 'interrupts are off'
          : context.bottomHalvesDisabled
            ? 'bottom halves are off'
            : `${current?.preemptCount ?? 0} lock(s) held`;
    this.kernel.warn(
      where,
      `BUG: sleeping function called from invalid context: task '${current?.name ?? 'none'}', ${why}`,
    );
  }

  private switchTo(task: Task): void {
    this.current = task;
    task.state = 'running';
    if (task.resume === null) {
      task.resume = ignore;
      this.start(task);
    } else {
      task.resume();
    }
  }

  private start(task: Task): void {
    const end = (): void => {
      if (task.state === 'blocked') fail(missingAwait(task));
      else this.end(task);
    };
    const fail = (error: unknown): void => {
      task.error = error;
      this.failure ??= { error };
      this.end(task);
    };
    try {
      const result = task.body();
      if (result === undefined) end();
      else result.then(end, fail);
    } catch (error) {
      fail(error);
    }
  }

  private switchFrom(task: Task): void {
    this.current = null;
    const { failure } = this;
    if (failure !== null) {
      this.failure = null;
      throw failure.error;
    }
    if (task.state === 'running') {
      throw new LabError(
        `task '${task.name}' awaits something that is no part of the machine (a host timer, a file, a promise of its own): ` +
          'a task may wait only with the functions of the kernel',
      );
    }
    if (!this.kernel.cpu.interruptsEnabled) this.kernel.cpu.setInterruptsEnabled(true);
  }

  private end(task: Task): void {
    if (task.state === 'ended') return;
    if (task.preemptCount > 0 && task.error === undefined) {
      this.kernel.warn('do_exit', `task '${task.name}' ends with ${task.preemptCount} lock(s) held`);
    }
    this.timers.remove(task.timeout);
    task.state = 'ended';
    task.waitingFor = '';
    this.alive.delete(task);
    if (task.stack !== null) this.kernel.mm.freeStack(task.stack);
    task.stack = null;
    if (this.kernel.trace.active) this.kernel.trace.emit({ type: 'task-end', task: task.name });
    for (const joiner of task.joiners.splice(0)) this.wake(joiner);
  }

  private idle(): void {
    try {
      if (this.kernel.cpu.waitForInterrupt()) return;
    } catch (error) {
      throw error instanceof LabError ? new LabError(`${error.message}; ${this.describeWaits()}`, error.place) : error;
    }
    throw new LabError(`nothing can happen any more, and not everything has ended: ${this.describeWaits()}`);
  }

  private describeWaits(): string {
    const waits = this.tasks.map((task) => `task '${task.name}' waits for ${task.waitingFor || 'its turn'}`);
    return waits.length === 0 ? 'no task is left' : waits.join(', ');
  }
}

const ignore = (): void => undefined;

const missingAwait = (task: Task): LabError =>
  new LabError(`task '${task.name}' ended while it still waits for ${task.waitingFor}: is an \`await\` missing?`);
