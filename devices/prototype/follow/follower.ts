import type { DescriptorBus } from '../bus';
import { Failure } from '../failure';
import type { PrototypeParameters } from '../options';
import type { Place } from '../place';
import type { MarkAccess } from '../plan/field-access';
import type { Plan } from '../plan/plan';
import type { QueueSetup } from '../setup';
import { ERROR, type ErrorCode } from '../spec';
import { EntryFifo } from './entry-fifo';

const { NONE } = ERROR;

/** What a follower needs. */
export interface FollowerParts {
  readonly plan: Plan;
  readonly parameters: PrototypeParameters;
  readonly bus: DescriptorBus;
  readonly setup: QueueSetup;
}

/**
 * Fetches a queue's entries ahead, in their order, as far as they are the device's and there is room. What it cannot go on
 * with is kept in `failure` until what came before is worked off.
 */
export abstract class Follower {
  readonly fifo: EntryFifo;
  readonly failure = new Failure();
  /** Entries fetched and not yet given back. */
  inFlight = 0;
  /** There may be something to fetch: a doorbell was rung, and nothing has shown the end yet. */
  protected looking = false;
  protected readonly plan: Plan;
  protected readonly bus: DescriptorBus;
  protected readonly setup: QueueSetup;
  protected readonly outstanding: number;
  /** Entries that one bus request can hold. */
  protected readonly burst: number;
  /** Bits that say whose an entry is. Heads are the device's once they are counted, and so is what a tail gives. */
  private readonly ownerMark: MarkAccess | null;
  private readonly phaseMark: MarkAccess | null;
  private readonly usedMark: MarkAccess | null;

  constructor({ plan, parameters, bus, setup }: FollowerParts) {
    const { size, lanes, owner, phase, usedPhase } = plan.entry;
    const { kind } = plan.format.ownership;
    this.ownerMark = kind === 'bit' ? owner : null;
    this.phaseMark = kind === 'phase' ? phase : null;
    this.usedMark = kind === 'phase' ? usedPhase : null;
    this.plan = plan;
    this.bus = bus;
    this.setup = setup;
    this.outstanding = parameters.outstanding;
    this.burst = Math.max(1, Math.min(parameters.prefetch, Math.floor(parameters.burstBytes / size)));
    this.fifo = new EntryFifo(parameters.prefetch, lanes);
  }

  /** The queue was enabled. */
  start(): ErrorCode {
    this.stop();
    return this.begin();
  }

  /** Forgets everything that was fetched. */
  stop(): void {
    this.fifo.clear();
    this.failure.clear();
    this.inFlight = 0;
    this.looking = false;
  }

  /** Nothing more will come before the next doorbell. */
  get resting(): boolean {
    return !this.looking;
  }

  /** Of a ring: the end of what was given, as `Q_INDEX` counts. */
  get tailIndex(): number {
    return 0;
  }

  /** Of lists and rings in pieces: the entry that is fetched next; undefined if there is none. */
  get listAt(): bigint | undefined {
    return undefined;
  }

  /** The entry that software has named as the last one. */
  get listTail(): bigint | undefined {
    return undefined;
  }

  /** Of rings in pieces: the phase in which it is the device's. */
  get nextPhase(): number {
    return 1;
  }

  protected abstract begin(): ErrorCode;
  /** Software rang. */
  abstract ring(lo: number, hi: number): ErrorCode;
  /** `Q_INDEX` after an entry of this index. */
  abstract after(index: number): number;
  /** Fetches what may be fetched now. */
  protected abstract fetchMore(now: number): void;

  pump(now: number): void {
    if (this.looking && this.failure.code === NONE && this.fifo.count < this.fifo.depth) this.fetchMore(now);
  }

  protected owns(base: number, phase: number): boolean {
    const { ownerMark, phaseMark, usedMark } = this;
    const { lanes } = this.fifo;
    if (ownerMark !== null) return ownerMark.is(lanes, base);
    if (phaseMark === null) return true;
    const given = phase === 1;
    return phaseMark.is(lanes, base) === given && (usedMark === null || usedMark.is(lanes, base) !== given);
  }

  /** Answers come in order, as fast as IOMMU and bus let them. */
  protected answerAt(now: number, bytes: number): number {
    return Math.max(now + this.bus.readNs(bytes) + this.bus.walkNs, this.fifo.newestReadyAt);
  }

  protected fail(code: ErrorCode, page: number, offset: number, index: number): void {
    this.failure.set(code, page, offset, index);
    this.looking = false;
  }

  protected failFetch(index: number): void {
    this.failure.setFromBus(ERROR.FETCH, this.bus, index);
    this.looking = false;
  }

  /** Entries of an unfinished chain are kept by who completes them. */
  held: (page: number, offset: number) => boolean = () => false;

  /** Whether an entry is among those that were fetched and not given back: it must not be fetched before that. */
  protected isWorkedOn({ page, offset }: Place): boolean {
    return this.fifo.contains(page, offset) || this.held(page, offset);
  }

  /** Entries that were given back may be fetched again. */
  givenBack(entries: number): void {
    this.inFlight -= entries;
  }
}
