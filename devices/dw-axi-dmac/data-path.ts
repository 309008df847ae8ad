import { BUS_NO_ADDRESS, BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import { copyFailedWriting, copyOutcome, type DevicePort } from '../../emulator/bus/device-port';
import { AddressCursor } from './address-cursor';
import type { BlockShape } from './block-shape';
import { Handshake } from './handshake';
import { ItemFifo } from './item-fifo';
import { CH_INT } from './spec';

/** Most items that one step moves one by one. Bounds the work of a timer firing. */
const MAX_ITEMS_PER_STEP = 256;

const srcError = (outcome: BusOutcome): number =>
  outcome === BUS_NO_ADDRESS ? CH_INT.SRC_DEC_ERR : CH_INT.SRC_SLV_ERR;

const dstError = (outcome: BusOutcome): number =>
  outcome === BUS_NO_ADDRESS ? CH_INT.DST_DEC_ERR : CH_INT.DST_SLV_ERR;

/**
 * Moves the bytes of a block, a bounded number at a time.
 *
 * Between two memories with counting addresses the bytes go straight from one to the other. Everything else goes item by
 * item through the channel's FIFO: an address that stays is accessed once per item, and a peripheral's handshake says
 * when and how many.
 */
export class DataPath {
  readonly src = new AddressCursor();
  readonly dst = new AddressCursor();
  readonly srcHandshake = new Handshake();
  readonly dstHandshake = new Handshake();
  /** Bytes of the block that are still to be read and to be written. */
  srcLeft = 0;
  dstLeft = 0;
  /** Bytes that the last step moved, the larger of the two sides. */
  moved = 0;
  /** Transactions that the last step completed, as bits of `CH_INTSTATUS`. */
  completed = 0;

  private readonly port: DevicePort;
  private readonly shape: BlockShape;
  private readonly chunkBytes: number;
  private readonly fifo = new ItemFifo();
  private straight = false;

  constructor(port: DevicePort, shape: BlockShape, chunkBytes: number) {
    this.port = port;
    this.shape = shape;
    this.chunkBytes = chunkBytes;
  }

  /** Bytes read and not yet written. */
  get buffered(): number {
    return this.fifo.level;
  }

  /** Begins a block at the cursors. Returns the error with which the addresses refuse it, 0 if they do not. */
  start(bytes: number): number {
    const { shape } = this;
    this.srcLeft = bytes;
    this.dstLeft = bytes;
    this.straight = !(shape.srcFixed || shape.dstFixed || shape.srcPeripheral || shape.dstPeripheral);
    let refusal = 0;
    if (!this.src.isAligned(shape.srcWidth)) refusal |= CH_INT.SRC_SLV_ERR;
    if (!this.dst.isAligned(shape.dstWidth)) refusal |= CH_INT.DST_SLV_ERR;
    if (!this.straight) {
      this.fifo.reserve(this.largestRead() + this.largestWrite() + shape.srcWidth + shape.dstWidth);
    }
    return refusal;
  }

  /** No block, nothing buffered. */
  clear(): void {
    this.srcLeft = 0;
    this.dstLeft = 0;
    this.fifo.clear();
  }

  private largestRead(): number {
    return Math.max(this.shape.srcBurst, MAX_ITEMS_PER_STEP) * this.shape.srcWidth;
  }

  private largestWrite(): number {
    return Math.max(this.shape.dstBurst, MAX_ITEMS_PER_STEP) * this.shape.dstWidth;
  }

  /** Whether `move` would find something to do: a memory always is ready, a peripheral when it requests. */
  get ready(): boolean {
    const { shape } = this;
    if (!shape.srcPeripheral) return !shape.dstPeripheral || this.writeItems() > 0;
    if (!shape.dstPeripheral) return this.readItems() > 0;
    return this.writableNow() > 0 || this.readableNow() > 0;
  }

  /** One step. Returns the error, as bits of `CH_INTSTATUS`, that stopped it; 0 if none did. */
  move(): number {
    this.moved = 0;
    this.completed = 0;
    if (this.straight) return this.copy();
    const { shape } = this;
    if (!shape.dstPeripheral) return this.readThenDrain();
    return shape.srcPeripheral ? this.peripheralToPeripheral() : this.memoryToPeripheral();
  }

  private copy(): number {
    const { src, dst } = this;
    const length = src.within(dst.within(Math.min(this.dstLeft, this.chunkBytes)));
    const result = this.port.copy(src.page, src.offset, dst.page, dst.offset, length);
    if (result !== BUS_OK) {
      return copyFailedWriting(result) ? dstError(copyOutcome(result)) : srcError(copyOutcome(result));
    }
    src.advance(length);
    dst.advance(length);
    this.srcLeft -= length;
    this.dstLeft -= length;
    this.moved = length;
    return 0;
  }

  /** Items that the source would deliver now; 0 if it does not request. */
  private readItems(): number {
    return this.srcHandshake.itemsFor(this.srcLeft / this.shape.srcWidth, this.shape.srcBurst);
  }

  /** Items that the destination would take now; 0 if it does not request. */
  private writeItems(): number {
    return this.dstHandshake.itemsFor(Math.ceil(this.dstLeft / this.shape.dstWidth), this.shape.dstBurst);
  }

  /** To a memory: what the source delivers goes on at once, in whole items until the last. */
  private readThenDrain(): number {
    const { shape } = this;
    let items: number;
    if (shape.srcPeripheral) {
      items = this.readItems();
      if (items === 0) return 0;
    } else {
      const bytes = Math.min(this.srcLeft, MAX_ITEMS_PER_STEP * Math.min(shape.srcWidth, shape.dstWidth));
      items = Math.max(1, Math.floor(bytes / shape.srcWidth));
    }
    const error = this.read(items);
    if (error !== 0) return error;
    if (shape.srcPeripheral) this.acknowledgeRead();
    const level = this.fifo.level;
    return this.write(this.srcLeft === 0 ? level : level - (level % shape.dstWidth));
  }

  /** The destination asks; the source, a memory, delivers as much as that takes. */
  private memoryToPeripheral(): number {
    const { shape } = this;
    const items = this.writeItems();
    if (items === 0) return 0;
    const bytes = Math.min(items * shape.dstWidth, this.dstLeft);
    if (this.fifo.level < bytes) {
      const error = this.read(Math.ceil((bytes - this.fifo.level) / shape.srcWidth));
      if (error !== 0) return error;
    }
    return this.writeAndAcknowledge(bytes);
  }

  /** Between peripherals: bytes that the destination requests and the FIFO holds. */
  private writableNow(): number {
    const wanted = Math.min(this.writeItems() * this.shape.dstWidth, this.dstLeft);
    return this.fifo.level >= wanted ? wanted : 0;
  }

  /** Between peripherals: items that the source offers, unless the FIFO already holds a burst for the destination. */
  private readableNow(): number {
    return this.fifo.level < this.shape.dstBurst * this.shape.dstWidth ? this.readItems() : 0;
  }

  private peripheralToPeripheral(): number {
    const bytes = this.writableNow();
    if (bytes > 0) return this.writeAndAcknowledge(bytes);
    const items = this.readableNow();
    if (items === 0) return 0;
    const error = this.read(items);
    if (error === 0) this.acknowledgeRead();
    return error;
  }

  private acknowledgeRead(): void {
    this.srcHandshake.acknowledge();
    this.completed |= CH_INT.SRC_TRANSCOMP;
  }

  private writeAndAcknowledge(bytes: number): number {
    const error = this.write(bytes);
    if (error !== 0) return error;
    this.dstHandshake.acknowledge();
    this.completed |= CH_INT.DST_TRANSCOMP;
    return 0;
  }

  /** Reads items into the FIFO. */
  private read(items: number): number {
    const { shape, src, fifo } = this;
    let left = items * shape.srcWidth;
    while (left > 0) {
      const length = shape.srcFixed || shape.srcPeripheral ? shape.srcWidth : src.within(left);
      const outcome = this.port.read(src.page, src.offset, fifo.bytes, fifo.tail(length), length);
      if (outcome !== BUS_OK) return srcError(outcome);
      fifo.pushed(length);
      if (!shape.srcFixed) src.advance(length);
      this.srcLeft -= length;
      this.moved += length;
      left -= length;
    }
    return 0;
  }

  /** Writes bytes out of the FIFO, in items where the address stays or a peripheral takes them. */
  private write(bytes: number): number {
    const { shape, dst, fifo } = this;
    const itemwise = shape.dstFixed || shape.dstPeripheral;
    let left = bytes;
    let written = 0;
    while (left > 0) {
      const length = itemwise ? Math.min(shape.dstWidth, left) : dst.within(left);
      const error = itemwise && length < shape.dstWidth ? this.writeTail(length) : this.writeAt(0, length);
      if (error !== 0) return error;
      fifo.popped(length);
      if (!shape.dstFixed) dst.advance(length);
      this.dstLeft -= length;
      written += length;
      left -= length;
    }
    if (written > this.moved) this.moved = written;
    return 0;
  }

  /** The end of a block that is no whole item: only its byte lanes are written, in accesses of a power of two. */
  private writeTail(length: number): number {
    let done = 0;
    while (done < length) {
      const piece = 2 ** (31 - Math.clz32(length - done));
      const error = this.writeAt(done, piece);
      if (error !== 0) return error;
      done += piece;
    }
    return 0;
  }

  /** Writes `length` bytes of the FIFO from `skip` on, `skip` bytes behind the cursor within the same item. */
  private writeAt(skip: number, length: number): number {
    const { dst, fifo } = this;
    const outcome = this.port.write(dst.page, dst.offset + skip, fifo.bytes, fifo.head + skip, length);
    return outcome === BUS_OK ? 0 : dstError(outcome);
  }
}
