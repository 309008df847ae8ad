import { BUS_OK } from '../../../base/bus-outcome';
import type { PhysicalBus } from '../../bus/physical-bus';
import type { ContextCache } from '../caches/context-cache';
import { ALL_SPACES, type Iotlb } from '../caches/iotlb';
import type { IommuCapabilities } from '../options';
import {
  func3Of,
  IODIR_DV_HI,
  IODIR_INVAL_DDT,
  IODIR_RESERVED_HI,
  IODIR_RESERVED_LO,
  iodirDid,
  iodirPid,
  IOFENCE_AV,
  IOFENCE_C,
  IOFENCE_RESERVED_HI1,
  IOFENCE_RESERVED_LO,
  IOFENCE_WSI,
  iofenceAddress,
  IOTINVAL_AV,
  IOTINVAL_GV_HI,
  IOTINVAL_NL_HI,
  IOTINVAL_PSCV_HI,
  IOTINVAL_RESERVED_HI,
  IOTINVAL_RESERVED_HI1,
  IOTINVAL_RESERVED_LO,
  IOTINVAL_RESERVED_LO1,
  IOTINVAL_S_LO1,
  IOTINVAL_VMA,
  iotinvalPage,
  iotinvalPscid,
  OPCODE_IODIR,
  OPCODE_IOFENCE,
  OPCODE_IOTINVAL,
  opcodeOf,
} from '../spec/commands';
import { CQCSR_CMD_ILL, CQCSR_FENCE_W_IP, QCSR_MEMORY_FAULT } from '../spec/registers';

/** What a command does to `cqcsr`: nothing if it is done, or the bit that it sets. */
const DONE = 0;

/** Words of a command: the halves of its two doublewords, each the low one first. */
export const COMMAND_WORDS = 4;

/** Decodes and executes commands. `IOTINVAL.GVMA`, `IODIR.INVAL_PDT` and `ATS.*` are not offered, so they are illegal. */
export class CommandExecutor {
  private readonly bus: PhysicalBus;
  private readonly iotlb: Iotlb;
  private readonly contexts: ContextCache;
  private readonly capabilities: IommuCapabilities;
  private readonly widestDevice: () => number;
  /** Operands of `IOTINVAL` that must be zero, in the third and the second word. */
  private readonly illegalHi: number;
  private readonly illegalLo1: number;

  /** @param widestDevice tells the largest `device_id` that the current mode supports */
  constructor(
    bus: PhysicalBus,
    iotlb: Iotlb,
    contexts: ContextCache,
    capabilities: IommuCapabilities,
    widestDevice: () => number,
  ) {
    this.bus = bus;
    this.iotlb = iotlb;
    this.contexts = contexts;
    this.capabilities = capabilities;
    this.widestDevice = widestDevice;
    this.illegalHi = IOTINVAL_RESERVED_HI | (capabilities.nonLeafInvalidation ? 0 : IOTINVAL_NL_HI);
    this.illegalLo1 = IOTINVAL_RESERVED_LO1 | (capabilities.rangeInvalidation ? 0 : IOTINVAL_S_LO1);
  }

  /**
   * Executes one command, to its end. Returns the bit of `cqcsr` that it sets: 0; `fence_w_ip` (it is done); or `cmd_ill`
   * or `cqmf` (it is not, and the queue stops).
   *
   * @param words commands, the one to execute at `at`
   */
  execute(words: Int32Array, at: number): number {
    const lo = words[at]!;
    const hi = words[at + 1]!;
    const lo1 = words[at + 2]!;
    const hi1 = words[at + 3]!;
    const func3 = func3Of(lo);
    switch (opcodeOf(lo)) {
      case OPCODE_IOTINVAL:
        return func3 === IOTINVAL_VMA ? this.invalidateTranslations(lo, hi, lo1, hi1) : CQCSR_CMD_ILL;
      case OPCODE_IOFENCE:
        return func3 === IOFENCE_C ? this.fence(lo, hi, lo1, hi1) : CQCSR_CMD_ILL;
      case OPCODE_IODIR:
        return func3 === IODIR_INVAL_DDT ? this.invalidateContexts(lo, hi, lo1, hi1) : CQCSR_CMD_ILL;
      default:
        return CQCSR_CMD_ILL;
    }
  }

  /** With GV set it is about guests' address spaces; without a second stage there are none. */
  private invalidateTranslations(lo: number, hi: number, lo1: number, hi1: number): number {
    const illegal =
      (lo & IOTINVAL_RESERVED_LO) | (hi & this.illegalHi) | (lo1 & this.illegalLo1) | (hi1 & IOTINVAL_RESERVED_HI1);
    if (illegal !== 0) return CQCSR_CMD_ILL;
    if ((hi & IOTINVAL_GV_HI) !== 0) return DONE;
    const space = (hi & IOTINVAL_PSCV_HI) !== 0 ? iotinvalPscid(lo) : ALL_SPACES;
    if ((lo & IOTINVAL_AV) === 0) {
      if (space === ALL_SPACES) this.iotlb.invalidateAll();
      else this.iotlb.invalidateSpace(space);
    } else if ((lo1 & IOTINVAL_S_LO1) === 0) {
      this.iotlb.invalidatePage(iotinvalPage(lo1, hi1), space);
    } else {
      this.invalidateNapotRange(iotinvalPage(lo1, hi1), space);
    }
    return DONE;
  }

  /** "Address Range Invalidation Extension": the lowest zero bit of the page number tells the size of the range. */
  private invalidateNapotRange(encoded: number, space: number): void {
    let count = 2;
    for (let rest = encoded; rest % 2 === 1; rest = Math.floor(rest / 2)) count *= 2;
    this.iotlb.invalidateRange(Math.floor(encoded / count) * count, count, space);
  }

  /**
   * All earlier commands are complete, because each is executed to its end; all earlier device accesses are visible
   * (PR, PW), because accesses here are carried out as they are made.
   */
  private fence(lo: number, hi: number, lo1: number, hi1: number): number {
    if ((lo & IOFENCE_RESERVED_LO) !== 0 || (hi1 & IOFENCE_RESERVED_HI1) !== 0) return CQCSR_CMD_ILL;
    if ((lo & IOFENCE_AV) !== 0) {
      const address = iofenceAddress(lo1, hi1);
      if (address >= 2 ** this.capabilities.physicalAddressBits) return QCSR_MEMORY_FAULT;
      if (this.bus.store32(address, hi) !== BUS_OK) return QCSR_MEMORY_FAULT;
    }
    return (lo & IOFENCE_WSI) !== 0 ? CQCSR_FENCE_W_IP : DONE;
  }

  private invalidateContexts(lo: number, hi: number, lo1: number, hi1: number): number {
    const reserved = (lo & IODIR_RESERVED_LO) | (hi & IODIR_RESERVED_HI) | lo1 | hi1 | iodirPid(lo);
    if (reserved !== 0) return CQCSR_CMD_ILL;
    if ((hi & IODIR_DV_HI) === 0) {
      this.contexts.invalidateAll();
      return DONE;
    }
    if (iodirDid(hi) > this.widestDevice()) return CQCSR_CMD_ILL;
    this.contexts.invalidate(iodirDid(hi));
    return DONE;
  }
}
