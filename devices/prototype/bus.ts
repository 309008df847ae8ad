import { BUS_ACCESS_FAULT, BUS_NO_ADDRESS, BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import { bytesOfWords } from '../../base/u64';
import type { DevicePort } from '../../emulator/bus/device-port';
import type { PrototypeParameters } from './options';
import { fits } from './place';
import type { QueueStatistics } from './statistics';

/**
 * A queue's way to memory for everything but data: entries, lists, completions. It counts, knows what accesses cost, and keeps
 * addresses within the address space.
 */
export class DescriptorBus {
  /** Nanoseconds that the current step spent on accesses that nothing hid. */
  spentNs = 0;
  /** Nanoseconds that the last access waited for the IOMMU's reads of tables. */
  walkNs = 0;
  /** Where the last access that failed was, and why. */
  failedPage = 0;
  failedOffset = 0;
  outcome: BusOutcome = BUS_OK;
  /** From a request to the beginning of its answer. */
  readonly latencyNs: number;
  readonly nsPerByte: number;
  /** What one more request costs where as many as possible are on their way. */
  readonly requestNs: number;

  private readonly port: DevicePort;
  private readonly statistics: QueueStatistics;

  constructor(port: DevicePort, parameters: PrototypeParameters, statistics: QueueStatistics) {
    this.port = port;
    this.statistics = statistics;
    this.latencyNs = parameters.latencyNs;
    this.nsPerByte = 1 / parameters.bytesPerNs;
    this.requestNs = parameters.latencyNs / parameters.outstanding;
  }

  /** How long a read takes from request to answer. */
  readNs(bytes: number): number {
    return this.latencyNs + bytes * this.nsPerByte;
  }

  /** Reads `count` entries of `size` bytes and `lanes` lanes that lie one after the other. */
  fetch(
    page: number,
    offset: number,
    into: Int32Array,
    at: number,
    size: number,
    lanes: number,
    count: number,
  ): boolean {
    const bytes = size * count;
    const { statistics } = this;
    statistics.fetchReads++;
    statistics.fetchBytes += bytes;
    this.walkNs = 0;
    if (!fits(page, offset, bytes)) return this.fail(page, offset, BUS_NO_ADDRESS);
    const before = this.port.walkReads;
    const outcome =
      (size & 3) === 0
        ? this.port.readWords(page, offset, into, at, lanes * count)
        : this.fetchOdd(page, offset, into, at, size, lanes, count);
    this.walkNs = (this.port.walkReads - before) * this.latencyNs;
    return outcome === BUS_OK || this.fail(page, offset, outcome);
  }

  /** Entries of no whole number of words: each begins in a lane of its own. What is past its end is no field's. */
  private fetchOdd(
    page: number,
    offset: number,
    into: Int32Array,
    at: number,
    size: number,
    lanes: number,
    count: number,
  ): BusOutcome {
    const bytes = bytesOfWords(into);
    const outcome = this.port.read(page, offset, bytes, 4 * at, size * count);
    if (outcome !== BUS_OK) return outcome;
    // They came packed: the last one is moved first, so that none is overwritten.
    for (let i = count - 1; i >= 0; i--) {
      const from = 4 * at + i * size;
      const to = 4 * (at + i * lanes);
      for (let byte = size - 1; byte >= 0; byte--) bytes[to + byte] = bytes[from + byte]!;
    }
    return BUS_OK;
  }

  /** `fetch` that the step has to wait for. */
  fetchNow(
    page: number,
    offset: number,
    into: Int32Array,
    at: number,
    size: number,
    lanes: number,
    count: number,
  ): boolean {
    const fetched = this.fetch(page, offset, into, at, size, lanes, count);
    this.spentNs += this.readNs(size * count) + this.walkNs;
    return fetched;
  }

  /** Writes bytes of lanes as part of a completion: posted, so that only translation and transfer cost time. */
  complete(page: number, offset: number, from: Int32Array, firstByte: number, bytes: number): boolean {
    const { statistics } = this;
    statistics.completionWrites++;
    statistics.completionBytes += bytes;
    this.spentNs += this.requestNs + bytes * this.nsPerByte;
    if (!fits(page, offset, bytes)) return this.fail(page, offset, BUS_NO_ADDRESS);
    const before = this.port.walkReads;
    const outcome =
      ((firstByte | bytes) & 3) === 0
        ? this.port.writeWords(page, offset, from, firstByte >>> 2, bytes >>> 2)
        : this.port.write(page, offset, bytesOfWords(from), firstByte, bytes);
    this.spentNs += (this.port.walkReads - before) * this.requestNs;
    return outcome === BUS_OK || this.fail(page, offset, outcome);
  }

  private fail(page: number, offset: number, outcome: BusOutcome): false {
    this.failedPage = page;
    this.failedOffset = offset;
    this.outcome = outcome;
    return false;
  }
}

/** `Q_ERROR.OUTCOME`. */
export const outcomeBits = (outcome: BusOutcome): number =>
  outcome === BUS_OK ? 0 : outcome === BUS_NO_ADDRESS ? 1 : outcome === BUS_ACCESS_FAULT ? 2 : 3;
