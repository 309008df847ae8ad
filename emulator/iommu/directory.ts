import { PAGE_SIZE } from '../../base/address';
import { BUS_OK, BUS_POISONED, type BusOutcome } from '../../base/bus-outcome';
import { u64, type U64 } from '../../base/u64';
import type { PhysicalBus } from '../bus/physical-bus';
import { NO_SPACE, type DeviceContext } from './caches/context-cache';
import { isMisconfigured } from './context-checks';
import type { IommuCapabilities } from './options';
import { DDTE_RESERVED_HI, DDTE_RESERVED_LO, DDTE_V } from './spec/ddtp';
import {
  BASE_FORMAT,
  DC_FSC,
  DC_IOHGATP,
  DC_TA,
  DC_TC,
  levelsOfIosatp,
  modeOf,
  ppnInBits43To0,
  ppnInBits53To10,
  TC_DTF,
  TC_SADE,
  TC_V,
} from './spec/device-context';
import {
  CAUSE_DDT_ACCESS_FAULT,
  CAUSE_DDT_CORRUPTED,
  CAUSE_DDT_MISCONFIGURED,
  CAUSE_DDT_NOT_VALID,
} from './spec/fault';

/** The result of a step that found nothing wrong. */
const FOUND = 0;

/** As much of the bus as the directory needs. */
export type DirectoryBus = Pick<PhysicalBus, 'load64'>;

/** Finds device contexts in memory ("Process to locate the Device-context"). */
export class DeviceDirectory {
  private readonly bus: DirectoryBus;
  private readonly capabilities: IommuCapabilities;
  private readonly pageLimit: number;
  private readonly entry = u64();
  private readonly words = { tc: u64(), iohgatp: u64(), ta: u64(), fsc: u64() };

  constructor(bus: DirectoryBus, capabilities: IommuCapabilities) {
    this.bus = bus;
    this.capabilities = capabilities;
    this.pageLimit = 2 ** (capabilities.physicalAddressBits - 12);
  }

  /**
   * Walks the directory and reads a device's context; `decode` then has it.
   *
   * @param root page number of the root table
   * @param levels 1 to 3; the caller has checked that `deviceId` is not wider
   * @returns 0, or the cause of the fault
   */
  locate(root: number, levels: number, deviceId: number): number {
    let table = root;
    for (let level = levels - 1; level > 0; level--) {
      const { entry } = this;
      const index = (deviceId >>> (BASE_FORMAT.leafBits + 9 * (level - 1))) & 0x1ff;
      const cause = this.load(table, index * 8, entry);
      if (cause !== FOUND) return cause;
      if ((entry.lo & DDTE_V) === 0) return CAUSE_DDT_NOT_VALID;
      if ((entry.lo & DDTE_RESERVED_LO) !== 0 || (entry.hi & DDTE_RESERVED_HI) !== 0) return CAUSE_DDT_MISCONFIGURED;
      table = ppnInBits53To10(entry.lo, entry.hi);
    }
    return this.readContext(table, (deviceId & (2 ** BASE_FORMAT.leafBits - 1)) * BASE_FORMAT.size);
  }

  private readContext(table: number, offset: number): number {
    const { words } = this;
    const cause =
      this.load(table, offset + DC_TC, words.tc) ||
      this.load(table, offset + DC_IOHGATP, words.iohgatp) ||
      this.load(table, offset + DC_TA, words.ta) ||
      this.load(table, offset + DC_FSC, words.fsc);
    if (cause !== FOUND) return cause;
    if ((words.tc.lo & TC_V) === 0) return CAUSE_DDT_NOT_VALID;
    return isMisconfigured(words, this.capabilities) ? CAUSE_DDT_MISCONFIGURED : FOUND;
  }

  /**
   * Puts the context that `locate` has just found into `context`, all but its device.
   *
   * Where PDTV is set, the check has left `pdtp.MODE` = Bare only, which means a Bare first stage as well.
   */
  decode(context: DeviceContext): void {
    const { words } = this;
    const levels = levelsOfIosatp(modeOf(words.fsc.hi));
    context.levels = levels;
    context.space = levels === 0 ? NO_SPACE : words.ta.lo >>> 12;
    context.root = ppnInBits43To0(words.fsc.lo, words.fsc.hi);
    context.updatesAccessedDirty = (words.tc.lo & TC_SADE) !== 0;
    context.disablesFaults = (words.tc.lo & TC_DTF) !== 0;
  }

  private load(table: number, offset: number, into: U64): number {
    if (table >= this.pageLimit) return CAUSE_DDT_ACCESS_FAULT;
    return causeOfLoad(this.bus.load64(table * PAGE_SIZE + offset, into));
  }
}

const causeOfLoad = (outcome: BusOutcome): number => {
  if (outcome === BUS_OK) return FOUND;
  return outcome === BUS_POISONED ? CAUSE_DDT_CORRUPTED : CAUSE_DDT_ACCESS_FAULT;
};
