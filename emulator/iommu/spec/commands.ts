/**
 * Commands ("Command-Queue"): four 32-bit words, the halves of two doublewords.
 *
 * Masks named `…_LO` and `…_HI` belong to the first doubleword, `…_LO1` and `…_HI1` to the second.
 */
export const COMMAND_SIZE = 16;

/** Major groups, bits 6:0. Codes from 64 on are custom. */
export const OPCODE_IOTINVAL = 1;
export const OPCODE_IOFENCE = 2;
export const OPCODE_IODIR = 3;
export const OPCODE_ATS = 4;

/** `func3`, bits 9:7. */
export const IOTINVAL_VMA = 0;
export const IOTINVAL_GVMA = 1;
export const IOFENCE_C = 0;
export const IODIR_INVAL_DDT = 0;
export const IODIR_INVAL_PDT = 1;

export const opcodeOf = (lo: number): number => lo & 0x7f;
export const func3Of = (lo: number): number => (lo >>> 7) & 0x7;

/** Operands of `IOTINVAL`. */
export const IOTINVAL_AV = 0x400;
export const IOTINVAL_RESERVED_LO = 0x800;
export const IOTINVAL_PSCV_HI = 0x1;
export const IOTINVAL_GV_HI = 0x2;
export const IOTINVAL_NL_HI = 0x4;
export const IOTINVAL_RESERVED_HI = 0xf000_0ff8;
export const IOTINVAL_S_LO1 = 0x200;
export const IOTINVAL_RESERVED_LO1 = 0x1ff;
export const IOTINVAL_RESERVED_HI1 = 0xc000_0000;
export const iotinvalPscid = (lo: number): number => lo >>> 12;
/** The page number of ADDR[63:12]. */
export const iotinvalPage = (lo1: number, hi1: number): number => (hi1 & 0x3fff_ffff) * 0x40_0000 + (lo1 >>> 10);

/** Operands of `IOFENCE.C`. DATA is the high half of the first doubleword. */
export const IOFENCE_AV = 0x400;
export const IOFENCE_WSI = 0x800;
export const IOFENCE_PR = 0x1000;
export const IOFENCE_PW = 0x2000;
export const IOFENCE_RESERVED_LO = 0xffff_c000;
export const IOFENCE_RESERVED_HI1 = 0xc000_0000;
/** The byte address, from ADDR[63:2]; exact below 2^53. */
export const iofenceAddress = (lo1: number, hi1: number): number => (hi1 & 0x3fff_ffff) * 2 ** 34 + (lo1 >>> 0) * 4;

/** Operands of `IODIR`. */
export const IODIR_RESERVED_LO = 0xc00;
export const IODIR_DV_HI = 0x2;
export const IODIR_RESERVED_HI = 0xfd;
export const iodirPid = (lo: number): number => lo >>> 12;
export const iodirDid = (hi: number): number => hi >>> 8;
