import type { MatrixCase } from '../lab/matrix/axes';
import type { CaseWorker } from './case-worker';
import { HeldOutput } from './held-output';
import type { LoadedScenario } from './loaded-scenario';
import type { Outcome } from './outcome';
import { runOne, type CaseSettings } from './run-one';

/** A case that is to be run. */
export interface Task {
  readonly scenario: LoadedScenario;
  readonly matrixCase: MatrixCase;
}

/** All cases of some scenarios, in order. */
export const tasksOf = (scenarios: readonly LoadedScenario[]): Task[] =>
  scenarios.flatMap((scenario) => scenario.cases.map((matrixCase) => ({ scenario, matrixCase })));

/** A new thread is worth its start if there are as many cases for it. */
const CASES_EACH = 64;

interface Member {
  readonly worker: CaseWorker;
  readonly output: HeldOutput;
}

interface Done {
  readonly outcome: Outcome;
  readonly words: readonly (() => void)[];
}

/**
 * The threads that share the cases of a run. Each takes the next case when it is done with its last, but outcomes, and what
 * scenarios print, are told in the order of the cases, as if there were one thread.
 */
export class Crew {
  private readonly make: (output: HeldOutput, isFirst: boolean) => CaseWorker;
  private readonly jobs: number;
  private readonly members: Member[] = [];

  /**
   * @param jobs how many threads there are at most
   * @param make sets up a thread; the first one is also the one that loads
   */
  constructor(jobs: number, make: (output: HeldOutput, isFirst: boolean) => CaseWorker) {
    this.jobs = jobs;
    this.make = make;
    this.hire();
  }

  /** The thread that loads scenarios. */
  get first(): CaseWorker {
    return this.members[0]!.worker;
  }

  private hire(): void {
    const output = new HeldOutput();
    this.members.push({ output, worker: this.make(output, this.members.length === 0) });
  }

  /** Runs cases, and tells their outcomes in order. */
  async run(tasks: readonly Task[], settings: CaseSettings, tell: (outcome: Outcome) => void): Promise<void> {
    while (this.members.length < Math.min(this.jobs, Math.floor(tasks.length / CASES_EACH))) this.hire();
    const shift = new Shift(tasks, settings, tell);
    await Promise.all(this.members.map((member) => shift.work(member)));
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    await Promise.all(this.members.map(({ worker }) => worker.close()));
  }
}

/** The cases of one call of `run`. */
class Shift {
  private readonly tasks: readonly Task[];
  private readonly settings: CaseSettings;
  private readonly tell: (outcome: Outcome) => void;
  private next = 0;
  private told = 0;
  private readonly running = new Map<number, Member>();
  private readonly done = new Map<number, Done>();

  constructor(tasks: readonly Task[], settings: CaseSettings, tell: (outcome: Outcome) => void) {
    this.tasks = tasks;
    this.settings = settings;
    this.tell = tell;
  }

  async work(member: Member): Promise<void> {
    while (this.next < this.tasks.length) {
      const at = this.next++;
      const { scenario, matrixCase } = this.tasks[at]!;
      this.running.set(at, member);
      if (at !== this.told) member.output.hold();
      const outcome = await runOne(member.worker, scenario, matrixCase, this.settings);
      this.running.delete(at);
      this.done.set(at, { outcome, words: member.output.take() });
      this.tellDone();
    }
  }

  private tellDone(): void {
    for (;;) {
      const done = this.done.get(this.told);
      if (done === undefined) break;
      this.done.delete(this.told++);
      for (const words of done.words) words();
      this.tell(done.outcome);
    }
    this.running.get(this.told)?.output.release();
  }
}
