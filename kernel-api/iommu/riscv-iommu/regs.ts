/**
 * The driver's header: registers and in-memory formats of the RISC-V IOMMU (specification chapters "Memory-mapped
 * register interface", "Data Structures" and "In-memory queue interface"). 64-bit words are given as halves: a name
 * with `_HI` is a bit of the upper half.
 */

/* Register layout. */
export const REG_CAPABILITIES = 0x000;
export const REG_FCTL = 0x008;
export const REG_DDTP = 0x010;
export const REG_CQB = 0x018;
export const REG_FQB = 0x028;
export const REG_CQCSR = 0x048;
export const REG_FQCSR = 0x04c;
export const REG_PQCSR = 0x050;
export const REG_IPSR = 0x054;
export const REG_ICVEC = 0x2f8;
/** Head and tail of a queue, from its base register. */
export const QUEUE_HEAD = 0x8;
export const QUEUE_TAIL = 0xc;

/* capabilities */
export const CAP_VERSION = 0xff;
/** Version 1.0. */
export const VERSION_1_0 = 0x10;
export const CAP_SV39 = 1 << 9;
export const CAP_SV48 = 1 << 10;
export const CAP_SV57 = 1 << 11;
export const CAP_SVPBMT = 1 << 15;
export const CAP_MSI_FLAT = 1 << 22;
export const CAP_END = 1 << 27;
export const CAP_IGS_SHIFT = 28;
export const CAP_IGS_MASK = 3;
export const IGS_WSI = 1;
export const IGS_BOTH = 2;
/** Non-leaf PTE invalidation extension. */
export const CAP_HI_NL = 1 << (42 - 32);
/** Address range invalidation extension. */
export const CAP_HI_S = 1 << (43 - 32);

/* fctl */
export const FCTL_BE = 1 << 0;
export const FCTL_WSI = 1 << 1;

/* ddtp, and any register or entry with a page number in bits 53:10 */
export const DDTP_MODE = 0xf;
export const DDTP_BUSY = 1 << 4;
export const MODE_OFF = 0;
export const MODE_BARE = 1;
export const MODE_1LVL = 2;
export const MODE_3LVL = 4;
export const PPN_SHIFT = 10;

/* cqb, fqb */
export const QUEUE_LOG2SZ = 0x1f;

/* cqcsr, fqcsr: these bits are in the same place */
export const CSR_EN = 1 << 0;
export const CSR_IE = 1 << 1;
export const CSR_MF = 1 << 8;
export const CSR_ON = 1 << 16;
export const CSR_BUSY = 1 << 17;
export const CQCSR_CMD_TO = 1 << 9;
export const CQCSR_CMD_ILL = 1 << 10;
export const CQCSR_FENCE_W_IP = 1 << 11;
export const FQCSR_FQOF = 1 << 9;

/* ipsr, and the order of causes in icvec */
export const CAUSE_CQ = 0;
export const CAUSE_FQ = 1;
export const CAUSES = 4;
export const ICVEC_FIELD_BITS = 4;
export const ICVEC_FIELD_MASK = 0xf;

/* Commands: word 0 */
export const CMD_IOTINVAL_VMA = 1;
export const CMD_IOFENCE_C = 2;
export const CMD_IODIR_INVAL_DDT = 3;
export const CMD_IOTINVAL_AV = 1 << 10;
export const CMD_IOTINVAL_PSCID_SHIFT = 12;
export const CMD_IOTINVAL_HI_PSCV = 1 << (32 - 32);
export const CMD_IOTINVAL_HI_NL = 1 << (34 - 32);
export const CMD_IOFENCE_PR = 1 << 12;
export const CMD_IOFENCE_PW = 1 << 13;
export const CMD_IODIR_HI_DV = 1 << (33 - 32);
export const CMD_IODIR_HI_DID_SHIFT = 40 - 32;
/* Commands: word 1 */
export const CMD_IOTINVAL_S = 1 << 9;
export const CMD_IOTINVAL_ADDR_SHIFT = 10;
export const COMMAND_BYTES = 16;

/* Fault records */
export const FAULT_RECORD_BYTES = 32;
export const FAULT_CAUSE = 0xfff;
export const FAULT_PID_SHIFT = 12;
export const FAULT_HI_PV = 1 << (32 - 32);
export const FAULT_HI_TTYP_SHIFT = 34 - 32;
export const FAULT_HI_TTYP_MASK = 0x3f;
export const FAULT_HI_DID_SHIFT = 40 - 32;
export const FAULT_IOTVAL = 16;
export const FAULT_IOTVAL2 = 24;

/* Device directory */
export const DDTE_V = 1 << 0;
export const DC_BYTES_BASE = 32;
export const DC_BYTES_EXTENDED = 64;
export const DC_TC = 0;
export const DC_TA = 16;
export const DC_FSC = 24;
export const DC_TC_V = 1 << 0;
export const DC_TA_PSCID_SHIFT = 12;
/** `iosatp.MODE` of Sv39; the next ones are Sv48 and Sv57. */
export const FSC_MODE_SV39 = 8;
export const FSC_MODE_BARE = 0;
export const FSC_HI_MODE_SHIFT = 60 - 32;
/** Soft-context ids have 20 bits; 0 is left unused. */
export const PSCID_MAX = 2 ** 20 - 1;
/** Device ids have at most 24 bits. */
export const DEVICE_ID_BITS = 24;
