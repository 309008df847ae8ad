import type { Format } from '../../base/descriptor';
import type { DescribesQueues } from '../../emulator/described-queue';
import type { Device, DeviceHost } from '../../emulator/device';
import type { InterruptLine } from '../../emulator/interrupts/interrupt-line';
import type { Register } from '../../emulator/registers/register';
import { RegisterBlock } from '../../emulator/registers/register-block';
import { Arbiter } from './arbiter';
import { DoneEnd } from './complete/done-end';
import { Engine } from './engine';
import { QueueInterrupts } from './interrupts';
import { prototypeParameters, type PrototypeOptions, type PrototypeParameters } from './options';
import { compilePlan, type Plan } from './plan/plan';
import { Queue } from './queue';
import { queueRegisters } from './queue-registers';
import type { QueueView } from './queue-view';
import { CONTROL, prototypeBlock, Q_CONTROL, type PrototypeBlockSpec } from './spec';
import { QueueStatistics } from './statistics';
import { StreamPort } from './stream/stream-port';

/** FNV-1a, 32 bits, of a name in ASCII: what `FORMAT` reads. */
export const formatCode = (name: string): number => {
  let code = 0x811c_9dc5;
  for (let i = 0; i < name.length; i++) code = Math.imul(code ^ name.charCodeAt(i), 0x0100_0193) >>> 0;
  return code;
};

/** Registers that describe a queue: they keep still while it runs. */
const GUARDED = [
  'Q_CONFIG',
  'Q_SIZE',
  'Q_BASE',
  'Q_HEADS',
  'Q_DONE',
  'Q_DONE_SIZE',
  'Q_INDEX',
  'Q_DONE_TAIL',
  'Q_DONE_QUEUE',
] as const;

/**
 * A bus master that works by any declared descriptor format.
 *
 * This class is its register side: it turns what software writes into requests to the queues and to the engine that runs them.
 * All of its accesses to memory go through the device port.
 */
export class PrototypeEngine implements Device, DescribesQueues {
  readonly name: string;
  readonly mmio: readonly [RegisterBlock<PrototypeBlockSpec>];
  readonly interruptCount: number;
  readonly busMaster = true;
  readonly parameters: PrototypeParameters;
  readonly format: Format;

  private readonly block: RegisterBlock<PrototypeBlockSpec>;
  private readonly plan: Plan;
  private readonly control: Register;
  private readonly intStatus: Register;
  private readonly streams: readonly StreamPort[];
  private readonly counters: readonly QueueStatistics[];
  private lines: readonly InterruptLine[] = [];
  private queues: readonly Queue[] = [];
  private engine!: Engine;

  /** @param name the device's name on the board. An option out of range is a `LabError`. */
  constructor(name: string, options: PrototypeOptions) {
    this.name = name;
    this.parameters = prototypeParameters(options);
    this.format = options.format;
    this.plan = compilePlan(this.format, this.parameters.parameters);
    const { queues, interrupts } = this.parameters;
    this.block = new RegisterBlock(prototypeBlock(queues), name);
    this.mmio = [this.block];
    this.interruptCount = interrupts === 'combined' ? 1 : queues;
    this.control = this.block.register('CONTROL');
    this.intStatus = this.block.register('INT_STATUS');
    const kick = (): void => this.engine.kick();
    this.streams = Array.from({ length: queues }, () => new StreamPort(this.parameters, kick));
    this.counters = Array.from({ length: queues }, () => new QueueStatistics());
  }

  /** A queue's far side, for scenarios: packets in and out. */
  stream(queue: number): StreamPort {
    return this.streams[queue]!;
  }

  /** What a queue has done since power-on or reset. */
  statistics(queue: number): Readonly<QueueStatistics> {
    return this.counters[queue]!;
  }

  get describedQueues(): readonly QueueView[] {
    return this.queues.map(({ view }) => view);
  }

  get queueChanges(): number {
    let changes = 0;
    for (const { view } of this.queues) changes += view.rings + view.sessions;
    return changes;
  }

  connect(host: DeviceHost): void {
    const { block, parameters, plan, streams } = this;
    block.connectTrace(host.trace);
    this.lines = host.interrupts;
    const doneEnds: DoneEnd[] = [];
    const queueHost = { doneEnds, device: this.name, trace: host.trace, port: host.dma, plan, parameters, streams };
    this.queues = this.counters.map((statistics, i) => {
      const registers = queueRegisters(block, i);
      const interrupts = new QueueInterrupts(
        host.clock,
        `${this.name}.queue${i}.moderation`,
        {
          status: registers.intStatus,
          enable: registers.intEnable,
          coalesce: registers.coalesce,
          coalesceNs: registers.coalesceNs,
        },
        statistics,
        () => this.updateInterrupts(),
      );
      doneEnds.push(new DoneEnd(registers.doneHead, registers.doneTail, interrupts));
      return new Queue(i, registers, interrupts, statistics, queueHost);
    });
    const arbiter = new Arbiter(this.queues, block.register('ARBITER'));
    this.engine = new Engine(host.clock, this.name, this.queues, arbiter, parameters.startNs, {
      mayMaster: () => (this.control.lo & CONTROL.MASTER) !== 0,
      reset: () => this.resetState(),
    });
    this.hookCommonRegisters();
    this.hookQueueRegisters();
    this.resetState();
  }

  reset(): void {
    this.engine.reset();
    this.resetState();
  }

  private resetState(): void {
    const { block, parameters } = this;
    for (const queue of this.queues) queue.reset();
    block.reset();
    const capability = block.register('CAPABILITY');
    capability.setField('QUEUES', parameters.queues);
    capability.setField('ENTRY_BYTES', this.format.entry.size);
    capability.setField('PER_QUEUE_INT', parameters.interrupts === 'per-queue' ? 1 : 0);
    block.register('FORMAT').lo = formatCode(this.format.name);
    this.updateInterrupts();
  }

  /** Brings `INT_STATUS` and the wires up to date. */
  private updateInterrupts(): void {
    let status = 0;
    for (const { index, interrupts } of this.queues) if (interrupts.pending) status |= 1 << index;
    this.intStatus.lo = status >>> 0;
    const visible = (this.control.lo & CONTROL.INT_EN) === 0 ? 0 : status;
    if (this.parameters.interrupts === 'combined') this.lines[0]!.set(visible !== 0);
    else for (const { index } of this.queues) this.lines[index]!.set((visible & (1 << index)) !== 0);
  }

  private hookCommonRegisters(): void {
    this.block.hook('CONTROL', {
      acceptWrite: (register, lo, _hi, maskLo) => {
        if ((lo & maskLo & CONTROL.RESET) !== 0) {
          register.lo |= CONTROL.RESET;
          this.engine.requestReset();
        }
        const settable = maskLo & (CONTROL.MASTER | CONTROL.INT_EN);
        register.lo = ((register.lo & ~settable) | (lo & settable)) >>> 0;
        this.updateInterrupts();
        this.engine.kick();
        return false;
      },
    });
  }

  private hookQueueRegisters(): void {
    const { block } = this;
    const queueOf = (register: Register): Queue => this.queues[register.index]!;
    for (const name of GUARDED) block.hook(name, { acceptWrite: (register) => !queueOf(register).enabled });
    block.hook('Q_CONTROL', {
      acceptWrite: (register, lo, _hi, maskLo) => {
        if ((maskLo & 0xff) !== 0) this.writeQueueControl(queueOf(register), lo);
        return false;
      },
    });
    block.hook('Q_DOORBELL', {
      afterWrite: (register, _lo, _hi, maskLo) => {
        if (maskLo === 0) return;
        const { lo, hi } = register;
        this.engine.act(() => queueOf(register).ring(lo | 0, hi | 0));
      },
    });
    block.hook('Q_CURRENT', { beforeRead: (register) => queueOf(register).publishCurrent() });
    block.hook('Q_DONE_HEAD', { afterWrite: () => this.engine.kick() });
    for (const name of ['Q_INT_STATUS', 'Q_INT_ENABLE'] as const) {
      block.hook(name, { afterWrite: () => this.updateInterrupts() });
    }
    for (const name of ['Q_STREAM', 'Q_STREAM_SEED', 'Q_STREAM_LENGTH'] as const) {
      block.hook(name, { afterWrite: (register) => this.engine.act(() => queueOf(register).configureStream()) });
    }
  }

  private writeQueueControl(queue: Queue, lo: number): void {
    this.engine.act(() => {
      const enable = (lo & Q_CONTROL.ENABLE) !== 0;
      if (enable && !queue.enabled) queue.enable();
      else if (!enable) queue.disableRequested = queue.enabled;
      queue.pauseRequested = queue.enabled && (lo & Q_CONTROL.PAUSE) !== 0;
      if ((lo & Q_CONTROL.ABORT) !== 0) queue.abortRequested = queue.enabled;
      queue.publish();
    });
  }
}
