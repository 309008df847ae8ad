import type { PrototypeParameters } from '../options';
import { PacketFifo } from './packet-fifo';
import { Pattern, PATTERN_PERIOD } from './pattern';

/**
 * The far side of a queue, which is not memory: a sink for what is read from memory, and a source of what is written there.
 *
 * The source is a pattern, or packets that arrive: from the scenario (`inject`), or from a queue whose sink loops into it.
 */
export class StreamPort {
  /** Bytes and packets that went out. */
  sentBytes = 0;
  sentPackets = 0;
  /** The position in the pattern. */
  position = 0;
  /** Where that is in its period. */
  private patternAt = 0;
  private readonly arrived: PacketFifo;
  private readonly pattern: Pattern;
  private readonly changed: () => void;
  private readonly keep: number;
  private kept = new Uint8Array(0);
  private keptLength = 0;
  private readonly packetEnds: number[] = [];
  private packetBytes = 0;
  private usesPackets = false;
  private seed = 0;
  private packetLength = 0;
  private loop: StreamPort | null = null;

  /** @param changed is called when the scenario has put something in */
  constructor({ streamBytes, keepBytes, chunkBytes }: PrototypeParameters, changed: () => void) {
    this.arrived = new PacketFifo(streamBytes);
    this.pattern = new Pattern(chunkBytes);
    this.keep = keepBytes;
    this.changed = changed;
  }

  /** What the queue's registers say. */
  configure(usesPackets: boolean, loop: StreamPort | null, seed: number, packetLength: number): void {
    this.usesPackets = usesPackets;
    this.loop = loop;
    this.seed = seed;
    this.packetLength = packetLength;
  }

  clear(): void {
    this.sentBytes = 0;
    this.sentPackets = 0;
    this.position = 0;
    this.patternAt = 0;
    this.arrived.clear();
    this.keptLength = 0;
    this.packetEnds.length = 0;
    this.packetBytes = 0;
    this.configure(false, null, 0, 0);
  }

  /** Hands a packet to the source. False if there is no room for all of it, or it is empty. */
  inject(packet: Uint8Array): boolean {
    if (packet.length === 0 || packet.length > this.arrived.free) return false;
    this.arrived.push(packet, 0, packet.length);
    this.arrived.end();
    this.changed();
    return true;
  }

  /** The first `keepBytes` bytes that went out. */
  received(): Uint8Array {
    return this.kept.slice(0, this.keptLength);
  }

  /** The packets that went out, as far as their bytes were kept. */
  receivedPackets(): Uint8Array[] {
    const ends = this.packetEnds.filter((end) => end <= this.keptLength);
    return ends.map((end, i) => this.kept.slice(i === 0 ? 0 : ends[i - 1], end));
  }

  /** Bytes that the sink takes now. */
  get room(): number {
    return this.loop === null ? Infinity : this.loop.arrived.free;
  }

  /** Takes bytes that were read from memory. */
  accept(bytes: Uint8Array, length: number): void {
    this.sentBytes += length;
    this.packetBytes += length;
    if (this.loop !== null) this.loop.arrived.push(bytes, 0, length);
    else if (this.keptLength < this.keep) this.keepBytes(bytes, Math.min(length, this.keep - this.keptLength));
  }

  private keepBytes(bytes: Uint8Array, length: number): void {
    const needed = this.keptLength + length;
    if (needed > this.kept.length) {
      const larger = new Uint8Array(Math.min(this.keep, Math.max(1024, 2 * needed)));
      larger.set(this.kept.subarray(0, this.keptLength));
      this.kept = larger;
    }
    this.kept.set(bytes.subarray(0, length), this.keptLength);
    this.keptLength = needed;
  }

  /** What went out since the last end is a packet. */
  endPacket(): void {
    if (this.packetBytes === 0) return;
    this.packetBytes = 0;
    this.sentPackets++;
    if (this.loop !== null) this.loop.arrived.end();
    else if (this.keptLength < this.keep) this.packetEnds.push(this.keptLength);
  }

  /** Bytes of the current packet that the source has, at most `most`; 0 if it has none yet. They are `source` from `at` on. */
  available(most: number): number {
    if (this.usesPackets) return Math.min(most, this.arrived.run);
    if (this.packetLength === 0) return most;
    return Math.min(most, this.packetLength - (this.position % this.packetLength));
  }

  get source(): Uint8Array {
    return this.usesPackets ? this.arrived.bytes : this.pattern.forSeed(this.seed);
  }

  get at(): number {
    return this.usesPackets ? this.arrived.at : this.patternAt;
  }

  /** So many bytes are in memory. */
  taken(length: number): void {
    if (this.usesPackets) {
      this.arrived.pop(length);
      return;
    }
    this.position += length;
    this.patternAt = (this.patternAt + length) % PATTERN_PERIOD;
  }

  /** Whether the packet of the bytes taken last is over; asked once after `taken`, or while nothing is available. */
  takeEnd(): boolean {
    if (this.usesPackets) return this.arrived.takeEnd();
    return this.packetLength !== 0 && this.position % this.packetLength === 0;
  }
}
