import { BUS_OK } from '../../../base/bus-outcome';
import type { Trace } from '../../../base/trace';
import { u64, u64ToBigInt } from '../../../base/u64';
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
import type { Command, CommandExecutor } from './command-executor';
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
  private readonly command: Command = { lo: 0, hi: 0, lo1: 0, hi1: 0 };
  private readonly word = u64();
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

  /** Chooses the next batch; returns how long it takes. */
  private planBatch(): number {
    const { ring } = this;
    const tail = this.tail.lo;
    let time = 0;
    this.batch = 0;
    for (let index = this.head.lo; index !== tail && this.batch < this.batchLimit; index = ring.after(index)) {
      const word = this.bus.load32(ring.addressOf(index));
      const isFence = word >= 0 && opcodeOf(word) === OPCODE_IOFENCE;
      time += isFence ? this.timing.fence : this.timing.command;
      this.batch++;
      if (isFence || word < 0) break;
    }
    return time;
  }

  private run(): void {
    for (let count = 0; count < this.batch && this.running && this.head.lo !== this.tail.lo; count++) this.step();
    this.schedule();
  }

  /** Fetches and executes the command at the head. All bits of `cqcsr` that can come of it but `fence_w_ip` stop the queue. */
  private step(): void {
    const fetched = this.fetch(this.ring.addressOf(this.head.lo));
    const bit = fetched ? this.executor.execute(this.command) : QCSR_MEMORY_FAULT;
    if ((bit & STOPPING) === 0) {
      this.head.set(this.ring.after(this.head.lo));
      if (this.trace.active) this.emit();
    }
    if (bit === 0) return;
    this.csr.set(this.csr.lo | bit);
    this.interrupts.refresh();
  }

  private fetch(address: number): boolean {
    const { bus, command, word } = this;
    if (bus.load64(address, word) !== BUS_OK) return false;
    command.lo = word.lo;
    command.hi = word.hi;
    if (bus.load64(address + 8, word) !== BUS_OK) return false;
    command.lo1 = word.lo;
    command.hi1 = word.hi;
    return true;
  }

  private emit(): void {
    const { lo, hi, lo1, hi1 } = this.command;
    this.trace.emit({
      type: 'iommu-command',
      opcode: opcodeOf(lo),
      func3: func3Of(lo),
      word0: u64ToBigInt(lo, hi),
      word1: u64ToBigInt(lo1, hi1),
    });
  }

  /** Forgets what is under way. The registers are reset by their block. */
  reset(): void {
    this.timer.cancel();
    this.control.reset();
  }
}
