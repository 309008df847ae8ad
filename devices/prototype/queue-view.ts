import type { CompletionStart, Format, WalkStart } from '../../base/descriptor';
import { u64ToBigInt } from '../../base/u64';
import type { DescribedQueue, QueuePlace } from '../../emulator/described-queue';
import type { Follower } from './follow/follower';
import { COUNT_MODULUS } from './follow/ring-follower';
import type { PrototypeParameters } from './options';
import type { QueueRegisters } from './queue-registers';
import { RUN, type RequestRun } from './request-run';
import type { QueueSetup } from './setup';

/** What a view looks at. */
export interface QueueParts {
  readonly format: Format;
  readonly parameters: PrototypeParameters;
  readonly registers: QueueRegisters;
  readonly setup: QueueSetup;
  readonly follower: Follower;
  readonly run: RequestRun;
}

/** A queue as whoever watches descriptors sees it. */
export class QueueView implements DescribedQueue {
  readonly name: string;
  readonly format: Format;
  /** Doorbells, and the times that it was enabled, since power-on. */
  rings = 0;
  sessions = 0;
  running = false;
  /** Entries or heads that were completed since it was enabled. */
  done = 0;
  private ringsBefore = 0;
  private readonly countsHeads: boolean;
  private readonly parts: QueueParts;

  constructor(index: number, parts: QueueParts) {
    this.name = `queue ${index}`;
    this.format = parts.format;
    this.countsHeads = parts.format.follow.kind === 'heads';
    this.parts = parts;
  }

  /** It begins afresh. */
  began(): void {
    this.sessions++;
    this.ringsBefore = this.rings;
    this.running = true;
    this.done = 0;
  }

  /** A request of so many entries has ended. */
  completed(entries: number): void {
    this.done += this.countsHeads ? 1 : entries;
  }

  place(): QueuePlace | undefined {
    if (!this.running) return undefined;
    const { registers, setup } = this.parts;
    const ring = this.format.follow.kind === 'ring';
    if ((ring || this.format.follow.kind === 'heads') && setup.size < 1) return undefined;
    const begin = this.begin();
    const given = ring && this.format.ownership.kind === 'indices' ? this.givenInRing() : undefined;
    return {
      session: this.sessions,
      begin,
      pending: this.pending(begin, given),
      done: this.done,
      given,
      rung: u64ToBigInt(registers.doorbell.lo, registers.doorbell.hi),
      completions: this.completions(),
    };
  }

  private begin(): WalkStart {
    const { setup, parameters } = this.parts;
    const { kind } = this.format.follow;
    const common = {
      at: setup.base.bigint,
      moves: setup.toMemory ? 'to-memory' : 'from-memory',
      parameters: parameters.parameters,
      most: parameters.maxLength,
    } as const;
    if (kind === 'linked') return { ...common, phase: setup.phase === 1 ? 1 : 0 };
    const { size, index } = setup;
    if (kind === 'heads') return { ...common, entries: size, from: index, heads: setup.heads.bigint };
    return { ...common, entries: size, from: index % size, phase: setup.phase === 1 ? 1 : 0 };
  }

  /** Entries that a tail has given since the queue was enabled. */
  private givenInRing(): number {
    const { setup, registers, follower } = this.parts;
    const modulus = setup.counting ? COUNT_MODULUS : setup.size;
    const ahead = (follower.tailIndex - registers.index.lo) % modulus;
    return this.done + (ahead < 0 ? ahead + modulus : ahead);
  }

  private pending(begin: WalkStart, given: number | undefined): WalkStart | undefined {
    const { done } = this;
    const { follow } = this.format;
    if (follow.kind === 'heads') return { ...begin, from: this.parts.registers.index.lo };
    if (follow.kind === 'linked') return this.pendingList(begin, follow.end === 'tail');
    const { entries = 1, from = 0, phase = 1 } = begin;
    const position = from + done;
    const lap = Math.floor(position / entries) & 1;
    return {
      ...begin,
      begun: this.parts.run.inFrame,
      from: position % entries,
      ...(this.format.jumps ? this.oldest() : { phase: phase === lap ? 0 : 1 }),
      ...(given === undefined ? {} : { count: given - done }),
    };
  }

  /** Where in a ring in pieces the oldest entry is that has not been completed, and its phase. */
  private oldest(): { readonly at: bigint; readonly phase: 0 | 1 } {
    const { run, follower } = this.parts;
    const { fifo } = follower;
    const { head } = fifo;
    const begun = run.state !== RUN.NONE;
    const phase = begun ? run.end.extra : fifo.count > 0 ? fifo.extra[head]! : follower.nextPhase;
    return { at: this.oldestAt() ?? 0n, phase: phase === 1 ? 1 : 0 };
  }

  private oldestAt(): bigint | undefined {
    const { run, follower } = this.parts;
    const { fifo } = follower;
    if (run.state !== RUN.NONE) return placeBits(run.end.page, run.end.offset);
    return fifo.count > 0 ? placeBits(fifo.page[fifo.head]!, fifo.offset[fifo.head]!) : follower.listAt;
  }

  /** From the request that is under way; if there is none, from the entry that is fetched next, or that ended the list. */
  private pendingList(begin: WalkStart, hasTail: boolean): WalkStart | undefined {
    if (this.rings === this.ringsBefore) return undefined;
    const { run, follower } = this.parts;
    const first = this.oldestAt();
    if (first === undefined) return undefined;
    const tail = follower.listTail;
    return { ...begin, begun: run.inFrame, at: first, ...(hasTail ? { tail: tail ?? first } : {}) };
  }

  private completions(): CompletionStart | undefined {
    const { setup, registers, parameters } = this.parts;
    const { kind } = this.format.completion;
    const common = { at: setup.done.bigint, parameters: parameters.parameters };
    if (kind === 'used-ring') {
      // What software has seen of these, nobody knows: the latest that the ring still has.
      const latest = Math.min(this.done, setup.size);
      const from = registers.doneTail.lo - latest;
      return { ...common, entries: setup.size, from: from < 0 ? from + COUNT_MODULUS : from };
    }
    if (kind !== 'queue' || setup.doneSize < 1) return undefined;
    const from = registers.doneHead.lo % setup.doneSize;
    return { ...common, entries: setup.doneSize, from, requests: setup.size, phase: this.phaseAt(from) };
  }

  /** The phase of the lap in which software reads completions, one behind that of the engine if that has wrapped since. */
  private phaseAt(head: number): 0 | 1 {
    const { setup, registers } = this.parts;
    const laps =
      Math.floor((setup.doneTail + registers.requests.lo) / setup.doneSize) - (head > registers.doneTail.lo ? 1 : 0);
    return ((setup.donePhase + laps) & 1) === 1 ? 1 : 0;
  }
}

const placeBits = (page: number, offset: number): bigint => (BigInt(page) << 12n) + BigInt(offset);
