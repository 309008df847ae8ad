import type { Format } from '../../../base/descriptor';
import { PrototypeEngine, type PrototypeOptions } from '../../../devices/prototype';
import { Clock } from '../../../emulator/clock';
import { FakePort, fakeDeviceHost, RegisterWindow, type FakeDeviceHost } from '../../support/fake-device-host';

/** Register offsets and bits as docs/prototype.md gives them. */
export const REG = {
  ID: 0x00,
  VERSION: 0x04,
  CAPABILITY: 0x08,
  FORMAT: 0x0c,
  CONTROL: 0x10,
  INT_STATUS: 0x14,
  ARBITER: 0x18,
};
export const Q = {
  CONTROL: 0x00,
  STATUS: 0x04,
  CONFIG: 0x08,
  SIZE: 0x0c,
  BASE: 0x10,
  HEADS: 0x18,
  DONE: 0x20,
  DONE_SIZE: 0x28,
  DONE_HEAD: 0x2c,
  DOORBELL: 0x30,
  INDEX: 0x38,
  DONE_TAIL: 0x3c,
  INT_STATUS: 0x40,
  INT_ENABLE: 0x44,
  COALESCE: 0x48,
  COALESCE_NS: 0x4c,
  ERROR: 0x50,
  ERROR_INDEX: 0x54,
  ERROR_ADDRESS: 0x58,
  CURRENT: 0x60,
  REQUESTS: 0x68,
  FAILURES: 0x6c,
  STREAM: 0x70,
  STREAM_SEED: 0x74,
  STREAM_LENGTH: 0x78,
};
export const ENABLE = 1;
export const PAUSE = 2;
export const ABORT = 4;
export const STATUS = { ENABLED: 1, PAUSED: 2, IDLE: 4, HALTED: 8 };
export const INT = { COMPLETE: 1, ERROR: 2, ABORTED: 4, PAUSED: 8, IDLE: 16 };
export const TO_MEMORY = 1;
export const PHASE = 2;
export const DONE_PHASE = 4;
export const COUNTING = 8;
export const EVENTS = 16;
export const EVENT_INDEX = 32;

/** What a queue is set up with. */
export interface QueueOptions {
  readonly base: number | bigint;
  readonly size?: number;
  readonly heads?: number;
  readonly done?: number;
  readonly doneSize?: number;
  readonly config?: number;
  readonly index?: number;
  readonly doneTail?: number;
}

/** An engine on a host without a board, and a driver's hands on it. */
export class Rig {
  readonly host: FakeDeviceHost;
  readonly device: PrototypeEngine;
  readonly regs: RegisterWindow;

  constructor(
    format: Format,
    options: Omit<PrototypeOptions, 'format'> = {},
    port = new FakePort(),
    clock = new Clock(),
  ) {
    const queues = options.queues ?? 4;
    this.host = fakeDeviceHost({ port, clock, interrupts: options.interrupts === 'per-queue' ? queues : 1 });
    this.device = new PrototypeEngine('engine', { format, ...options });
    this.device.connect(this.host);
    this.regs = new RegisterWindow(this.device.mmio[0]);
  }

  get port(): FakePort {
    return this.host.dma;
  }

  get clock(): Clock {
    return this.host.clock;
  }

  at(queue: number, register: number): number {
    return 0x100 + 0x100 * queue + register;
  }

  read(queue: number, register: number): number {
    return this.regs.readl(this.at(queue, register));
  }

  write(queue: number, register: number, value: number): void {
    this.regs.writel(this.at(queue, register), value);
  }

  writeq(queue: number, register: number, value: number | bigint): void {
    this.regs.writeq(this.at(queue, register), BigInt(value));
  }

  /** Everything up to the doorbell. */
  start(queue: number, options: QueueOptions): void {
    this.regs.writel(REG.CONTROL, 6);
    this.write(queue, Q.CONFIG, options.config ?? PHASE | DONE_PHASE);
    this.write(queue, Q.SIZE, options.size ?? 0);
    this.writeq(queue, Q.BASE, options.base);
    this.writeq(queue, Q.HEADS, options.heads ?? 0);
    this.writeq(queue, Q.DONE, options.done ?? 0);
    this.write(queue, Q.DONE_SIZE, options.doneSize ?? 0);
    this.write(queue, Q.INDEX, options.index ?? 0);
    this.write(queue, Q.DONE_TAIL, options.doneTail ?? 0);
    this.write(queue, Q.INT_ENABLE, 0x1f);
    this.write(queue, Q.CONTROL, ENABLE);
  }

  ring(queue: number, value: number | bigint = 0): void {
    this.writeq(queue, Q.DOORBELL, value);
  }

  /** Lets hardware run until nothing is armed, or for so many events. Returns how many there were. */
  run(events = 1_000_000): number {
    let count = 0;
    while (count < events && this.clock.fireNext()) count++;
    return count;
  }
}
