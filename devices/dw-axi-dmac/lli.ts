import type { BusOutcome } from '../../base/bus-outcome';
import { BUS_OK } from '../../base/bus-outcome';
import { pageOfHalves } from '../../base/u64';
import type { DevicePort } from '../../emulator/bus/device-port';
import { CTL_HI_VALID, LLI, LLI_BYTES } from './spec';

/** Words fetched: everything up to the status words. */
const FETCHED = LLI.STATUS_LO / 4;
/** The write-back covers what can change, and what lies between: half of the control word to half of the status. */
const WRITTEN_FROM = LLI.CTL_HI / 4;
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
    this.valid = (words[LLI.CTL_HI / 4]! & CTL_HI_VALID) !== 0;
    if (this.valid) this.decode(words);
    return BUS_OK;
  }

  private decode(words: Int32Array): void {
    this.sarLo = words[LLI.SAR / 4]!;
    this.sarHi = words[LLI.SAR / 4 + 1]!;
    this.darLo = words[LLI.DAR / 4]!;
    this.darHi = words[LLI.DAR / 4 + 1]!;
    this.blockTs = words[LLI.BLOCK_TS / 4]!;
    this.llpLo = words[LLI.LLP / 4]!;
    this.llpHi = words[LLI.LLP / 4 + 1]!;
    this.ctlLo = words[LLI.CTL_LO / 4]!;
    this.ctlHi = words[LLI.CTL_HI / 4]!;
  }

  /** Writes the consumed item back: valid bit cleared, the channel's interrupt status in its status words. */
  writeBack(status: number): BusOutcome {
    const { words } = this;
    words[LLI.CTL_HI / 4] = this.ctlHi & ~CTL_HI_VALID;
    words[LLI.STATUS_LO / 4] = status;
    const outcome = this.port.writeWords(this.page, this.offset + 4 * WRITTEN_FROM, words, WRITTEN_FROM, WRITTEN);
    if (outcome === BUS_OK) this.ctlHi &= ~CTL_HI_VALID;
    return outcome;
  }
}
