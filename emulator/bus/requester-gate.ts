import { LabError } from '../../base/errors';
import type { Trace } from '../../base/trace';
import { RegisterBlock } from '../registers/register-block';
import type { Register } from '../registers/register';
import type { Gate } from './gate';
import { GATE_MAX_REQUESTERS, GATE_REGISTERS } from './requester-gate-registers';

const COUNTER_MAX = 0xffff_ffff;

/**
 * The requester gate: stands between the bus masters and the bus (behind the IOMMU, which sees and reports every access first) and turns away every access of a
 * requester that software has closed. An access turned away answers `BUS_ACCESS_FAULT` and is counted.
 *
 * At power-on all requesters may pass. Ids that it does not guard always may.
 */
export class RequesterGate implements Gate {
  /** Its register window. */
  readonly registers = new RegisterBlock(GATE_REGISTERS);
  /** Ids `0` to `requesters - 1` are guarded. */
  readonly requesters: number;
  /** The `CLOSED` registers: an access asks here. */
  private readonly closed = new Uint32Array(GATE_MAX_REQUESTERS / 32);
  private readonly droppedReads: Uint32Array;
  private readonly droppedWrites: Uint32Array;

  /** @param requesters how many ids it guards, 1 to 1024; anything else is a `LabError`. */
  constructor(requesters = 256) {
    if (!Number.isInteger(requesters) || requesters < 1 || requesters > GATE_MAX_REQUESTERS) {
      throw new LabError(`a requester gate guards 1 to ${GATE_MAX_REQUESTERS} requesters, not ${requesters}`);
    }
    this.requesters = requesters;
    this.droppedReads = new Uint32Array(requesters);
    this.droppedWrites = new Uint32Array(requesters);
    this.registers.register('CONFIG').setField('REQUESTERS', requesters);
    this.registers.hook('CLOSED', { afterWrite: (word) => this.close(word) });
    this.registers.hook('SELECT', { afterWrite: () => this.showCounters() });
    this.registers.hook('DROPPED_READS', { afterWrite: () => this.clearCounter(this.droppedReads) });
    this.registers.hook('DROPPED_WRITES', { afterWrite: () => this.clearCounter(this.droppedWrites) });
  }

  private close(word: Register): void {
    word.set(word.lo & this.guardedBits(word.index));
    this.closed[word.index] = word.lo;
  }

  private guardedBits(word: number): number {
    const guarded = this.requesters - 32 * word;
    if (guarded >= 32) return 0xffff_ffff;
    return guarded <= 0 ? 0 : 2 ** guarded - 1;
  }

  private get selected(): number {
    return this.registers.register('SELECT').lo;
  }

  /** The counters show what `SELECT` points at; a requester that is not guarded has counted nothing. */
  private showCounters(): void {
    this.registers.register('DROPPED_READS').set(this.droppedReads[this.selected] ?? 0);
    this.registers.register('DROPPED_WRITES').set(this.droppedWrites[this.selected] ?? 0);
  }

  private clearCounter(counts: Uint32Array): void {
    counts[this.selected] = 0;
    this.showCounters();
  }

  admits(requesterId: number): boolean {
    if (requesterId >= this.requesters) return true;
    return ((this.closed[requesterId >>> 5]! >>> (requesterId & 31)) & 1) === 0;
  }

  countDrop(requesterId: number, write: boolean): void {
    const counts = write ? this.droppedWrites : this.droppedReads;
    const count = counts[requesterId];
    if (count !== undefined && count < COUNTER_MAX) counts[requesterId] = count + 1;
    this.registers.register('STATUS').setField('DROPPED', 1);
    this.showCounters();
  }

  /** Where writes to what is not implemented are told. */
  connectTrace(trace: Trace): void {
    this.registers.connectTrace(trace);
  }

  /** As at power-on: open, nothing counted. */
  reset(): void {
    this.registers.reset();
    this.registers.register('CONFIG').setField('REQUESTERS', this.requesters);
    this.closed.fill(0);
    this.droppedReads.fill(0);
    this.droppedWrites.fill(0);
  }
}
