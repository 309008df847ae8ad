import type { DescriptorBus } from './bus';
import { UNFINISHED, type Completer } from './complete/completer';
import type { DoneEnd } from './complete/done-end';
import { makeCompleter } from './complete/make-completer';
import { RequestEnd } from './complete/request-end';
import { DataMover } from './data/data-mover';
import type { EntryData } from './data/entry-data';
import { makeEntryData } from './data/make-entry-data';
import { Failure } from './failure';
import type { Follower } from './follow/follower';
import { FrameCheck } from './frame-check';
import type { PrototypeParameters } from './options';
import { MOVES, type Moves } from './plan/entry-plan';
import type { Plan } from './plan/plan';
import { ERROR, type ErrorCode } from './spec';
import type { QueueStatistics } from './statistics';
import type { StreamPort } from './stream/stream-port';
import type { DevicePort } from '../../emulator/bus/device-port';

const { NONE } = ERROR;
const { FROM_MEMORY, TO_MEMORY } = MOVES;

/** Runs, entries and looks at lists in one step at most. Bounds the work of a timer firing. */
const MOST_IN_A_STEP = 64;

/** How far a request is. */
const RUN = {
  /** None has begun. */
  NONE: 0,
  /** An entry's data moves. */
  ENTRY: 1,
  /** It goes on with another entry. */
  NEXT: 2,
  /** It is to be completed. */
  DONE: 3,
} as const;
export { RUN };

/** What a run needs. */
export interface RequestParts {
  readonly plan: Plan;
  readonly parameters: PrototypeParameters;
  readonly port: DevicePort;
  readonly bus: DescriptorBus;
  readonly follower: Follower;
  readonly stream: StreamPort;
  readonly statistics: QueueStatistics;
  readonly queue: number;
  readonly doneEnds: readonly DoneEnd[];
  /** An entry that is no request has been passed. @param index `Q_INDEX` after it */
  readonly passed: (index: number) => void;
}

/**
 * Works off one request after the other: takes its entries, moves their data, completes it. What goes wrong is told in the
 * completion where the format can; else `failure` stays set and nothing more is done.
 */
export class RequestRun {
  state: number = RUN.NONE;
  readonly failure = new Failure();
  /** Nothing can go on: the queue is to halt. */
  broken = false;
  /** The request that ended last: it failed; software wants to be interrupted. */
  failed = false;
  wantsInterrupt = false;
  readonly end = new RequestEnd();
  readonly mover: DataMover;
  readonly completer: Completer;
  protected readonly plan: Plan;
  protected readonly bus: DescriptorBus;
  protected readonly follower: Follower;
  private readonly stream: StreamPort;
  protected readonly statistics: QueueStatistics;
  private readonly data: EntryData;
  private readonly frames: FrameCheck | null;
  private readonly chainLimit: number;
  protected readonly refusesDone: boolean;
  private readonly chunkBytes: number;
  /** Which way data goes where the entries do not say. */
  private otherwise: Moves = MOVES.NOTHING;
  protected entries = 0;
  /** The data of what is left of the request does not move: it has failed, or its packet is over. */
  private skipping = false;
  /** The stream's source is at the beginning of a packet. */
  private atPacketStart = true;
  private sent = false;

  constructor(parts: RequestParts) {
    const { plan, parameters, port, bus, follower, stream, statistics, queue, doneEnds } = parts;
    const { pieces, completion } = plan.format;
    this.plan = plan;
    this.refusesDone = completion.kind === 'in-place' && completion.refusesDone === true;
    this.bus = bus;
    this.follower = follower;
    this.stream = stream;
    this.statistics = statistics;
    this.chunkBytes = parameters.chunkBytes;
    this.mover = new DataMover(port, stream, this.failure, statistics, parameters);
    this.data = makeEntryData(plan, this.mover, bus, parameters, statistics);
    this.completer = makeCompleter(plan, bus, queue, doneEnds);
    this.frames = pieces.kind === 'frame' ? new FrameCheck(plan.entry, pieces.limit) : null;
    this.chainLimit = pieces.kind === 'chain' ? pieces.limit : 0;
  }

  /** Nothing is under way. */
  reset(otherwise: Moves): void {
    this.otherwise = otherwise;
    this.drop();
    this.failure.clear();
    this.broken = false;
    this.atPacketStart = true;
    this.frames?.clear();
  }

  /** Forgets the request that is under way. */
  drop(): void {
    this.state = RUN.NONE;
    this.skipping = false;
    this.entries = 0;
    this.mover.clear();
    this.completer.drop();
    if (this.sent) this.stream.endPacket();
    this.sent = false;
  }

  /** Entries of the request that is under way, or that ended last. */
  get length(): number {
    return this.entries;
  }

  /** Whether the entry under way, or else the next one, goes on with a frame. */
  get inFrame(): boolean {
    return this.frames?.hasBegun(this.state !== RUN.NONE) === true;
  }

  /** Whether the data of the entry under way can go on. */
  get canMove(): boolean {
    const { mover } = this;
    return mover.left === 0 || mover.packetEnded || mover.ready || mover.seesEnd();
  }

  /** Entries of the request that ended last. */
  get requestEntries(): number {
    return this.entries;
  }

  /**
   * Moves data until a request is to be completed, a chunk has moved, or something is not there. An entry ends in the step
   * that moves its last byte. Returns the bytes moved.
   */
  work(now: number): number {
    const { mover, chunkBytes } = this;
    let moved = 0;
    for (let i = 0; i < MOST_IN_A_STEP && this.state !== RUN.DONE && !this.broken; i++) {
      const begun = this.state === RUN.ENTRY;
      if (begun && this.entryIsOver) this.closeEntry();
      else if (moved >= chunkBytes) break;
      else if (!begun) {
        if (!this.follower.fifo.isReady(now)) break;
        this.openEntry();
      } else if (mover.left > 0) {
        const length = this.moveSome(chunkBytes - moved);
        if (length < 0) break;
        moved += length;
      } else this.check(this.data.next());
    }
    return moved;
  }

  private get entryIsOver(): boolean {
    const { mover } = this;
    return mover.packetEnded || (mover.left === 0 && (this.data.over || this.skipping));
  }

  /** Bytes moved; negative if the stream has to be waited for. */
  private moveSome(budget: number): number {
    const { mover, end, failure } = this;
    const { moves, discards } = mover;
    const length = mover.move(budget);
    if (failure.code !== NONE) {
      this.failure.index = this.follower.fifo.index[this.follower.fifo.head]!;
      this.failEntry();
      return 0;
    }
    if (length === 0) return mover.seesEnd() ? 0 : -1;
    end.written += length;
    end.entryBytes += length;
    if (moves === TO_MEMORY) this.noteReceived();
    if (discards) return length;
    if (moves === FROM_MEMORY) this.sent = true;
    else end.toMemory += length;
    return length;
  }

  private noteReceived(): void {
    const { end } = this;
    end.fromStream = true;
    if (this.atPacketStart) end.startsPacket = true;
    this.atPacketStart = false;
  }

  protected openEntry(): void {
    const { end, plan, follower } = this;
    const { fifo } = follower;
    const slot = fifo.head;
    const { base } = fifo;
    end.lastPage = fifo.page[slot]!;
    end.lastOffset = fifo.offset[slot]!;
    if (this.state === RUN.NONE) this.openRequest(slot);
    end.base = base;
    end.entryBytes = 0;
    this.entries++;
    this.statistics.entries++;
    this.state = RUN.ENTRY;
    if (plan.entry.interrupt?.is(fifo.lanes, base) === true) this.wantsInterrupt = true;
    if (this.refusesDone && plan.entry.done!.is(fifo.lanes, base)) this.refuseDone();
    else if (this.skipping) this.mover.clear();
    else this.check(this.frameCode(base) || this.data.begin(fifo.lanes, base, this.otherwise));
  }

  /** It has been completed before, and was not given away again. */
  protected refuseDone(): void {
    this.check(ERROR.OWNER);
    this.broken = true;
  }

  private openRequest(slot: number): void {
    const { end, plan } = this;
    const { fifo } = this.follower;
    end.lanes = fifo.lanes;
    end.page = end.lastPage;
    end.offset = end.lastOffset;
    end.extra = fifo.extra[slot]!;
    end.written = 0;
    end.toMemory = 0;
    end.code = NONE;
    end.fromStream = false;
    end.startsPacket = false;
    end.endsPacket = false;
    this.entries = 0;
    this.skipping = false;
    this.failed = false;
    // Without a mark for it, every request interrupts.
    this.wantsInterrupt = plan.entry.interrupt === null;
  }

  private frameCode(base: number): ErrorCode {
    const { lanes } = this.follower.fifo;
    if (this.frames === null || this.plan.entry.moves(lanes, base, this.otherwise) === TO_MEMORY) return NONE;
    return this.frames.take(lanes, base);
  }

  /** What is wrong with the entry or what it leads to. */
  private check(code: ErrorCode): void {
    if (code === NONE) return;
    const { failure, end } = this;
    const index = this.follower.fifo.index[this.follower.fifo.head]!;
    if (code === ERROR.LIST) failure.setFromBus(code, this.bus, index);
    else failure.set(code, end.lastPage, end.lastOffset, index);
    this.failEntry();
  }

  private failEntry(): void {
    const { failure, mover } = this;
    mover.left = 0;
    this.failed = true;
    this.end.code = failure.code;
    if (this.plan.tellsFailure) this.skipping = true;
    else this.broken = true;
  }

  private closeEntry(): void {
    const { plan, follower, end, mover } = this;
    const { fifo } = follower;
    const { entry } = plan;
    if (mover.packetEnded) this.endReceived();
    const more = this.chainLimit > 0 && entry.more!.is(fifo.lanes, fifo.base);
    if (!more) {
      end.index = follower.after(fifo.index[fifo.head]!);
      if (this.sent && (this.frames === null || entry.last!.is(fifo.lanes, fifo.base))) this.endSent();
      this.state = RUN.DONE;
    } else if (this.entries >= this.chainLimit) {
      this.failure.set(ERROR.TOO_LONG, end.lastPage, end.lastOffset, fifo.index[fifo.head]!);
      this.broken = true;
    } else {
      this.completer.keep(end);
      fifo.pop();
      this.state = RUN.NEXT;
    }
  }

  private endReceived(): void {
    this.mover.packetEnded = false;
    this.end.fromStream = true;
    this.end.endsPacket = true;
    this.atPacketStart = true;
    this.skipping = true;
  }

  private endSent(): void {
    this.sent = false;
    this.stream.endPacket();
  }

  /** Tells of the end. False if that takes another step, or has failed. */
  finish(): boolean {
    const code = this.completer.complete(this.end);
    if (code === UNFINISHED) return false;
    if (code !== NONE) {
      this.failure.setFromBus(code, this.bus, this.follower.fifo.index[this.follower.fifo.head]!);
      this.broken = true;
      return false;
    }
    this.follower.fifo.pop();
    this.follower.givenBack(this.length);
    this.state = RUN.NONE;
    return true;
  }
}
