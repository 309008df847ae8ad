import { BUS_ACCESS_FAULT, BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import { u64, type U64 } from '../../base/u64';
import type { AccessWidth, MmioTarget } from '../../emulator/bus/mmio';
import type { Timer } from '../../emulator/clock';
import type { Device, DeviceHost } from '../../emulator/device';
import { RegisterBlock } from '../../emulator/registers/register-block';
import { ItemQueue } from './item-queue';
import { KeptBytes } from './kept-bytes';
import { streamFifoParameters, type StreamFifoOptions, type StreamFifoParameters } from './options';
import { CHECKSUM_START, checksumByte, patternItem } from './pattern';
import { CONTROL, INTERRUPT, RX_DATA, STATUS, streamFifoBlock, TX_DATA, type StreamFifoBlockSpec } from './spec';

/** The bits of `INT_STATUS` that stay until software clears them. */
const STICKY = INTERRUPT.TX_OVERFLOW | INTERRUPT.RX_UNDERFLOW | INTERRUPT.RX_OVERRUN;

/**
 * A peripheral with two FIFOs that a DMA controller serves by hardware handshake: what is written to `TX_DATA` goes to a
 * sink, what a source produces is read from `RX_DATA`. In loopback the one feeds the other.
 *
 * Nothing is lost silently: an item that finds no room, or a read that finds no item, is counted. Handshake lines, in the
 * order of the `dmas` property: receive, transmit.
 */
export class StreamFifo implements Device, MmioTarget {
  readonly name: string;
  readonly mmio: readonly MmioTarget[];
  readonly interruptCount = 1;
  readonly busMaster = false;
  readonly size: number;
  readonly parameters: StreamFifoParameters;

  private readonly block: RegisterBlock<StreamFifoBlockSpec>;
  private readonly registers;
  private readonly tx: ItemQueue;
  private readonly rx: ItemQueue;
  private readonly kept: KeptBytes;
  private readonly item = u64();
  private host!: DeviceHost;
  private sink!: Timer;
  private source!: Timer;
  private seed = 0;

  /** @param name the device's name on the board. An option out of range is a `LabError`. */
  constructor(name: string, options: StreamFifoOptions = {}) {
    this.name = name;
    this.parameters = streamFifoParameters(options);
    this.block = new RegisterBlock(streamFifoBlock, name);
    this.size = this.block.size;
    this.mmio = [this];
    this.registers = registersOf(this.block);
    this.tx = new ItemQueue(this.parameters.depth);
    this.rx = new ItemQueue(this.parameters.depth);
    this.kept = new KeptBytes(this.parameters.keepBytes);
  }

  connect(host: DeviceHost): void {
    this.host = host;
    this.block.connectTrace(host.trace);
    this.sink = host.clock.timer(`${this.name}.sink`, () => this.consume());
    this.source = host.clock.timer(`${this.name}.source`, () => this.produce());
    this.seed = host.rng.nextU32();
    this.block.hook('CONTROL', {
      afterWrite: (_, lo, _hi, maskLo) => this.control(lo & maskLo),
    });
    for (const name of ['TX_BURST', 'RX_BURST', 'INT_STATUS', 'INT_ENABLE'] as const) {
      this.block.hook(name, { afterWrite: () => this.update() });
    }
    this.reset();
  }

  reset(): void {
    this.block.reset();
    this.registers.config.lo = (this.parameters.width << 16) | this.parameters.depth;
    this.registers.seed.lo = this.seed;
    this.flush();
  }

  /** What left the transmit FIFO since the last reset: the first `keepBytes` bytes. */
  received(): Uint8Array {
    return this.kept.copy();
  }

  read(offset: number, width: AccessWidth, into: U64): BusOutcome {
    if (offset !== RX_DATA) return isData(offset) ? this.refuse(into) : this.block.read(offset, width, into);
    if (width !== this.parameters.width) return this.refuse(into);
    if (this.rx.pop(into)) this.registers.rxChecksum.lo = this.sum(this.registers.rxChecksum.lo, into);
    else this.count('rxUnderflows', INTERRUPT.RX_UNDERFLOW);
    this.update();
    return BUS_OK;
  }

  write(offset: number, width: AccessWidth, lo: number, hi: number): BusOutcome {
    if (offset !== TX_DATA) return isData(offset) ? BUS_ACCESS_FAULT : this.block.write(offset, width, lo, hi);
    if (width !== this.parameters.width) return BUS_ACCESS_FAULT;
    if (!this.tx.push(lo, hi)) this.count('txOverflows', INTERRUPT.TX_OVERFLOW);
    this.update();
    return BUS_OK;
  }

  peek(offset: number, width: AccessWidth, into: U64): BusOutcome {
    if (offset !== RX_DATA) return isData(offset) ? this.refuse(into) : this.block.peek(offset, width, into);
    if (width !== this.parameters.width) return this.refuse(into);
    this.rx.peek(into);
    return BUS_OK;
  }

  private refuse(into: U64): BusOutcome {
    into.lo = 0;
    into.hi = 0;
    return BUS_ACCESS_FAULT;
  }

  private is(bit: number): boolean {
    return (this.registers.control.lo & bit) !== 0;
  }

  private control(written: number): void {
    this.registers.control.lo &= ~CONTROL.RESET;
    if ((written & CONTROL.RESET) !== 0) this.flush();
    else this.update();
  }

  private flush(): void {
    const { registers } = this;
    this.tx.clear();
    this.rx.clear();
    this.kept.clear();
    for (const name of ['txCount', 'rxCount', 'txOverflows', 'rxUnderflows', 'rxOverruns'] as const)
      registers[name].lo = 0;
    registers.txChecksum.lo = CHECKSUM_START;
    registers.rxChecksum.lo = CHECKSUM_START;
    registers.intStatus.lo = 0;
    this.sink.cancel();
    this.source.cancel();
    this.update();
  }

  private count(counter: 'txOverflows' | 'rxUnderflows' | 'rxOverruns', interrupt: number): void {
    const { registers } = this;
    registers[counter].lo = (registers[counter].lo + 1) >>> 0;
    registers.intStatus.lo |= interrupt;
    const { trace } = this.host;
    if (trace.active)
      trace.emit({ type: 'device', device: this.name, what: LOSS[counter], value: registers[counter].lo });
  }

  /** Registers, wires and timers follow the FIFOs. */
  private update(): void {
    const { registers, tx, rx } = this;
    const txReady = tx.free >= Math.max(1, registers.txBurst.lo);
    const rxReady = rx.level >= Math.max(1, registers.rxBurst.lo);
    registers.txLevel.lo = tx.level;
    registers.rxLevel.lo = rx.level;
    registers.status.lo =
      (tx.level === 0 ? STATUS.TX_EMPTY : 0) |
      (tx.free === 0 ? STATUS.TX_FULL : 0) |
      (rx.level === 0 ? STATUS.RX_EMPTY : 0) |
      (rx.free === 0 ? STATUS.RX_FULL : 0);
    registers.intStatus.lo =
      (registers.intStatus.lo & STICKY) | (txReady ? INTERRUPT.TX_READY : 0) | (rxReady ? INTERRUPT.RX_READY : 0);
    this.host.interrupts[0]!.set((registers.intStatus.lo & registers.intEnable.lo) !== 0);
    this.pace(this.sink, this.sinkCanTake(), this.parameters.sinkNs);
    this.pace(this.source, this.sourceCanProduce(), this.parameters.sourceNs);
    const [rxLine, txLine] = this.host.dmaRequests;
    const rxOn = this.is(CONTROL.DMA_RX_EN);
    const txOn = this.is(CONTROL.DMA_TX_EN);
    rxLine?.drive(rxOn && rx.level > 0, rxOn && rxReady);
    txLine?.drive(txOn && tx.free > 0, txOn && txReady);
  }

  private pace(timer: Timer, running: boolean, period: number): void {
    if (!running) timer.cancel();
    else if (!timer.armed) timer.armAfter(period);
  }

  private sinkCanTake(): boolean {
    if (this.tx.level === 0) return false;
    return this.is(CONTROL.LOOPBACK) ? this.rx.free > 0 : this.is(CONTROL.SINK_EN);
  }

  private sourceCanProduce(): boolean {
    if (!this.is(CONTROL.SOURCE_EN) || this.is(CONTROL.LOOPBACK)) return false;
    return this.rx.free > 0 || !this.is(CONTROL.STALL);
  }

  /** One item leaves the transmit FIFO. */
  private consume(): void {
    const { registers, item } = this;
    this.tx.pop(item);
    registers.txCount.lo = (registers.txCount.lo + 1) >>> 0;
    registers.txChecksum.lo = this.sum(registers.txChecksum.lo, item);
    for (let at = 0; at < this.parameters.width; at++) this.kept.push(byteOf(item, at));
    if (this.is(CONTROL.LOOPBACK)) this.rx.push(item.lo, item.hi);
    this.update();
  }

  /** One item arrives at the receive FIFO. */
  private produce(): void {
    const { registers, item } = this;
    patternItem(registers.seed.lo, registers.rxCount.lo, item);
    registers.rxCount.lo = (registers.rxCount.lo + 1) >>> 0;
    this.truncate(item);
    if (!this.rx.push(item.lo, item.hi)) this.count('rxOverruns', INTERRUPT.RX_OVERRUN);
    this.update();
  }

  private truncate(item: U64): void {
    const { width } = this.parameters;
    if (width < 8) item.hi = 0;
    if (width < 4) item.lo &= (1 << (8 * width)) - 1;
  }

  private sum(checksum: number, item: U64): number {
    let sum = checksum;
    for (let at = 0; at < this.parameters.width; at++) sum = checksumByte(sum, byteOf(item, at));
    return sum;
  }
}

const LOSS = { txOverflows: 'tx overflow', rxUnderflows: 'rx underflow', rxOverruns: 'rx overrun' } as const;

const byteOf = (item: U64, at: number): number =>
  ((at < 4 ? item.lo >>> (8 * at) : item.hi >>> (8 * at - 32)) & 0xff) >>> 0;

/** The data registers are at their exact offsets only; the bytes between them belong to them too. */
const isData = (offset: number): boolean => offset >= TX_DATA && offset < RX_DATA + 8;

const registersOf = (block: RegisterBlock<StreamFifoBlockSpec>) => ({
  control: block.register('CONTROL'),
  status: block.register('STATUS'),
  txLevel: block.register('TX_LEVEL'),
  rxLevel: block.register('RX_LEVEL'),
  config: block.register('CONFIG'),
  txBurst: block.register('TX_BURST'),
  rxBurst: block.register('RX_BURST'),
  intStatus: block.register('INT_STATUS'),
  intEnable: block.register('INT_ENABLE'),
  seed: block.register('SEED'),
  txCount: block.register('TX_COUNT'),
  rxCount: block.register('RX_COUNT'),
  txChecksum: block.register('TX_CHECKSUM'),
  rxChecksum: block.register('RX_CHECKSUM'),
  txOverflows: block.register('TX_OVERFLOWS'),
  rxUnderflows: block.register('RX_UNDERFLOWS'),
  rxOverruns: block.register('RX_OVERRUNS'),
});
