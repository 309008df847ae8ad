/**
 * How device contexts are laid out in memory ("Data Structures": base and extended format).
 *
 * Which format is used follows from `capabilities.MSI_FLAT`; everything that depends on it is in these two tables.
 */
export interface DeviceContextFormat {
  /** Bytes of a device context. */
  readonly size: number;
  /** Bits of `device_id` that index the leaf table, `DDI[0]`. The next level always takes nine. */
  readonly leafBits: number;
}

export const BASE_FORMAT: DeviceContextFormat = { size: 32, leafBits: 7 };
export const EXTENDED_FORMAT: DeviceContextFormat = { size: 64, leafBits: 6 };

/** Bits of `device_id` that a directory of this many levels can look up. */
export const deviceIdBits = (format: DeviceContextFormat, levels: number): number =>
  levels === 3 ? 24 : format.leafBits + 9 * (levels - 1);

/** Byte offsets of the doublewords in a device context. From `MSIPTP` on: extended format only. */
export const DC_TC = 0;
export const DC_IOHGATP = 8;
export const DC_TA = 16;
export const DC_FSC = 24;
export const DC_MSIPTP = 32;
export const DC_MSI_ADDR_MASK = 40;
export const DC_MSI_ADDR_PATTERN = 48;
export const DC_RESERVED = 56;

/** Bits of the low half of translation control (`tc`). */
export const TC_V = 0x001;
export const TC_EN_ATS = 0x002;
export const TC_EN_PRI = 0x004;
export const TC_T2GPA = 0x008;
export const TC_DTF = 0x010;
export const TC_PDTV = 0x020;
export const TC_PRPR = 0x040;
export const TC_GADE = 0x080;
export const TC_SADE = 0x100;
export const TC_DPE = 0x200;
export const TC_SBE = 0x400;
export const TC_SXL = 0x800;
/** Bits 31:24 are custom; the whole high half is reserved. */
export const TC_RESERVED_LO = 0x00ff_f000;

/** `MODE` of `iohgatp`, `iosatp` and `pdtp`: bits 63:60. */
export const modeOf = (hi: number): number => hi >>> 28;
/** The encoding of `MODE` that means no translation, in all three. */
export const MODE_BARE = 0;
/** `iosatp.MODE` with `SXL` = 0. */
export const IOSATP_SV39 = 8;
export const IOSATP_SV48 = 9;
export const IOSATP_SV57 = 10;
/** Reserved bits of the high half of `iosatp` and `pdtp` (59:44). */
export const FSC_RESERVED_HI = 0x0fff_f000;

/** Levels of the page table of an `iosatp.MODE`; 0 if the encoding is not a paged mode. */
export const levelsOfIosatp = (mode: number): number => (mode >= IOSATP_SV39 && mode <= IOSATP_SV57 ? mode - 5 : 0);

/** Reserved bits of translation attributes (`ta`); the high half's `RCID` and `MCID` belong to the QoS extension. */
export const TA_RESERVED_LO = 0x0000_0fff;
export const TA_RESERVED_HI = 0x0000_00ff;
export const TA_QOS_HI = 0xffff_ff00;

/**
 * The page number in bits 43:0 of a doubleword, as `iosatp` and `iohgatp` hold it. Whatever the doubleword came from, a
 * page number of up to 31 bits is a small integer to the engine, and arithmetic with it stays so.
 */
export const ppnInBits43To0 = (lo: number, hi: number): number =>
  (hi & 0xfff) === 0 ? lo >>> 0 : (hi & 0xfff) * 0x1_0000_0000 + (lo >>> 0);
/** The page number in bits 53:10, as page table entries, directory entries and base registers hold it. */
export const ppnInBits53To10 = (lo: number, hi: number): number => (hi & 0x3f_ffff) * 0x40_0000 + (lo >>> 10);
