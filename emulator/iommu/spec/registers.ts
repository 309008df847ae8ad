import { defineBlock } from '../../registers/define-block';

/** `capabilities.version` of an implementation of version 1.0 of the specification. */
export const VERSION_1_0 = 0x10;

/** Values of `capabilities.IGS`: how the IOMMU can signal its interrupts. */
export const IGS_MSI = 0;
export const IGS_WSI = 1;
export const IGS_BOTH = 2;

/** Fields that `cqcsr`, `fqcsr` and `pqcsr` share, as masks of the 32-bit register. */
export const QCSR_ENABLE = 0x0000_0001;
export const QCSR_INTERRUPT_ENABLE = 0x0000_0002;
export const QCSR_MEMORY_FAULT = 0x0000_0100;
export const QCSR_ON = 0x0001_0000;
export const QCSR_BUSY = 0x0002_0000;
/** The remaining fields of `cqcsr`. */
export const CQCSR_CMD_TO = 0x0000_0200;
export const CQCSR_CMD_ILL = 0x0000_0400;
export const CQCSR_FENCE_W_IP = 0x0000_0800;
/** The remaining field of `fqcsr`. */
export const FQCSR_OVERFLOW = 0x0000_0200;

/** Interrupt causes: bits of `ipsr`, and four-bit fields of `icvec` in the same order. */
export const IPSR_CIP = 0x1;
export const IPSR_FIP = 0x2;
export const IPSR_PMIP = 0x4;
export const IPSR_PIP = 0x8;

const absent64 = { value: { bits: [63, 0], unimplemented: true } } as const;
const absent32 = { value: { bits: [31, 0], unimplemented: true } } as const;

/**
 * The register map ("Memory-mapped register interface" of the specification).
 *
 * Optional registers that `capabilities` does not advertise read as zero and ignore writes; they are declared, so that
 * a write to one is traced by name. The values of `capabilities` are set when the IOMMU is made.
 */
export const IOMMU_REGISTERS = defineBlock({
  name: 'riscv-iommu',
  size: 4096,
  registers: {
    capabilities: {
      offset: 0,
      width: 8,
      access: 'ro',
      doc: 'what this IOMMU supports',
      fields: {
        version: { bits: [7, 0] },
        Sv32: { bits: 8 },
        Sv39: { bits: 9 },
        Sv48: { bits: 10 },
        Sv57: { bits: 11 },
        Svrsw60t59b: { bits: 14 },
        Svpbmt: { bits: 15 },
        Sv32x4: { bits: 16 },
        Sv39x4: { bits: 17 },
        Sv48x4: { bits: 18 },
        Sv57x4: { bits: 19 },
        AMO_MRIF: { bits: 21 },
        MSI_FLAT: { bits: 22 },
        MSI_MRIF: { bits: 23 },
        AMO_HWAD: { bits: 24 },
        ATS: { bits: 25 },
        T2GPA: { bits: 26 },
        END: { bits: 27 },
        IGS: { bits: [29, 28], values: { 0: 'MSI', 1: 'WSI', 2: 'BOTH' } },
        HPM: { bits: 30 },
        DBG: { bits: 31 },
        PAS: { bits: [37, 32] },
        PD8: { bits: 38 },
        PD17: { bits: 39 },
        PD20: { bits: 40 },
        QOSID: { bits: 41 },
        NL: { bits: 42 },
        S: { bits: 43 },
      },
    },
    fctl: {
      offset: 8,
      width: 4,
      access: 'ro',
      doc: 'features control',
      fields: {
        BE: { bits: 0, unimplemented: true, doc: 'big-endian structures: END is 0, so little-endian only' },
        WSI: { bits: 1, reset: 1, doc: 'wired interrupts: IGS is WSI, so always' },
        GXL: { bits: 2, unimplemented: true, doc: '32-bit guest addresses' },
      },
    },
    ddtp: {
      offset: 16,
      width: 8,
      doc: 'device directory table pointer',
      fields: {
        iommu_mode: { bits: [3, 0], values: { 0: 'Off', 1: 'Bare', 2: '1LVL', 3: '2LVL', 4: '3LVL' } },
        busy: { bits: 4, access: 'ro' },
        PPN: { bits: [53, 10] },
      },
    },
    cqb: {
      offset: 24,
      width: 8,
      doc: 'command queue base',
      fields: { 'LOG2SZ-1': { bits: [4, 0] }, PPN: { bits: [53, 10] } },
    },
    cqh: { offset: 32, width: 4, access: 'ro', doc: 'command queue head', fields: { index: { bits: [31, 0] } } },
    cqt: { offset: 36, width: 4, doc: 'command queue tail', fields: { index: { bits: [31, 0] } } },
    fqb: {
      offset: 40,
      width: 8,
      doc: 'fault queue base',
      fields: { 'LOG2SZ-1': { bits: [4, 0] }, PPN: { bits: [53, 10] } },
    },
    fqh: { offset: 48, width: 4, doc: 'fault queue head', fields: { index: { bits: [31, 0] } } },
    fqt: { offset: 52, width: 4, access: 'ro', doc: 'fault queue tail', fields: { index: { bits: [31, 0] } } },
    pqb: { offset: 56, width: 8, doc: 'page request queue base (ATS)', fields: absent64 },
    pqh: { offset: 64, width: 4, doc: 'page request queue head (ATS)', fields: absent32 },
    pqt: { offset: 68, width: 4, doc: 'page request queue tail (ATS)', fields: absent32 },
    cqcsr: {
      offset: 72,
      width: 4,
      doc: 'command queue control and status',
      fields: {
        cqen: { bits: 0 },
        cie: { bits: 1 },
        cqmf: { bits: 8, access: 'w1c' },
        cmd_to: { bits: 9, access: 'w1c' },
        cmd_ill: { bits: 10, access: 'w1c' },
        fence_w_ip: { bits: 11, access: 'w1c' },
        cqon: { bits: 16, access: 'ro' },
        busy: { bits: 17, access: 'ro' },
      },
    },
    fqcsr: {
      offset: 76,
      width: 4,
      doc: 'fault queue control and status',
      fields: {
        fqen: { bits: 0 },
        fie: { bits: 1 },
        fqmf: { bits: 8, access: 'w1c' },
        fqof: { bits: 9, access: 'w1c' },
        fqon: { bits: 16, access: 'ro' },
        busy: { bits: 17, access: 'ro' },
      },
    },
    pqcsr: { offset: 80, width: 4, doc: 'page request queue control and status (ATS)', fields: absent32 },
    ipsr: {
      offset: 84,
      width: 4,
      access: 'w1c',
      doc: 'interrupt pending status',
      fields: {
        cip: { bits: 0 },
        fip: { bits: 1 },
        pmip: { bits: 2, unimplemented: true, doc: 'HPM' },
        pip: { bits: 3, unimplemented: true, doc: 'ATS' },
      },
    },
    iocountovf: { offset: 88, width: 4, doc: 'counter overflows (HPM)', fields: absent32 },
    iocountinh: { offset: 92, width: 4, doc: 'counter inhibits (HPM)', fields: absent32 },
    iohpmcycles: { offset: 96, width: 8, doc: 'cycles counter (HPM)', fields: absent64 },
    iohpmctr: { offset: 104, width: 8, count: 31, doc: 'event counters (HPM)', fields: absent64 },
    iohpmevt: { offset: 352, width: 8, count: 31, doc: 'event selectors (HPM)', fields: absent64 },
    tr_req_iova: { offset: 600, width: 8, doc: 'translation request, address (DBG)', fields: absent64 },
    tr_req_ctl: { offset: 608, width: 8, doc: 'translation request, control (DBG)', fields: absent64 },
    tr_response: { offset: 616, width: 8, doc: 'translation response (DBG)', fields: absent64 },
    iommu_qosid: { offset: 624, width: 4, doc: 'QoS ids of the IOMMU itself (QOSID)', fields: absent32 },
    icvec: {
      offset: 760,
      width: 8,
      doc: 'interrupt cause to vector',
      fields: {
        civ: { bits: [3, 0] },
        fiv: { bits: [7, 4] },
        pmiv: { bits: [11, 8] },
        piv: { bits: [15, 12] },
      },
    },
    msi_addr: { offset: 768, width: 8, count: 16, stride: 16, doc: 'MSI address (IGS)', fields: absent64 },
    msi_data: { offset: 776, width: 4, count: 16, stride: 16, doc: 'MSI data (IGS)', fields: absent32 },
    msi_vec_ctl: { offset: 780, width: 4, count: 16, stride: 16, doc: 'MSI vector control (IGS)', fields: absent32 },
  },
});
