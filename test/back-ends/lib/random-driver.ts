import { Prng } from '../../../base/prng';
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../../kernel-api/dma/direction';
import { patternBytes } from '../../../lab/pattern';
import { Borrowed, isWritable, type Findings, type Held } from './borrowed';
import { Calls, type Mistake } from './calls';
import { DIRECTIONS, getLendable, LOAN_KINDS, type LoanKind, type LoanPlan } from './loan';
import type { Bench } from './machines';
import { SharedMemory } from './shared-memory';

const PAGE = 4096;
const LINE = 64;
const AT_ONCE = 4;

/** What a random driver does. */
export interface DriverOptions {
  /** Everything follows from this, and nothing of it from the machine. */
  readonly seed: number;
  readonly steps: number;
  /** What it lends; default everything. */
  readonly kinds?: readonly LoanKind[];
  /** It also has coherent memory. Default true. */
  readonly coherentMemory?: boolean;
  /** Some of its mappings skip their syncs, and it makes these itself. Default true. */
  readonly ownSyncs?: boolean;
  /** It reads nothing that is left over from an earlier transfer: what it lends, it has written before. Default false. */
  readonly tidy?: boolean;
  /** The one mistake that it makes. Default none. */
  readonly mistake?: Mistake;
}

/** What came of it. */
export interface DriverRun extends Findings {
  /** How many calls of each kind it made: where a mistake can be. */
  readonly calls: Calls['counts'];
  /** How much was compared. */
  readonly checks: number;
}

/**
 * A driver that lends memory to its devices, uses it, takes it back and lends it again, in any order that the DMA API allows.
 * Its choices depend on the seed and on who has which bytes, so that it does the same on every machine.
 */
class RandomDriver {
  readonly findings: Findings = { wrong: [], foretold: false };
  readonly calls: Calls;
  checks = 0;
  private readonly bench: Bench;
  private readonly rng: Prng;
  private readonly options: DriverOptions;
  private readonly loans: Borrowed[] = [];
  private readonly shared: SharedMemory[] = [];
  private serial = 0;

  constructor(bench: Bench, options: DriverOptions) {
    this.bench = bench;
    this.options = options;
    this.rng = new Prng(options.seed);
    this.calls = new Calls(options.mistake ?? null);
  }

  run(): void {
    if (this.options.coherentMemory ?? true) {
      const fromPools = this.bench.backEnd.sharesPoolsOnly;
      for (const master of this.bench.masters) {
        this.shared.push(new SharedMemory(master, this.rng, this.findings, fromPools));
      }
    }
    for (let step = 0; step < this.options.steps; step++) this.step();
    for (const loan of [...this.loans]) this.discard(loan);
    for (const shared of this.shared) shared.free();
  }

  private step(): void {
    const { rng, loans, shared } = this;
    const wantsNew = loans.length < AT_ONCE && (loans.length === 0 || rng.oneIn(6));
    if (wantsNew) loans.push(this.acquire());
    else if (shared.length > 0 && rng.oneIn(5)) this.checks += rng.pick(shared).use(++this.serial);
    else this.use(rng.pick(loans));
  }

  private acquire(): Borrowed {
    const { rng, bench } = this;
    const plan = this.plan();
    const dir = rng.pick(DIRECTIONS);
    const master = rng.pick(bench.masters);
    const lendable = getLendable(master.dev, plan, dir);
    if (lendable === null) throw new Error(`no memory for ${JSON.stringify(plan)}`);
    return new Borrowed(lendable, master, {
      calls: this.calls,
      findings: this.findings,
      dir,
      what: `seed ${this.options.seed}, ${plan.kind} ${JSON.stringify(plan.pieces)}${plan.low ? ', low' : ''}`,
      seed: ++this.serial,
      syncsItself: plan.skipSync,
    });
  }

  private plan(): LoanPlan {
    const { rng, options } = this;
    const kind = rng.pick(options.kinds ?? LOAN_KINDS);
    const isList = kind === 'sg' || kind === 'sgtable';
    const count = isList ? rng.between(1, 4) : 1;
    const pieces = Array.from({ length: count }, () => this.piece(kind));
    const canSkip = (options.ownSyncs ?? true) && kind !== 'object' && kind !== 'pages' && kind !== 'noncontiguous';
    return { kind, pieces, low: rng.oneIn(2), skipSync: rng.oneIn(4) && canSkip };
  }

  private piece(kind: LoanKind): LoanPlan['pieces'][number] {
    const { rng } = this;
    const small = kind === 'object' || rng.oneIn(2);
    const length = small ? rng.between(1, 300) : rng.pick([rng.between(300, 9000), PAGE - 1, PAGE, PAGE + 1, 2 * PAGE]);
    const offset = rng.pick([0, 1, LINE, rng.below(PAGE), LINE * rng.below(PAGE / LINE), PAGE - 1]);
    return { offset, length };
  }

  private use(loan: Borrowed): void {
    if (!loan.lent) this.useOwn(loan);
    else if (loan.held.length > 0 && this.rng.oneIn(2)) this.useHeld(loan, this.rng.pick(loan.held));
    else this.useLent(loan);
  }

  private useOwn(loan: Borrowed): void {
    const { rng } = this;
    const { fixedDirection } = loan.lendable;
    if (rng.oneIn(3) || (this.options.tidy ?? false)) this.cpuWrites(loan, 0, loan.length);
    if (rng.oneIn(4)) loan.writeGuards(++this.serial);
    if (rng.oneIn(6)) this.discard(loan);
    else loan.lend(fixedDirection ?? rng.pick(DIRECTIONS));
  }

  private useHeld(loan: Borrowed, held: Held): void {
    const { rng } = this;
    const [from, length] = this.part(held.from, held.length);
    if (rng.oneIn(3)) {
      loan.handOver(held);
    } else if (loan.dir !== DMA_FROM_DEVICE && rng.oneIn(2)) {
      held.written = true;
      this.cpuWrites(loan, from, length);
    } else {
      this.cpuReads(loan, from, length);
    }
  }

  private useLent(loan: Borrowed): void {
    const { rng } = this;
    const action = rng.below(6);
    if (action === 0) this.takeBack(loan);
    else if (action === 1) this.hold(loan);
    else if (action === 2 && this.neighboursMayChange(loan)) loan.writeGuards(++this.serial);
    else this.deviceUses(loan);
  }

  private deviceUses(loan: Borrowed): void {
    const { rng } = this;
    const [from, length] = this.part(0, loan.length);
    if (loan.held.some((held) => held.from < from + length && from < held.from + held.length)) return;
    const writes = loan.dir === DMA_FROM_DEVICE || (loan.dir !== DMA_TO_DEVICE && rng.oneIn(2));
    if (writes) {
      loan.deviceWrites(from, patternBytes(++this.serial, from, length));
      return;
    }
    this.checks++;
    loan.deviceReads(from, length);
  }

  /** What the CPU wrote goes to the device first: taking memory back would undo it. */
  private takeBack(loan: Borrowed): void {
    if (isWritable(loan.dir)) for (const held of loan.held.filter(({ written }) => written)) loan.handOver(held);
    loan.takeBack();
    this.cpuReads(loan, 0, loan.length);
    loan.checkGuards();
  }

  private hold(loan: Borrowed): void {
    const { rng } = this;
    if (loan.held.length === 0 && (!loan.lendable.partialSyncs || rng.oneIn(3))) {
      loan.hold(0, loan.length);
      if (rng.oneIn(2)) this.cpuReads(loan, 0, loan.length);
      return;
    }
    const inLines = isWritable(loan.dir);
    if (!loan.lendable.partialSyncs || (inLines && !loan.canBeSplit())) return;
    let [from, length] = this.part(0, loan.length);
    if (inLines) {
      const end = Math.min(Math.ceil((from + length) / LINE) * LINE, loan.length);
      from -= from % LINE;
      length = end - from;
    }
    if (!loan.held.some((held) => held.from < from + length && from < held.from + held.length)) loan.hold(from, length);
  }

  /**
   * Lines around memory that a device writes to belong to the device as well, unless it snoops or has a copy of its own.
   * This is the only choice that depends on the machine, and it decides about nothing else.
   */
  private neighboursMayChange({ dir, lendable }: Borrowed): boolean {
    const { coherent, bounced } = this.bench.backEnd;
    if (lendable.pieces.some(({ length }) => length === 0)) return true;
    const own = bounced && lendable.fixedDirection === null;
    return coherent || own || dir === DMA_TO_DEVICE;
  }

  private cpuWrites(loan: Borrowed, from: number, length: number): void {
    loan.cpuWrites(from, patternBytes(++this.serial, from, length));
  }

  private cpuReads(loan: Borrowed, from: number, length: number): void {
    this.checks++;
    loan.cpuReads(from, length);
  }

  private part(from: number, length: number): [number, number] {
    const { rng } = this;
    if (rng.oneIn(4)) return [from, length];
    const start = rng.below(length);
    return [from + start, rng.between(1, length - start)];
  }

  private discard(loan: Borrowed): void {
    if (loan.lent) this.takeBack(loan);
    loan.free();
    if (this.loans.includes(loan)) this.loans.splice(this.loans.indexOf(loan), 1);
  }
}

/** Lets a random driver do its work; nothing of it is left behind. */
export const runDriver = (bench: Bench, options: DriverOptions): DriverRun => {
  const driver = new RandomDriver(bench, options);
  driver.run();
  const { wrong, foretold } = driver.findings;
  return { wrong, foretold, calls: driver.calls.counts, checks: driver.checks };
};
