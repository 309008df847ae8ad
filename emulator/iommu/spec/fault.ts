/** Causes of a fault record ("Fault/Event-Queue", CAUSE field encodings). */
export const CAUSE_INSTRUCTION_ACCESS_FAULT = 1;
export const CAUSE_READ_MISALIGNED = 4;
export const CAUSE_READ_ACCESS_FAULT = 5;
export const CAUSE_WRITE_MISALIGNED = 6;
export const CAUSE_WRITE_ACCESS_FAULT = 7;
export const CAUSE_INSTRUCTION_PAGE_FAULT = 12;
export const CAUSE_READ_PAGE_FAULT = 13;
export const CAUSE_WRITE_PAGE_FAULT = 15;
export const CAUSE_INSTRUCTION_GUEST_PAGE_FAULT = 20;
export const CAUSE_READ_GUEST_PAGE_FAULT = 21;
export const CAUSE_WRITE_GUEST_PAGE_FAULT = 23;
export const CAUSE_ALL_DISALLOWED = 256;
export const CAUSE_DDT_ACCESS_FAULT = 257;
export const CAUSE_DDT_NOT_VALID = 258;
export const CAUSE_DDT_MISCONFIGURED = 259;
export const CAUSE_TYPE_DISALLOWED = 260;
export const CAUSE_MSI_PTE_ACCESS_FAULT = 261;
export const CAUSE_MSI_PTE_NOT_VALID = 262;
export const CAUSE_MSI_PTE_MISCONFIGURED = 263;
export const CAUSE_MRIF_ACCESS_FAULT = 264;
export const CAUSE_PDT_ACCESS_FAULT = 265;
export const CAUSE_PDT_NOT_VALID = 266;
export const CAUSE_PDT_MISCONFIGURED = 267;
export const CAUSE_DDT_CORRUPTED = 268;
export const CAUSE_PDT_CORRUPTED = 269;
export const CAUSE_MSI_PT_CORRUPTED = 270;
export const CAUSE_MRIF_CORRUPTED = 271;
export const CAUSE_DATA_PATH = 272;
export const CAUSE_MSI_WRITE_ACCESS_FAULT = 273;
export const CAUSE_PT_CORRUPTED = 274;

const CAUSE_NAMES: Readonly<Record<number, string>> = {
  1: 'instruction access fault',
  4: 'read address misaligned',
  5: 'read access fault',
  6: 'write/AMO address misaligned',
  7: 'write/AMO access fault',
  12: 'instruction page fault',
  13: 'read page fault',
  15: 'write/AMO page fault',
  20: 'instruction guest page fault',
  21: 'read guest-page fault',
  23: 'write/AMO guest-page fault',
  256: 'all inbound transactions disallowed',
  257: 'DDT entry load access fault',
  258: 'DDT entry not valid',
  259: 'DDT entry misconfigured',
  260: 'transaction type disallowed',
  261: 'MSI PTE load access fault',
  262: 'MSI PTE not valid',
  263: 'MSI PTE misconfigured',
  264: 'MRIF access fault',
  265: 'PDT entry load access fault',
  266: 'PDT entry not valid',
  267: 'PDT entry misconfigured',
  268: 'DDT data corruption',
  269: 'PDT data corruption',
  270: 'MSI PT data corruption',
  271: 'MSI MRIF data corruption',
  272: 'internal data path error',
  273: 'IOMMU MSI write access fault',
  274: 'first/second-stage PT data corruption',
};

/** A cause in the words of the specification; reserved and custom codes by number. */
export const causeName = (cause: number): string => CAUSE_NAMES[cause] ?? `cause ${cause}`;

/** Whether a cause is reported even where the device context sets `DTF` ("Reported if DTF is 1?"). */
export const isReportedDespiteDtf = (cause: number): boolean =>
  (cause >= CAUSE_ALL_DISALLOWED && cause <= CAUSE_DDT_MISCONFIGURED) ||
  cause === CAUSE_DDT_CORRUPTED ||
  cause === CAUSE_DATA_PATH ||
  cause === CAUSE_MSI_WRITE_ACCESS_FAULT;

/** Transaction types of a fault record (`TTYP`). */
export const TTYP_NONE = 0;
export const TTYP_UNTRANSLATED_EXECUTE = 1;
export const TTYP_UNTRANSLATED_READ = 2;
export const TTYP_UNTRANSLATED_WRITE = 3;
export const TTYP_TRANSLATED_EXECUTE = 5;
export const TTYP_TRANSLATED_READ = 6;
export const TTYP_TRANSLATED_WRITE = 7;
export const TTYP_ATS_REQUEST = 8;
export const TTYP_MESSAGE = 9;

/** Bytes of a fault record. */
export const FAULT_RECORD_SIZE = 32;

/** Low half of the first doubleword of a record for a transaction without `process_id`. */
export const recordLow = (cause: number): number => cause;
/** High half of it. */
export const recordHigh = (ttyp: number, deviceId: number): number => ((deviceId << 8) | (ttyp << 2)) >>> 0;
