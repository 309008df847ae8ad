import { BUS_NO_ADDRESS, BUS_OK, type BusOutcome } from '../../../base/bus-outcome';
import { copyFailedWriting, copyOutcome, type DevicePort } from '../../../emulator/bus/device-port';
import type { Failure } from '../failure';
import type { PrototypeParameters } from '../options';
import { Place } from '../place';
import { MOVES, type Moves } from '../plan/entry-plan';
import { ERROR } from '../spec';
import type { QueueStatistics } from '../statistics';
import type { StreamPort } from '../stream/stream-port';

const { COPY, FROM_MEMORY, TO_MEMORY } = MOVES;

/** Most items that one step moves one by one, where an address stays. Bounds the work of a timer firing. */
const MOST_ITEMS = 256;

/** Moves one run of bytes at a time, in pieces: memory to memory, memory to stream, stream to memory. */
export class DataMover {
  /** Bytes of the run that are still to be moved. */
  left = 0;
  moves: Moves = MOVES.NOTHING;
  /** Where it reads and writes memory; `from` alone for the stream's sink, `to` for what its source gives. */
  readonly from = new Place();
  readonly to = new Place();
  fromFixed = false;
  toFixed = false;
  /** Bytes of an item at an address that stays: 1, 2, 4 or 8. */
  itemBytes = 4;
  /** What the source gives goes nowhere; what would be read is not. */
  discards = false;
  /** The source's packet is over: there is no more for this request. */
  packetEnded = false;
  /** Reads of tables by the IOMMU that data have waited for since it was set to zero. */
  walkReads = 0;

  private readonly port: DevicePort;
  private readonly stream: StreamPort;
  private readonly failure: Failure;
  private readonly statistics: QueueStatistics;
  private readonly buffer: Uint8Array;

  constructor(
    port: DevicePort,
    stream: StreamPort,
    failure: Failure,
    statistics: QueueStatistics,
    { chunkBytes }: PrototypeParameters,
  ) {
    this.port = port;
    this.stream = stream;
    this.failure = failure;
    this.statistics = statistics;
    this.buffer = new Uint8Array(chunkBytes);
  }

  clear(): void {
    this.left = 0;
    this.packetEnded = false;
    this.fromFixed = false;
    this.toFixed = false;
    this.discards = false;
  }

  /** Whether the stream lets it go on. */
  get ready(): boolean {
    if (this.moves === FROM_MEMORY) return this.stream.room > 0;
    return this.moves !== TO_MEMORY || this.stream.available(1) > 0;
  }

  /** While the source has nothing: whether that is because its packet is over. */
  seesEnd(): boolean {
    if (this.moves !== TO_MEMORY || this.stream.available(1) > 0) return false;
    this.packetEnded = this.stream.takeEnd();
    return this.packetEnded;
  }

  /** Moves at most `budget` bytes. Returns how many; 0 if the stream lets none pass, or if the failure is set. */
  move(budget: number): number {
    const before = this.port.walkReads;
    const length = this.moveRun(budget);
    this.walkReads += this.port.walkReads - before;
    return length;
  }

  private moveRun(budget: number): number {
    if (this.fromFixed || this.toFixed) return this.moveItems(budget);
    if (this.discards) return this.discard(Math.min(this.left, budget));
    const most = Math.min(this.left, budget);
    if (this.moves === COPY) return this.copy(most);
    return this.moves === FROM_MEMORY ? this.send(most) : this.receive(most);
  }

  private copy(length: number): number {
    const { from, to } = this;
    if (!from.holds(length)) return this.fail(false, BUS_NO_ADDRESS);
    if (!to.holds(length)) return this.fail(true, BUS_NO_ADDRESS);
    const result = this.port.copy(from.page, from.offset, to.page, to.offset, length);
    if (result !== BUS_OK) return this.fail(copyFailedWriting(result), copyOutcome(result));
    from.advance(length);
    to.advance(length);
    this.left -= length;
    this.statistics.readBytes += length;
    this.statistics.writtenBytes += length;
    return length;
  }

  private send(most: number): number {
    const { from, stream } = this;
    const length = Math.min(most, stream.room);
    if (length === 0) return 0;
    if (!from.holds(length)) return this.fail(false, BUS_NO_ADDRESS);
    const outcome = this.port.read(from.page, from.offset, this.buffer, 0, length);
    if (outcome !== BUS_OK) return this.fail(false, outcome);
    stream.accept(this.buffer, length);
    from.advance(length);
    this.left -= length;
    this.statistics.readBytes += length;
    return length;
  }

  private receive(most: number): number {
    const { to, stream } = this;
    const length = stream.available(most);
    if (length === 0) return 0;
    if (!to.holds(length)) return this.fail(true, BUS_NO_ADDRESS);
    const outcome = this.port.write(to.page, to.offset, stream.source, stream.at, length);
    if (outcome !== BUS_OK) return this.fail(true, outcome);
    stream.taken(length);
    this.packetEnded = stream.takeEnd();
    to.advance(length);
    this.left -= length;
    this.statistics.writtenBytes += length;
    return length;
  }

  private discard(most: number): number {
    const { stream } = this;
    if (this.moves !== TO_MEMORY) {
      this.left -= most;
      return most;
    }
    const length = stream.available(most);
    if (length === 0) return 0;
    stream.taken(length);
    this.packetEnded = stream.takeEnd();
    this.left -= length;
    return length;
  }

  /** From or to an address that stays, as that of a peripheral's register: one item at a time. */
  private moveItems(budget: number): number {
    let moved = 0;
    for (let items = 0; items < MOST_ITEMS && this.left > 0 && moved < budget; items++) {
      const length = Math.min(this.itemBytes, this.left);
      const { from, to, buffer } = this;
      if (!from.holds(length)) return this.fail(false, BUS_NO_ADDRESS);
      if (!to.holds(length)) return this.fail(true, BUS_NO_ADDRESS);
      const read = this.port.read(from.page, from.offset, buffer, 0, length);
      if (read !== BUS_OK) return this.fail(false, read);
      const written = this.port.write(to.page, to.offset, buffer, 0, length);
      if (written !== BUS_OK) return this.fail(true, written);
      if (!this.fromFixed) from.advance(length);
      if (!this.toFixed) to.advance(length);
      this.left -= length;
      moved += length;
    }
    this.statistics.readBytes += moved;
    this.statistics.writtenBytes += moved;
    return moved;
  }

  private fail(writing: boolean, outcome: BusOutcome): 0 {
    const { page, offset } = writing ? this.to : this.from;
    this.failure.set(writing ? ERROR.DATA_WRITE : ERROR.DATA_READ, page, offset, 0);
    this.failure.outcome = outcome;
    return 0;
  }
}
