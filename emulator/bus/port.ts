import { PAGE_SIZE, dmaAddrOf, type DmaAddr } from '../../base/address';
import { BUS_ACCESS_FAULT, BUS_NO_ADDRESS, BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import { LabError } from '../../base/errors';
import type { Trace } from '../../base/trace';
import { bytesOfWords } from '../../base/u64';
import { CopyPlan, movePieces, moveThroughBuffer, readForNothing } from './copy-plan';
import { copyFailedWriting, copyOutcome, type DevicePort } from './device-port';
import type { Gate } from './gate';
import type { MemoryPath } from './physical-bus';
import { ACCESS_READ, ACCESS_WRITE, type Translator } from './translator';
import { WindowMap, type BusWindow } from './windows';

/** How a device is wired to the bus. */
export interface BusPortOptions {
  readonly bus: MemoryPath;
  readonly trace: Trace;
  /** The id that accompanies every access. */
  readonly requesterId: number;
  /** Address bits that leave the device, 1 to 64; higher ones are lost. Default 64. */
  readonly addressWires?: number;
  /** What may turn the device's accesses away. Default: nothing. */
  readonly gate?: Gate | undefined;
  /** The IOMMU between the device and the bus. Default: none, the windows decide. */
  readonly translator?: Translator | undefined;
  /**
   * The bus's windows (`dma-ranges`); an access outside them answers `BUS_NO_ADDRESS`. Default: none, everything passes.
   * Before an IOMMU they only limit which addresses leave the bus: it is the IOMMU that gives them a new place.
   */
  readonly windows?: readonly BusWindow[];
}

/** Device pages in a 64-bit address space. */
const DEVICE_PAGES = 2 ** 52;

/**
 * The way from one bus master to memory: address wires, windows, IOMMU, gate, bus.
 *
 * An access is carried out in pieces that cross no page (with fewer than 12 address wires: none of the smaller blocks
 * that the wires can tell apart). Bytes past the end of the 64-bit address space have no address.
 */
export class BusPort implements DevicePort {
  readonly requesterId: number;
  readonly addressWires: number;
  private readonly bus: MemoryPath;
  private readonly trace: Trace;
  private readonly gate: Gate | undefined;
  private readonly translator: Translator | undefined;
  private readonly windows: WindowMap;
  /** Page numbers from here on lose bits. */
  private readonly wiredPages: number;
  /** Bytes of a piece: a page, or less if the wires end below bit 12. A power of two, and a small integer. */
  private readonly block: number;
  /** What is left of a position within its piece. */
  private readonly blockMask: number;
  private readonly plan = new CopyPlan();
  /** A copy uses the plan; one that starts inside it (a register write that makes a device copy) needs its own. */
  private planInUse = false;

  /** A number of address wires outside 1 to 64, a bad requester id or a bad window is a `LabError`. */
  constructor(options: BusPortOptions) {
    const { addressWires = 64, requesterId } = options;
    if (!Number.isInteger(addressWires) || addressWires < 1 || addressWires > 64) {
      throw new LabError(`a device has 1 to 64 address wires, not ${addressWires}`, { what: 'addressWires' });
    }
    if (!Number.isInteger(requesterId) || requesterId < 0 || requesterId >= 2 ** 24) {
      throw new LabError(`a requester id is a whole number of at most 24 bits, not ${requesterId}`, {
        what: 'requesterId',
      });
    }
    this.requesterId = requesterId;
    this.addressWires = addressWires;
    this.bus = options.bus;
    this.trace = options.trace;
    this.gate = options.gate;
    this.translator = options.translator;
    this.windows = new WindowMap(options.windows ?? []);
    this.wiredPages = 2 ** Math.max(addressWires - 12, 0);
    this.block = 1 << Math.min(addressWires, 12);
    this.blockMask = this.block - 1;
  }

  get walkReads(): number {
    return this.translator === undefined ? 0 : this.translator.walkReads;
  }

  read(page: number, offset: number, into: Uint8Array, at: number, length: number): BusOutcome {
    if (!(length > 0)) return BUS_OK;
    requireBuffer(into, at, length);
    const outcome =
      length <= this.room(offset)
        ? this.readPiece(page, offset, into, at, length)
        : this.readPieces(page, offset, into, at, length);
    if (this.trace.active) this.tell('dma-read', page, offset, length, outcome);
    return outcome;
  }

  private readPieces(page: number, offset: number, into: Uint8Array, at: number, length: number): BusOutcome {
    let position = offset;
    for (let done = 0; done < length;) {
      const piece = Math.min(this.room(position), length - done);
      const outcome = this.readPiece(page, position, into, at + done, piece);
      if (outcome !== BUS_OK) return outcome;
      done += piece;
      position += piece;
    }
    return BUS_OK;
  }

  /** Reads bytes of one piece, `position` bytes from the start of a device's page. */
  private readPiece(page: number, position: number, into: Uint8Array, at: number, length: number): BusOutcome {
    const frame = this.frameOf(page, position, false, length);
    if (frame < 0) return frame as BusOutcome;
    return this.bus.readPiece(frame, position & this.blockMask, into, at, length);
  }

  /**
   * What `read` would give now, for who only looks: nothing is translated into a cache, recorded, counted or told, and no cache
   * line moves. Marks on memory (`PhysicalBus.mark`) are not seen.
   */
  peek(page: number, offset: number, into: Uint8Array, at: number, length: number): BusOutcome {
    let position = offset;
    for (let done = 0; done < length;) {
      const piece = Math.min(this.room(position), length - done);
      const devicePage = page + Math.floor(position / PAGE_SIZE);
      const frame = devicePage >= DEVICE_PAGES ? BUS_NO_ADDRESS : this.frameSeen(this.wired(devicePage));
      if (frame < 0) return frame as BusOutcome;
      const address = frame * PAGE_SIZE + (position & this.blockMask);
      const outcome = this.bus.peek(address, into, at + done, piece);
      if (outcome !== BUS_OK) return outcome;
      done += piece;
      position += piece;
    }
    return BUS_OK;
  }

  /** `frameBehind` of a read, for who only looks. */
  private frameSeen(page: number): number {
    const { gate, requesterId, translator } = this;
    const window = this.windows.pageOf(page);
    if (window < 0) return window;
    const frame = translator === undefined ? window : translator.wouldTranslate(requesterId, page, ACCESS_READ);
    return frame < 0 || gate === undefined || gate.admits(requesterId) ? frame : BUS_ACCESS_FAULT;
  }

  write(page: number, offset: number, from: Uint8Array, at: number, length: number): BusOutcome {
    if (!(length > 0)) return BUS_OK;
    requireBuffer(from, at, length);
    const outcome =
      length <= this.room(offset)
        ? this.writePiece(page, offset, from, at, length)
        : this.writePieces(page, offset, from, at, length);
    if (this.trace.active) this.tell('dma-write', page, offset, length, outcome);
    return outcome;
  }

  readWords(page: number, offset: number, into: Int32Array, at: number, count: number): BusOutcome {
    if (!(count > 0)) return BUS_OK;
    requireBuffer(into, at, count);
    const whole = (offset & 3) === 0 && 4 * count <= this.room(offset);
    const outcome = whole
      ? this.readWordsPiece(page, offset, into, at, count)
      : this.readPieces(page, offset, bytesOfWords(into), 4 * at, 4 * count);
    if (this.trace.active) this.tell('dma-read', page, offset, 4 * count, outcome);
    return outcome;
  }

  private readWordsPiece(page: number, offset: number, into: Int32Array, at: number, count: number): BusOutcome {
    const frame = this.frameOf(page, offset, false, 4 * count);
    return frame < 0 ? (frame as BusOutcome) : this.bus.readWords(frame, offset & this.blockMask, into, at, count);
  }

  writeWords(page: number, offset: number, from: Int32Array, at: number, count: number): BusOutcome {
    if (!(count > 0)) return BUS_OK;
    requireBuffer(from, at, count);
    const whole = (offset & 3) === 0 && 4 * count <= this.room(offset);
    const outcome = whole
      ? this.writeWordsPiece(page, offset, from, at, count)
      : this.writePieces(page, offset, bytesOfWords(from), 4 * at, 4 * count);
    if (this.trace.active) this.tell('dma-write', page, offset, 4 * count, outcome);
    return outcome;
  }

  private writeWordsPiece(page: number, offset: number, from: Int32Array, at: number, count: number): BusOutcome {
    const frame = this.frameOf(page, offset, true, 4 * count);
    return frame < 0 ? (frame as BusOutcome) : this.bus.writeWords(frame, offset & this.blockMask, from, at, count);
  }

  private writePieces(page: number, offset: number, from: Uint8Array, at: number, length: number): BusOutcome {
    let position = offset;
    for (let done = 0; done < length;) {
      const piece = Math.min(this.room(position), length - done);
      const outcome = this.writePiece(page, position, from, at + done, piece);
      if (outcome !== BUS_OK) return outcome;
      done += piece;
      position += piece;
    }
    return BUS_OK;
  }

  /** Writes bytes of one piece, `position` bytes from the start of a device's page. */
  private writePiece(page: number, position: number, from: Uint8Array, at: number, length: number): BusOutcome {
    const frame = this.frameOf(page, position, true, length);
    if (frame < 0) return frame as BusOutcome;
    return this.bus.writePiece(frame, position & this.blockMask, from, at, length);
  }

  /**
   * See `DevicePort.copy`. Pieces before the first that fails are copied. The addresses of all pieces are translated
   * before data moves, as by an engine with many reads in flight; poisoned data is not written.
   */
  copy(fromPage: number, fromOffset: number, toPage: number, toOffset: number, length: number): number {
    if (!(length > 0)) return BUS_OK;
    if (length > this.room(fromOffset) || length > this.room(toOffset)) {
      return this.copyPieces(fromPage, fromOffset, toPage, toOffset, length);
    }
    const result = this.copyPiece(fromPage, fromOffset, toPage, toOffset, length);
    if (this.trace.active) this.tellCopy(fromPage, fromOffset, toPage, toOffset, length, 0, result);
    return result;
  }

  private copyPiece(fromPage: number, fromOffset: number, toPage: number, toOffset: number, length: number): number {
    const from = this.frameOf(fromPage, fromOffset, false, length);
    if (from < 0) return from;
    const to = this.frameOf(toPage, toOffset, true, length);
    const mask = this.blockMask;
    if (to < 0) return readForNothing(this.bus, from * PAGE_SIZE + (fromOffset & mask), to, length);
    return this.bus.copyPiece(from, fromOffset & mask, to, toOffset & mask, length);
  }

  private copyPieces(fromPage: number, fromOffset: number, toPage: number, toOffset: number, length: number): number {
    const plan = this.planInUse ? new CopyPlan() : this.plan;
    this.planInUse = true;
    const planned = this.planCopy(plan, fromPage, fromOffset, toPage, toOffset, length);
    const moved = plan.sharesPages ? moveThroughBuffer(this.bus, plan) : movePieces(this.bus, plan);
    const result = moved === BUS_OK ? planned : moved;
    if (this.trace.active) this.tellCopy(fromPage, fromOffset, toPage, toOffset, length, plan.moved, result);
    this.planInUse = false;
    return result;
  }

  /**
   * Translates both sides piece by piece, up to the first that leads nowhere. The result is `BUS_OK`, or that of a read
   * side; a write side's outcome is in the plan, since its data is read before.
   */
  private planCopy(
    plan: CopyPlan,
    fromPage: number,
    fromOffset: number,
    toPage: number,
    toOffset: number,
    length: number,
  ): number {
    plan.clear();
    let [source, target] = [fromPage, toPage];
    let [sourceOffset, targetOffset] = [fromOffset, toOffset];
    for (let left = length; left > 0;) {
      const piece = Math.min(this.room(sourceOffset), this.room(targetOffset), left);
      const from = this.locateBacked(source, sourceOffset, false, piece);
      if (from < 0) return from;
      const to = this.locateBacked(target, targetOffset, true, piece);
      plan.add(from, to, piece);
      if (to < 0) break;
      left -= piece;
      sourceOffset += piece;
      targetOffset += piece;
      if (sourceOffset >= PAGE_SIZE) {
        sourceOffset -= PAGE_SIZE;
        source++;
      }
      if (targetOffset >= PAGE_SIZE) {
        targetOffset -= PAGE_SIZE;
        target++;
      }
    }
    return BUS_OK;
  }

  /** `locate`, refusing what the board does not have: a garbage length then ends at the first hole. */
  private locateBacked(page: number, offset: number, write: boolean, length: number): number {
    const frame = this.frameOf(page, offset, write, length);
    if (frame < 0) return frame;
    const address = frame * PAGE_SIZE + (offset & this.blockMask);
    return this.bus.isRamPage(frame) || this.bus.isMmio(address) ? address : BUS_NO_ADDRESS;
  }

  /** Bytes from a position to the end of its piece. */
  private room(position: number): number {
    return this.block - (position & this.blockMask);
  }

  /** The physical page behind `position` bytes from the start of a device's page, or a negative outcome. */
  private frameOf(page: number, position: number, write: boolean, length: number): number {
    if (position < PAGE_SIZE && page < this.wiredPages) {
      return this.frameBehind(page, position & this.blockMask, write, length);
    }
    const devicePage = page + Math.floor(position / PAGE_SIZE);
    if (devicePage >= DEVICE_PAGES) return BUS_NO_ADDRESS;
    return this.frameBehind(this.wired(devicePage), position & this.blockMask, write, length);
  }

  /** The one place through which every access of the device passes: windows, IOMMU, gate. */
  private frameBehind(page: number, offset: number, write: boolean, length: number): number {
    const { gate, requesterId, translator } = this;
    const window = this.windows.pageOf(page);
    if (window < 0) return window;
    let frame = window;
    if (translator !== undefined) {
      frame = translator.translate(requesterId, page, offset, write ? ACCESS_WRITE : ACCESS_READ);
      if (frame < 0) return frame;
    }
    return gate === undefined || gate.admits(requesterId) ? frame : this.drop(gate, write, page, offset, length);
  }

  /** What the address wires leave of a page number. */
  private wired(page: number): number {
    return page - Math.floor(page / this.wiredPages) * this.wiredPages;
  }

  /** The gate turns an access away: it is counted and traced. */
  private drop(gate: Gate, write: boolean, page: number, offset: number, length: number): BusOutcome {
    const { requesterId, trace } = this;
    gate.countDrop(requesterId, write);
    if (trace.active) {
      trace.emit({ type: 'gate-drop', requester: requesterId, write, address: dmaAddrOf(page, offset), length });
    }
    return BUS_ACCESS_FAULT;
  }

  private tell(type: 'dma-read' | 'dma-write', page: number, offset: number, length: number, outcome: number): void {
    const address = this.emitted(page, offset);
    this.trace.emit({ type, requester: this.requesterId, address, length, outcome });
  }

  /** A copy is a read, and a write of what could be read: all of it, or the `moved` bytes before the read failed. */
  private tellCopy(
    fromPage: number,
    fromOffset: number,
    toPage: number,
    toOffset: number,
    length: number,
    moved: number,
    result: number,
  ): void {
    const reading = result === BUS_OK || copyFailedWriting(result) ? BUS_OK : result;
    this.tell('dma-read', fromPage, fromOffset, length, reading);
    if (reading === BUS_OK) this.tell('dma-write', toPage, toOffset, length, copyOutcome(result));
    else if (moved > 0) this.tell('dma-write', toPage, toOffset, moved, BUS_OK);
  }

  /** The address on the wires. */
  private emitted(page: number, offset: number): DmaAddr {
    return dmaAddrOf(this.wired(page), offset & this.blockMask);
  }
}

/** What a device hands over must hold what it asks for; a `LabError` names the device's mistake. */
const requireBuffer = (buffer: Uint8Array | Int32Array, at: number, length: number): void => {
  if (at >= 0 && at + length <= buffer.length) return;
  const what = buffer instanceof Int32Array ? 'word' : 'byte';
  throw new LabError(
    `a device's buffer of ${buffer.length} ${what}s cannot hold ${length} ${what}s from ${what} ${at}`,
  );
};
