import type { BusOutcome } from '../../base/bus-outcome';
import { BUS_OK } from '../../base/bus-outcome';
import { pageOfHalves } from '../../base/u64';
import type { DevicePort } from '../../emulator/bus/device-port';
import { CTL_HI_VALID, LLI, LLI_BYTES } from './spec';

/** Indices of words. */
const SAR = LLI.SAR / 4;
const DAR = LLI.DAR / 4;
const BLOCK_TS = LLI.BLOCK_TS / 4;
const LLP = LLI.LLP / 4;
const CTL_LO = LLI.CTL_LO / 4;
const CTL_HI = LLI.CTL_HI / 4;
const STATUS_LO = LLI.STATUS_LO / 4;

/** Words fetched: everything up to the status words. */
const FETCHED = STATUS_LO;
/** The write-back covers what can change, and what lies between: half of the control word to half of the status. */
const WRITTEN_FROM = CTL_HI;
const WRITTEN = LLI.STATUS_HI / 4 - WRITTEN_FROM;

/**
 * The linked-list item at which a channel works: its place in memory and what was fetched from there. The halves are signed
 * 32-bit integers, which V8 passes around without allocating.
 *
 * An item is 64 bytes, aligned to 64 bytes: the low six bits of a list pointer are not part of the address (bit 0 selects
 * the master).
 */
export class LinkedListItem {
  sarLo = 0;
  sarHi = 0;
  darLo = 0;
  darHi = 0;
  blockTs = 0;
  llpLo = 0;
  llpHi = 0;
  ctlLo = 0;
  ctlHi = 0;

  /** Whether software had released the item that was fetched last to the controller. */
  valid = false;

  private readonly port: DevicePort;
  private readonly words = new Int32Array(LLI_BYTES / 4);
  private page = 0;
  private offset = 0;

  constructor(port: DevicePort) {
    this.port = port;
  }

  /** Fetches the item at a list pointer. The fields change only if the outcome is `BUS_OK` and the item is valid. */
  fetch(pointerLo: number, pointerHi: number): BusOutcome {
    this.page = pageOfHalves(pointerLo, pointerHi);
    this.offset = pointerLo & 0xfc0;
    const { words } = this;
    const outcome = this.port.readWords(this.page, this.offset, words, 0, FETCHED);
    if (outcome !== BUS_OK) return outcome;
    this.valid = (words[CTL_HI]! & CTL_HI_VALID) !== 0;
    if (this.valid) this.decode(words);
    return BUS_OK;
  }

  private decode(words: Int32Array): void {
    this.sarLo = words[SAR]!;
    this.sarHi = words[SAR + 1]!;
    this.darLo = words[DAR]!;
    this.darHi = words[DAR + 1]!;
    this.blockTs = words[BLOCK_TS]!;
    this.llpLo = words[LLP]!;
    this.llpHi = words[LLP + 1]!;
    this.ctlLo = words[CTL_LO]!;
    this.ctlHi = words[CTL_HI]!;
  }

  /** Writes the consumed item back: valid bit cleared, the channel's interrupt status in its status words. */
  writeBack(status: number): BusOutcome {
    const { words } = this;
    words[CTL_HI] = this.ctlHi & ~CTL_HI_VALID;
    words[STATUS_LO] = status;
    const outcome = this.port.writeWords(this.page, this.offset + 4 * WRITTEN_FROM, words, WRITTEN_FROM, WRITTEN);
    if (outcome === BUS_OK) this.ctlHi &= ~CTL_HI_VALID;
    return outcome;
  }
}
