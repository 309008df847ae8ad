import { PAGE_OFFSET_MASK } from '../../../base/address';
import { BUS_OK, type BusOutcome } from '../../../base/bus-outcome';
import type { U64 } from '../../../base/u64';
import type { MmioTarget } from '../../../emulator/bus/mmio';
import type { Timer } from '../../../emulator/clock';
import type { Device, DeviceHost } from '../../../emulator/device';

/** Registers of the engine, 4 bytes each. */
export const REG_RING_LO = 0x00;
export const REG_RING_HI = 0x04;
export const REG_COUNT = 0x08;
/** 1 runs it, 0 stops it. */
export const REG_CONTROL = 0x0c;
/** 1 while it runs. */
export const REG_STATUS = 0x10;
/** Reads as 1 while an interrupt is pending; a write takes it back. */
export const REG_IRQ = 0x14;

/** Bytes of a descriptor: source, target (64 bits each), length, and the word that is written back. */
export const DESCRIPTOR_BYTES = 32;
const WORDS = DESCRIPTOR_BYTES / 4;
const DONE_WORD = 5;
/** Bytes that it moves at a time, and how many of these make a block. */
const PIECE = 64;
export const PIECES = 3;
export const BLOCK = PIECE * PIECES;
const STEP_NS = 600;

/**
 * A bus master that goes round a ring of descriptors for ever: fetches one, moves its block in pieces, writes the descriptor
 * back, raises an interrupt. Each of these is an event of its own, and every write changes every byte that it hits. What is
 * refused does not stop it: it goes on with the last descriptor that it saw. Nothing but a register write stops it.
 */
export class Engine implements Device {
  readonly name = 'engine';
  readonly interruptCount = 1;
  readonly busMaster = true;
  /** Accesses that it tried, and those of them that were refused. */
  attempts = 0;
  refused = 0;
  /** The registers answer no more (all ones, and writes are lost), as after the device was pulled out. */
  deaf = false;
  private readonly registers = new Uint32Array(8);
  private readonly descriptor = new Int32Array(WORDS);
  private readonly bytes = new Uint8Array(PIECE);
  private step = 0;
  private slot = 0;
  private round = 0;
  private host: DeviceHost | undefined;
  private timer: Timer | undefined;

  readonly mmio: readonly MmioTarget[] = [
    {
      name: 'engine',
      size: 0x1000,
      read: (offset, _width, into) => this.readRegister(offset, into),
      peek: (offset, _width, into) => this.readRegister(offset, into),
      write: (offset, _width, low) => this.writeRegister(offset, low),
    },
  ];

  connect(host: DeviceHost): void {
    this.host = host;
    this.timer = host.clock.timer('engine', () => this.run());
  }

  reset(): void {
    this.timer?.cancel();
    this.registers.fill(0);
    this.host?.interrupts[0]!.set(false);
  }

  /** Pulls it out. @param stubborn whether it goes on with what it is about all the same */
  pull(stubborn: boolean): void {
    this.deaf = true;
    this.raise(false);
    if (!stubborn) this.reset();
  }

  private readRegister(offset: number, into: U64): BusOutcome {
    into.lo = this.deaf ? 0xffff_ffff : this.registers[(offset >> 2) & 7]!;
    into.hi = 0;
    return BUS_OK;
  }

  private writeRegister(offset: number, value: number): BusOutcome {
    if (this.deaf) return BUS_OK;
    if (offset === REG_IRQ) this.raise(false);
    else this.registers[(offset >> 2) & 7] = value;
    if (offset === REG_CONTROL) this.control(value === 1);
    return BUS_OK;
  }

  /** The wire of a device that was pulled out is low. */
  private raise(wanted: boolean): void {
    const level = wanted && !this.deaf;
    this.registers[REG_IRQ >> 2] = level ? 1 : 0;
    this.host!.interrupts[0]!.set(level);
  }

  private control(running: boolean): void {
    this.registers[REG_STATUS >> 2] = running ? 1 : 0;
    this.step = 0;
    this.slot = 0;
    if (running) this.timer!.armAfter(STEP_NS);
    else this.timer!.cancel();
  }

  private run(): void {
    this.timer!.armAfter(STEP_NS);
    const { step } = this;
    this.step = (step + 1) % (PIECES + 3);
    if (step === 0) this.fetch();
    else if (step <= PIECES) this.move(PIECE * (step - 1));
    else if (step === PIECES + 1) this.writeBack();
    else this.raise(true);
  }

  private note(outcome: BusOutcome): boolean {
    this.attempts++;
    if (outcome !== BUS_OK) this.refused++;
    return outcome === BUS_OK;
  }

  private get ringAt(): number {
    const low = this.registers[REG_RING_LO >> 2]!;
    return this.registers[REG_RING_HI >> 2]! * 2 ** 32 + low + this.slot * DESCRIPTOR_BYTES;
  }

  private fetch(): void {
    const [page, offset] = place(this.ringAt);
    this.note(this.host!.dma.readWords(page, offset, this.descriptor, 0, WORDS));
    this.round++;
  }

  private move(offset: number): void {
    const { dma } = this.host!;
    const [source, from] = place(address(this.descriptor, 0) + offset);
    this.note(dma.read(source, from, this.bytes, 0, PIECE));
    this.bytes.fill(this.round & 0xff);
    const [target, to] = place(address(this.descriptor, 2) + offset);
    this.note(dma.write(target, to, this.bytes, 0, PIECE));
  }

  private writeBack(): void {
    const [page, offset] = place(this.ringAt + 4 * DONE_WORD);
    this.descriptor[DONE_WORD] = this.round;
    this.note(this.host!.dma.writeWords(page, offset, this.descriptor, DONE_WORD, 1));
    this.slot = (this.slot + 1) % Math.max(this.registers[REG_COUNT >> 2]!, 1);
  }
}

const address = (words: Int32Array, at: number): number => (words[at + 1]! >>> 0) * 2 ** 32 + (words[at]! >>> 0);

const place = (at: number): [page: number, offset: number] => [Math.floor(at / 4096), at & PAGE_OFFSET_MASK];
