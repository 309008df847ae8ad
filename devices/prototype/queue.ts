import type { Trace } from '../../base/trace';
import type { DevicePort } from '../../emulator/bus/device-port';
import { DescriptorBus, outcomeBits } from './bus';
import type { DoneEnd } from './complete/done-end';
import { EventGate } from './event-gate';
import { descriptorFault, type Failure } from './failure';
import type { Follower } from './follow/follower';
import { makeFollower } from './follow/make-follower';
import type { QueueInterrupts } from './interrupts';
import { JumpingRun } from './jumping-run';
import type { PrototypeParameters } from './options';
import { MOVES } from './plan/entry-plan';
import type { Plan } from './plan/plan';
import { readSetup, type QueueRegisters } from './queue-registers';
import { QueueTrace } from './queue-trace';
import { QueueView } from './queue-view';
import { RequestRun, RUN } from './request-run';
import { QueueSetup } from './setup';
import { ERROR, Q_CONTROL, Q_INT, Q_STATUS, type ErrorCode } from './spec';
import type { QueueStatistics } from './statistics';
import type { StreamPort } from './stream/stream-port';
import { StallClock, WAIT } from './stall-clock';

const { NONE } = ERROR;
const { ENTRY, NEXT, DONE } = RUN;
const { NOTHING, FETCH, STREAM } = WAIT;

/** What a queue needs from the engine. */
export interface QueueHost {
  readonly device: string;
  readonly trace: Trace;
  readonly port: DevicePort;
  readonly plan: Plan;
  readonly parameters: PrototypeParameters;
  readonly streams: readonly StreamPort[];
  /** The completion queues of all queues. */
  readonly doneEnds: readonly DoneEnd[];
}

/**
 * One queue. It works in steps: `step` does a bounded piece of work and says how long that takes; `retire`, called when that
 * time is over, completes what has ended. What software asks for takes effect between steps.
 */
export class Queue {
  readonly index: number;
  readonly statistics: QueueStatistics;
  readonly stream: StreamPort;
  readonly interrupts: QueueInterrupts;
  readonly view: QueueView;
  enabled = false;
  /** It has nothing to do until the next doorbell. */
  idle = true;
  priority = 0;
  weight = 1;
  /** While it waits for an answer: when that comes. Infinity otherwise. */
  wakeAt = Infinity;
  /** Software asked for these; they take effect between steps. */
  abortRequested = false;
  disableRequested = false;
  pauseRequested = false;

  private readonly registers: QueueRegisters;
  private readonly host: QueueHost;
  private readonly setup = new QueueSetup();
  private readonly bus: DescriptorBus;
  private readonly follower: Follower;
  private readonly run: RequestRun;
  private readonly events: EventGate;
  private readonly teller: QueueTrace;
  /** Where its completions are told, and who is interrupted for them. */
  private doneEnd: DoneEnd;
  private readonly stalls: StallClock;
  private readonly burstBytes: number;
  private paused = false;
  private halted = false;

  constructor(
    index: number,
    registers: QueueRegisters,
    interrupts: QueueInterrupts,
    statistics: QueueStatistics,
    host: QueueHost,
  ) {
    const { parameters, plan, port } = host;
    this.index = index;
    this.registers = registers;
    this.interrupts = interrupts;
    this.statistics = statistics;
    this.host = host;
    this.stream = host.streams[index]!;
    this.burstBytes = parameters.burstBytes;
    this.stalls = new StallClock(statistics);
    this.bus = new DescriptorBus(port, parameters, statistics);
    this.doneEnd = host.doneEnds[index]!;
    this.events = new EventGate(plan, this.bus, this.setup);
    this.teller = new QueueTrace(host, index);
    this.follower = makeFollower({ plan, parameters, bus: this.bus, setup: this.setup });
    const Run = plan.format.jumps ? JumpingRun : RequestRun;
    this.run = new Run({
      plan,
      parameters,
      port,
      bus: this.bus,
      follower: this.follower,
      stream: this.stream,
      statistics,
      queue: index,
      doneEnds: host.doneEnds,
      passed: (indexAfter) => this.passed(indexAfter),
    });
    const { follower, run, setup } = this;
    this.view = new QueueView(index, { format: plan.format, parameters, registers, setup, follower, run });
    follower.held = (page, offset) => run.completer.holds(page, offset);
  }

  /** Power-on state; the registers are reset by their block. */
  reset(): void {
    this.enabled = false;
    this.view.running = false;
    this.halted = false;
    this.clearRequests();
    this.dropWork();
    this.stream.clear();
    this.statistics.clear();
    this.interrupts.reset();
  }

  private clearRequests(): void {
    this.abortRequested = false;
    this.disableRequested = false;
    this.pauseRequested = false;
    this.paused = false;
  }

  private dropWork(): void {
    this.follower.stop();
    this.run.drop();
    this.stalls.stop();
    this.bus.spentNs = 0;
    this.run.mover.walkReads = 0;
    this.wakeAt = Infinity;
    this.idle = true;
  }

  /** Software enables it: it begins afresh, where its registers say. */
  enable(): void {
    const { registers, setup, run } = this;
    readSetup(registers, setup);
    this.doneEnd = this.host.doneEnds[this.sharesCompletions ? setup.doneQueue : this.index] ?? this.doneEnd;
    this.clearRequests();
    this.dropWork();
    this.halted = false;
    this.priority = registers.config.field('PRIORITY');
    this.weight = registers.config.field('WEIGHT') + 1;
    for (const register of [registers.error, registers.errorIndex, registers.errorAddress]) register.set(0);
    for (const register of [registers.current, registers.requests, registers.failures]) register.set(0);
    run.reset(this.otherwise());
    this.enabled = true;
    this.view.began();
    this.teller.tell('enabled', 0);
    const code = this.follower.start() || run.completer.start(setup);
    if (code !== NONE) this.refuse(code);
    this.publish();
  }

  private get sharesCompletions(): boolean {
    return this.host.plan.format.completion.kind === 'queue';
  }

  private otherwise(): typeof MOVES.FROM_MEMORY | typeof MOVES.TO_MEMORY {
    const { moves } = this.host.plan.format;
    const toMemory = moves === 'by-queue' ? this.setup.toMemory : moves === 'to-memory';
    return toMemory ? MOVES.TO_MEMORY : MOVES.FROM_MEMORY;
  }

  /** What its stream registers say. */
  configureStream(): void {
    const { stream, streamSeed, streamLength } = this.registers;
    const peer = stream.field('LOOP') === 1 ? (this.host.streams[stream.field('PEER')] ?? null) : null;
    this.stream.configure(stream.field('PACKETS') === 1, peer, streamSeed.lo, streamLength.lo);
  }

  /** Software rings. */
  ring(lo: number, hi: number): void {
    if (!this.enabled) return;
    this.statistics.doorbells++;
    const code = this.follower.ring(lo, hi);
    if (code === NONE) this.idle = false;
    else this.refuse(code);
    this.view.rings++;
    this.publish();
  }

  /** A register does not make sense. */
  private refuse(code: ErrorCode): void {
    const { failure } = this.run;
    failure.set(code, 0, 0, this.registers.index.lo);
    this.halt(failure);
  }

  /** Whether a step would do something now. Fetches ahead as far as that is possible. */
  poll(now: number): boolean {
    this.wakeAt = Infinity;
    if (!this.enabled || this.paused || this.idle) return false;
    this.follower.pump(now);
    const wait = this.waitsFor(now);
    this.stalls.waitFor(wait, now);
    return wait === NOTHING;
  }

  private waitsFor(now: number): number {
    const { run, follower } = this;
    if (run.state === ENTRY) return run.canMove ? NOTHING : STREAM;
    if (run.state === DONE) {
      return run.completer.hasRoom(this.doneEnd.head.lo) ? NOTHING : WAIT.COMPLETION;
    }
    const { fifo, failure } = follower;
    if (fifo.isReady(now)) return NOTHING;
    if (fifo.count > 0) {
      this.wakeAt = fifo.readyAt[fifo.head]!;
      return FETCH;
    }
    // A failure is told; a chain that waits for an entry of its own is too long.
    if (failure.code !== NONE || !follower.resting) return NOTHING;
    this.rest();
    return WAIT.DOORBELL;
  }

  /** There is nothing more to do. */
  private rest(): void {
    this.idle = true;
    if (this.run.state === NEXT)
      this.teller.descriptor("goes on after it, and the next one is not the engine's", this.run.end);
    this.publish();
    this.teller.tell('idle', 0);
    this.interrupts.raise(Q_INT.IDLE);
  }

  /** One step of work. Returns its duration in nanoseconds. @param warm the data path was at work until now */
  step(now: number, warm: boolean): number {
    const { run, follower, bus, statistics } = this;
    let moved = 0;
    if (run.state === DONE) this.finish();
    else if (run.state === ENTRY || follower.fifo.count > 0) moved = run.work(now);
    else this.reportFetch();
    if (run.broken) this.halt(run.failure);
    const dataNs = this.dataNs(moved, run.mover.walkReads, warm);
    run.mover.walkReads = 0;
    // Whole nanoseconds, as the clock counts.
    const duration = Math.ceil(bus.spentNs + dataNs);
    bus.spentNs = 0;
    statistics.busyNs += duration;
    statistics.dataStallNs += dataNs - moved * bus.nsPerByte;
    return duration;
  }

  /**
   * As fast as the bus, or as answers come with all requests on their way, of which the IOMMU's reads of tables are some more;
   * after a rest the first answer is waited for, and what its translation took.
   */
  private dataNs(bytes: number, walkReads: number, warm: boolean): number {
    if (bytes === 0) return 0;
    const { nsPerByte, requestNs, latencyNs } = this.bus;
    const requests = Math.ceil(bytes / this.burstBytes) + walkReads;
    const transfer = Math.max(bytes * nsPerByte, requests * requestNs);
    return warm ? transfer : transfer + (1 + walkReads) * latencyNs;
  }

  /** Nothing more can be fetched, and what was fetched is worked off. */
  private reportFetch(): void {
    const { run, follower } = this;
    const { failure } = follower;
    if (failure.code === NONE) {
      failure.set(ERROR.TOO_LONG, run.end.lastPage, run.end.lastOffset, this.registers.index.lo);
    }
    run.failure.take(failure);
    run.broken = true;
  }

  /** The time of the last step is over. */
  retire(): void {
    if (!this.enabled || this.abortRequested || this.pauseRequested) return;
    if (this.run.state !== DONE || !this.run.completer.hasRoom(this.doneEnd.head.lo)) return;
    this.finish();
    if (this.run.broken) this.halt(this.run.failure);
  }

  private finish(): void {
    const { run, registers, statistics } = this;
    if (!run.finish()) return;
    this.view.completed(run.length);
    registers.index.lo = run.end.index >>> 0;
    this.doneEnd.tailRegister.lo = run.completer.tail;
    registers.requests.lo = (registers.requests.lo + 1) >>> 0;
    statistics.requests++;
    this.teller.tell('request done', run.end.written);
    if (run.failed) this.tellFailed();
    if (
      run.wantsInterrupt &&
      (!this.events.active || this.events.wants(run.end, run.requestEntries, run.completer.tail))
    )
      this.doneEnd.interrupts.complete();
  }

  /** An entry was passed that is no request. */
  private passed(indexAfter: number): void {
    this.view.completed(1);
    this.registers.index.lo = indexAfter >>> 0;
  }

  private tellFailed(): void {
    const { run, registers, statistics } = this;
    registers.failures.lo = (registers.failures.lo + 1) >>> 0;
    statistics.failures++;
    this.record(run.failure);
    run.failure.clear();
    this.interrupts.raise(Q_INT.ERROR);
  }

  /** `Q_ERROR` keeps what went wrong first. */
  private record(failure: Failure): void {
    const { error, errorIndex, errorAddress } = this.registers;
    const fault = descriptorFault(failure.code);
    if (fault !== undefined) this.teller.descriptor(fault, this.run.end, failure);
    if (error.lo !== 0) return;
    error.lo = failure.code | (outcomeBits(failure.outcome) << 8);
    errorIndex.lo = failure.index >>> 0;
    const { page, offset } = failure.at;
    errorAddress.set(((page << 12) | offset) >>> 0, Math.floor(page / 0x10_0000));
  }

  private halt(failure: Failure): void {
    this.record(failure);
    this.teller.tell('halted', failure.code);
    this.statistics.failures++;
    this.stop();
    this.halted = true;
    this.publish();
    this.interrupts.flush();
    this.interrupts.raise(Q_INT.ERROR);
  }

  /** What software asked for takes effect. Called between steps. */
  obey(now: number, mayMaster: boolean): void {
    if (!this.enabled) return;
    if (this.abortRequested) this.end('aborted');
    else if (this.disableRequested && (this.run.state === RUN.NONE || !mayMaster || !this.poll(now)))
      this.end('disabled');
    else if (this.pauseRequested !== this.paused) this.setPaused();
  }

  private setPaused(): void {
    this.paused = this.pauseRequested;
    this.publish();
    this.teller.tell(this.paused ? 'paused' : 'resumed', 0);
    if (this.paused) this.interrupts.raise(Q_INT.PAUSED);
  }

  private end(what: string): void {
    this.stop();
    this.publish();
    this.teller.tell(what, 0);
    this.interrupts.flush();
    this.interrupts.raise(Q_INT.ABORTED);
  }

  private stop(): void {
    this.enabled = false;
    this.clearRequests();
    this.dropWork();
  }

  /** Brings `Q_CONTROL` and `Q_STATUS` up to date. */
  publish(): void {
    const { control, status } = this.registers;
    this.view.running = this.enabled;
    control.lo =
      (this.enabled && !this.disableRequested ? Q_CONTROL.ENABLE : 0) |
      (this.pauseRequested ? Q_CONTROL.PAUSE : 0) |
      (this.abortRequested ? Q_CONTROL.ABORT : 0);
    status.lo =
      (this.enabled ? Q_STATUS.ENABLED : 0) |
      (this.paused ? Q_STATUS.PAUSED : 0) |
      (this.enabled && this.idle ? Q_STATUS.IDLE : 0) |
      (this.halted ? Q_STATUS.HALTED : 0);
  }

  /** Brings `Q_CURRENT` up to date, for whoever reads it. */
  publishCurrent(): void {
    const { lastPage: page, lastOffset: offset } = this.run.end;
    this.registers.current.set(((page << 12) | offset) >>> 0, Math.floor(page / 0x10_0000));
  }
}
