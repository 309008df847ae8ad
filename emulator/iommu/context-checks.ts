import type { U64 } from '../../base/u64';
import type { IommuCapabilities } from './options';
import {
  FSC_RESERVED_HI,
  levelsOfIosatp,
  MODE_BARE,
  modeOf,
  TA_QOS_HI,
  TA_RESERVED_HI,
  TA_RESERVED_LO,
  TC_DPE,
  TC_EN_ATS,
  TC_EN_PRI,
  TC_GADE,
  TC_PDTV,
  TC_PRPR,
  TC_RESERVED_LO,
  TC_SADE,
  TC_SBE,
  TC_SXL,
  TC_T2GPA,
} from './spec/device-context';

/** The doublewords of a device context in base format, as read from memory. */
export interface DeviceContextWords {
  readonly tc: U64;
  readonly iohgatp: U64;
  readonly ta: U64;
  readonly fsc: U64;
}

/** Needs `capabilities.ATS` or `T2GPA`, `END`, or a writable `fctl.GXL`: none of them is offered. */
const TC_NEVER = TC_EN_ATS | TC_EN_PRI | TC_PRPR | TC_T2GPA | TC_SBE | TC_SXL;

/**
 * Whether a valid device context breaks a rule of "Device-context configuration checks", with what this IOMMU offers:
 * no second stage, no process directory, no ATS, one endianness, no QoS ids.
 */
export const isMisconfigured = (words: DeviceContextWords, capabilities: IommuCapabilities): boolean =>
  hasBadControl(words.tc, capabilities) ||
  modeOf(words.iohgatp.hi) !== MODE_BARE ||
  hasBadAttributes(words.ta) ||
  hasBadFirstStage(words, capabilities);

const hasBadControl = (tc: U64, capabilities: IommuCapabilities): boolean => {
  const { lo, hi } = tc;
  if ((lo & TC_RESERVED_LO) !== 0 || hi !== 0 || (lo & TC_NEVER) !== 0) return true;
  if ((lo & (TC_SADE | TC_GADE)) !== 0 && !capabilities.hardwareAccessedDirty) return true;
  return (lo & TC_DPE) !== 0 && (lo & TC_PDTV) === 0;
};

const hasBadAttributes = (ta: U64): boolean =>
  (ta.lo & TA_RESERVED_LO) !== 0 || (ta.hi & (TA_RESERVED_HI | TA_QOS_HI)) !== 0;

const hasBadFirstStage = ({ tc, fsc }: DeviceContextWords, capabilities: IommuCapabilities): boolean => {
  if ((fsc.hi & FSC_RESERVED_HI) !== 0) return true;
  const mode = modeOf(fsc.hi);
  if (mode === MODE_BARE) return false;
  if ((tc.lo & TC_PDTV) !== 0) return true;
  const levels = levelsOfIosatp(mode);
  return levels === 0 || levels > levelsOfAddressBits(capabilities.virtualAddressBits);
};

/** Levels of the page table that translates addresses of this width. */
const levelsOfAddressBits = (bits: 39 | 48 | 57): number => (bits - 12) / 9;
