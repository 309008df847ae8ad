import { BUS_OK } from '../../../base/bus-outcome';
import type { Trace } from '../../../base/trace';
import { u64ToBigInt } from '../../../base/u64';
import type { PhysicalBus } from '../../bus/physical-bus';
import type { Clock, Timer } from '../../clock';
import type { Register } from '../../registers/register';
import type { RegisterBlock } from '../../registers/register-block';
import type { InterruptSignals } from '../interrupts';
import type { IommuTiming } from '../options';
import { COMMAND_SIZE, func3Of, OPCODE_IOFENCE, opcodeOf } from '../spec/commands';
import {
  CQCSR_CMD_ILL,
  CQCSR_CMD_TO,
  CQCSR_FENCE_W_IP,
  QCSR_MEMORY_FAULT,
  type IOMMU_REGISTERS,
} from '../spec/registers';
import { COMMAND_WORDS, type CommandExecutor } from './command-executor';
import { QueueControl } from './queue-control';
import { Ring } from './ring';

const STOPPING = QCSR_MEMORY_FAULT | CQCSR_CMD_TO | CQCSR_CMD_ILL;

/**
 * The command queue ("Command-Queue").
 *
 * Commands take simulated time. When there is work, the queue looks ahead over a batch (it ends with the first fence),
 * waits for as long as its commands take, and then fetches and executes them. A command that fails stops the queue with
 * `cqh` at it; clearing the error makes the queue try it again.
 */
export class CommandQueue {
  private readonly bus: PhysicalBus;
  private readonly executor: CommandExecutor;
  private readonly interrupts: InterruptSignals;
  private readonly trace: Trace;
  private readonly timing: IommuTiming;
  private readonly batchLimit: number;
  private readonly control: QueueControl;
  private readonly ring: Ring;
  private readonly csr: Register;
  private readonly head: Register;
  private readonly tail: Register;
  private readonly timer: Timer;
  private readonly fetched: Int32Array;
  /** How many commands the armed timer will execute. */
  private batch = 0;

  constructor(
    block: RegisterBlock<typeof IOMMU_REGISTERS>,
    bus: PhysicalBus,
    executor: CommandExecutor,
    interrupts: InterruptSignals,
    clock: Clock,
    trace: Trace,
    timing: IommuTiming,
    batchLimit: number,
    highPpnBits: number,
  ) {
    this.bus = bus;
    this.executor = executor;
    this.interrupts = interrupts;
    this.trace = trace;
    this.timing = timing;
    this.batchLimit = batchLimit;
    this.fetched = new Int32Array(batchLimit * COMMAND_WORDS);
    this.ring = new Ring(block.register('cqb'), COMMAND_SIZE);
    this.csr = block.register('cqcsr');
    this.head = block.register('cqh');
    this.tail = block.register('cqt');
    this.timer = clock.timer(`${block.name}.commands`, () => this.run());
    const names = {
      base: 'cqb',
      csr: 'cqcsr',
      ownIndex: 'cqh',
      softwareIndex: 'cqt',
      statusBits: STOPPING | CQCSR_FENCE_W_IP,
    } as const;
    const owner = {
      switched: () => this.schedule(),
      controlled: () => {
        this.schedule();
        interrupts.refresh();
      },
      advanced: () => this.schedule(),
    };
    this.control = new QueueControl(block, names, owner, clock, timing.busy, highPpnBits);
  }

  private get running(): boolean {
    return this.control.active && (this.csr.lo & STOPPING) === 0;
  }

  /** Arms the timer if there is work; disarms it if the queue may not work. */
  private schedule(): void {
    if (!this.running) this.timer.cancel();
    else if (!this.timer.armed && this.head.lo !== this.tail.lo) this.timer.armAfter(this.planBatch());
  }

  /** Chooses the next batch; returns how long it takes. One that cannot be read is the last of its batch. */
  private planBatch(): number {
    const { fetched, timing } = this;
    const wanted = Math.min(this.ring.distance(this.head.lo, this.tail.lo), this.batchLimit);
    const count = this.fetch(wanted);
    for (let i = 0; i < count; i++) {
      if (opcodeOf(fetched[i * COMMAND_WORDS]!) !== OPCODE_IOFENCE) continue;
      this.batch = i + 1;
      return i * timing.command + timing.fence;
    }
    this.batch = count < wanted ? count + 1 : count;
    return this.batch * timing.command;
  }

  /** Fetches commands from the head on, as many as are neighbours at a time. Returns how many could be fetched. */
  private fetch(wanted: number): number {
    const { ring, bus, fetched } = this;
    for (let done = 0; done < wanted;) {
      const index = ring.after(this.head.lo, done);
      const count = Math.min(ring.neighbours(index), wanted - done);
      const at = done * COMMAND_WORDS;
      const outcome = bus.readWords(ring.pageOf(index), ring.offsetOf(index), fetched, at, count * COMMAND_WORDS);
      if (outcome !== BUS_OK) return done + this.fetchSingly(done, count);
      done += count;
    }
    return wanted;
  }

  /** One after the other, because not all of them can be fetched. Returns how many could. */
  private fetchSingly(first: number, limit: number): number {
    const { ring, bus, fetched } = this;
    for (let count = 0; count < limit; count++) {
      const index = ring.after(this.head.lo, first + count);
      const at = (first + count) * COMMAND_WORDS;
      const outcome = bus.readWords(ring.pageOf(index), ring.offsetOf(index), fetched, at, COMMAND_WORDS);
      if (outcome !== BUS_OK) return count;
    }
    return limit;
  }

  private run(): void {
    const { head, ring } = this;
    const wanted = this.running ? Math.min(this.batch, ring.distance(head.lo, this.tail.lo)) : 0;
    const count = this.fetch(wanted);
    let bit = 0;
    for (let done = 0; done < count && (bit & STOPPING) === 0; done++) bit = this.step(done * COMMAND_WORDS);
    if (count < wanted && (bit & STOPPING) === 0) this.signal(QCSR_MEMORY_FAULT);
    this.schedule();
  }

  /** Executes the command at the head. All bits of `cqcsr` that can come of it but `fence_w_ip` stop the queue. */
  private step(at: number): number {
    const bit = this.executor.execute(this.fetched, at);
    if ((bit & STOPPING) === 0) {
      this.head.lo = this.ring.after(this.head.lo);
      if (this.trace.active) this.emit(at);
    }
    if (bit !== 0) this.signal(bit);
    return bit;
  }

  private signal(bit: number): void {
    this.csr.set(this.csr.lo | bit);
    this.interrupts.refresh();
  }

  private emit(at: number): void {
    const { fetched } = this;
    const lo = fetched[at]!;
    this.trace.emit({
      type: 'iommu-command',
      opcode: opcodeOf(lo),
      func3: func3Of(lo),
      word0: u64ToBigInt(lo, fetched[at + 1]!),
      word1: u64ToBigInt(fetched[at + 2]!, fetched[at + 3]!),
    });
  }

  /** Forgets what is under way. The registers are reset by their block. */
  reset(): void {
    this.timer.cancel();
    this.control.reset();
  }
}
