import type { FieldAccess, FieldSpec } from '../../emulator/registers/spec';
import { defineBlock } from '../../emulator/registers/define-block';
import { ctlBits, lliDescriptor } from './lli-format';

/**
 * The register map of the Synopsys DesignWare AXI DMA controller (DW_axi_dmac) in its layout for at most eight channels,
 * and what of its linked-list items the model needs as numbers. Names and positions as in Linux's `dw-axi-dmac.h`, the K210 SDK's `dmac.h` and
 * the register pages of Intel's Agilex 5 technical reference manual.
 */

/** The largest number of channels of this register layout. */
export const MAX_CHANNELS = 8;
/** Bytes of address space of the block. */
export const BLOCK_BYTES = 0x1000;
/** Where the registers of channel 0 begin. */
export const CHANNEL_BASE = 0x100;
/** Bytes from one channel's registers to the next one's. */
export const CHANNEL_STRIDE = 0x100;

/** Bits of `CH_INTSTATUS` and its enable, signal and clear registers. */
export const CH_INT = {
  BLOCK_TFR_DONE: 0x0000_0001,
  DMA_TFR_DONE: 0x0000_0002,
  SRC_TRANSCOMP: 0x0000_0008,
  DST_TRANSCOMP: 0x0000_0010,
  SRC_DEC_ERR: 0x0000_0020,
  DST_DEC_ERR: 0x0000_0040,
  SRC_SLV_ERR: 0x0000_0080,
  DST_SLV_ERR: 0x0000_0100,
  LLI_RD_DEC_ERR: 0x0000_0200,
  LLI_WR_DEC_ERR: 0x0000_0400,
  LLI_RD_SLV_ERR: 0x0000_0800,
  LLI_WR_SLV_ERR: 0x0000_1000,
  SHADOWREG_OR_LLI_INVALID_ERR: 0x0000_2000,
  SLVIF_MULTIBLKTYPE_ERR: 0x0000_4000,
  SLVIF_DEC_ERR: 0x0001_0000,
  SLVIF_WR2RO_ERR: 0x0002_0000,
  SLVIF_RD2RWO_ERR: 0x0004_0000,
  SLVIF_WRONCHEN_ERR: 0x0008_0000,
  SLVIF_SHADOWREG_WRON_VALID_ERR: 0x0010_0000,
  SLVIF_WRONHOLD_ERR: 0x0020_0000,
  CH_LOCK_CLEARED: 0x0800_0000,
  CH_SRC_SUSPENDED: 0x1000_0000,
  CH_SUSPENDED: 0x2000_0000,
  CH_DISABLED: 0x4000_0000,
  CH_ABORTED: 0x8000_0000,
} as const;

/** Bits of `DMAC_COMMON_INTSTATUS` and its enable, signal and clear registers. */
export const COMMON_INT = {
  SLVIF_DEC_ERR: 0x001,
  SLVIF_WR2RO_ERR: 0x002,
  SLVIF_RD2WO_ERR: 0x004,
  SLVIF_WRONHOLD_ERR: 0x008,
  SLVIF_UNDEFINEDREG_DEC_ERR: 0x100,
} as const;

/** `DMAC_CFG`. */
export const CFG_DMAC_EN = 0x1;
export const CFG_INT_EN = 0x2;

/** `DMAC_CHEN`: position of the first channel's bit of each kind, and of its write enable, in their half. */
export const CHEN_EN = 0;
export const CHEN_EN_WE = 8;
export const CHEN_SUSP = 16;
export const CHEN_SUSP_WE = 24;
/** In the high half. */
export const CHEN_ABORT = 0;
export const CHEN_ABORT_WE = 8;

/** `DMAC_INTSTATUS`: the common registers' interrupt. */
export const INTSTATUS_COMMON = 0x1_0000;

/** A flag of `CH_CTL` as a bit of its high half. */
const ctlHi = ({ low }: { readonly low: number }): number => 2 ** (low - 32);

/** `CH_CTL`, high half. */
export const CTL_HI_IOC_BLKTFR = ctlHi(ctlBits.IOC_BLKTFR);
export const CTL_HI_LAST = ctlHi(ctlBits.SHADOWREG_OR_LLI_LAST);
export const CTL_HI_VALID = ctlHi(ctlBits.SHADOWREG_OR_LLI_VALID);

/** `CH_SWHSSRC` and `CH_SWHSDST`: requests, each with its write enable one bit higher. */
export const SWHS_REQ = 0x1;
export const SWHS_REQ_WE = 0x2;
export const SWHS_SGLREQ = 0x4;
export const SWHS_SGLREQ_WE = 0x8;

/** Multi-block types (`SRC_MULTBLK_TYPE`, `DST_MULTBLK_TYPE`). */
export const MULTBLK_CONTIGUOUS = 0;
export const MULTBLK_RELOAD = 1;
export const MULTBLK_SHADOW = 2;
export const MULTBLK_LINKED_LIST = 3;

/** `TT_FC`, transfer type and flow controller: the last one in which the controller itself is in charge. */
export const TT_FC_LAST_DMAC = 3;
/** `TT_FC`: the destination is a peripheral. Meaningful up to `TT_FC_LAST_DMAC`. */
export const TT_FC_DST_PERIPHERAL = 0x1;
/** `TT_FC`: the source is a peripheral. Meaningful up to `TT_FC_LAST_DMAC`. */
export const TT_FC_SRC_PERIPHERAL = 0x2;

/** Items in a burst by `SRC_MSIZE` or `DST_MSIZE`; the encodings from 10 on are reserved. */
export const MSIZE_ITEMS: readonly number[] = [1, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

const lliOffset = (word: string): number => lliDescriptor.words.find(({ path }) => path === word)!.offset;

/** A linked-list item: byte offsets of its words, the two halves of its control word apart. */
export const LLI = {
  SAR: lliOffset('SAR'),
  DAR: lliOffset('DAR'),
  BLOCK_TS: lliOffset('BLOCK_TS'),
  LLP: lliOffset('LLP'),
  CTL_LO: lliOffset('CTL'),
  CTL_HI: lliOffset('CTL') + 4,
  STATUS_LO: lliOffset('STATUS_LO'),
  STATUS_HI: lliOffset('STATUS_HI'),
} as const;
/** Bytes of a linked-list item. */
export const LLI_BYTES = lliDescriptor.size;

const interruptFields = (bits: Readonly<Record<string, number>>, access: FieldAccess, reset: 0 | 1) => {
  const fields: Record<string, FieldSpec> = {};
  for (const [name, mask] of Object.entries(bits)) fields[name] = { bits: 31 - Math.clz32(mask), access, reset };
  return fields;
};

const common = {
  DMAC_ID: { offset: 0x000, width: 8, access: 'ro', reset: 0 },
  DMAC_COMPVER: { offset: 0x008, width: 8, access: 'ro', reset: 0x3230_302a, doc: '2.00a in ASCII' },
  DMAC_CFG: {
    offset: 0x010,
    width: 8,
    fields: {
      DMAC_EN: { bits: 0, doc: 'global enable; reads 1 until every channel has stopped' },
      INT_EN: { bits: 1, doc: 'lets interrupts out' },
    },
  },
  DMAC_CHEN: {
    offset: 0x018,
    width: 8,
    fields: {
      CH_EN: { bits: [7, 0], doc: 'channel enable' },
      CH_EN_WE: { bits: [15, 8], access: 'wo' },
      CH_SUSP: { bits: [23, 16], doc: 'channel suspend request' },
      CH_SUSP_WE: { bits: [31, 24], access: 'wo' },
      CH_ABORT: { bits: [39, 32], doc: 'channel abort request' },
      CH_ABORT_WE: { bits: [47, 40], access: 'wo' },
    },
  },
  DMAC_INTSTATUS: {
    offset: 0x030,
    width: 8,
    access: 'ro',
    fields: { CH_INTSTAT: { bits: [7, 0] }, COMMONREG_INTSTAT: { bits: 16 } },
  },
  DMAC_COMMON_INTCLEAR: { offset: 0x038, width: 8, fields: interruptFields(COMMON_INT, 'wo', 0) },
  DMAC_COMMON_INTSTATUS_ENA: { offset: 0x040, width: 8, fields: interruptFields(COMMON_INT, 'rw', 1) },
  DMAC_COMMON_INTSIGNAL_ENA: { offset: 0x048, width: 8, fields: interruptFields(COMMON_INT, 'rw', 1) },
  DMAC_COMMON_INTSTATUS: { offset: 0x050, width: 8, fields: interruptFields(COMMON_INT, 'ro', 0) },
  DMAC_RESET: { offset: 0x058, width: 8, fields: { DMAC_RST: { bits: 0, doc: 'reads 1 until the reset is done' } } },
} as const;

/** Which fields of `CH_CTL` the model does not look at. */
const UNIMPLEMENTED: readonly string[] = ['SRC_STAT_EN', 'DST_STAT_EN'];

/** The fields of `CH_CTL`, from those of the control word of a linked-list item. */
const ctlFields = Object.fromEntries(
  Object.entries(ctlBits).map(([name, { high, low, doc, meaning }]): [string, FieldSpec] => [
    name,
    {
      bits: [high, low],
      ...(doc === '' ? {} : { doc }),
      ...(UNIMPLEMENTED.includes(name) ? { unimplemented: true } : {}),
      ...(meaning?.kind === 'mark' && meaning.role.endsWith('-fixed')
        ? { values: { 0: 'increment', 1: 'fixed' } }
        : {}),
    },
  ]),
) as Record<keyof typeof ctlBits, FieldSpec>;

const multiBlockTypes = { 0: 'contiguous', 1: 'reload', 2: 'shadow register', 3: 'linked list' } as const;

const cfgFields = {
  SRC_MULTBLK_TYPE: { bits: [1, 0], values: multiBlockTypes },
  DST_MULTBLK_TYPE: { bits: [3, 2], values: multiBlockTypes },
  TT_FC: { bits: [34, 32], reset: 3, doc: 'transfer type and flow controller' },
  HS_SEL_SRC: { bits: 35, reset: 1, values: { 0: 'hardware', 1: 'software' } },
  HS_SEL_DST: { bits: 36, reset: 1, values: { 0: 'hardware', 1: 'software' } },
  SRC_HWHS_POL: { bits: 37, unimplemented: true },
  DST_HWHS_POL: { bits: 38, unimplemented: true },
  SRC_PER: { bits: [43, 39], doc: 'handshake number of the source' },
  DST_PER: { bits: [48, 44], doc: 'handshake number of the destination' },
  CH_PRIOR: { bits: [51, 49], doc: '7 is the highest' },
  LOCK_CH: { bits: 52, unimplemented: true },
  LOCK_CH_L: { bits: [54, 53], unimplemented: true },
  SRC_OSR_LMT: { bits: [58, 55], doc: 'outstanding requests, no effect here' },
  DST_OSR_LMT: { bits: [62, 59], doc: 'outstanding requests, no effect here' },
} as const satisfies Record<string, FieldSpec>;

const handshakeFields = {
  REQ: { bits: 0 },
  REQ_WE: { bits: 1, access: 'wo' },
  SGLREQ: { bits: 2 },
  SGLREQ_WE: { bits: 3, access: 'wo' },
  LST: { bits: 4, unimplemented: true },
  LST_WE: { bits: 5, access: 'wo' },
} as const satisfies Record<string, FieldSpec>;

const statusFetch = { value: { bits: [63, 0], unimplemented: true } } as const satisfies Record<string, FieldSpec>;

/** The register block of a controller with `count` channels. */
export const dmacBlock = (count: number) => {
  const each = { width: 8, count, stride: CHANNEL_STRIDE } as const;
  const at = (offset: number) => ({ ...each, offset: CHANNEL_BASE + offset }) as const;
  return defineBlock({
    name: 'dw-axi-dmac',
    size: BLOCK_BYTES,
    registers: {
      ...common,
      CH_SAR: { ...at(0x00), doc: 'source address; counts during a transfer' },
      CH_DAR: { ...at(0x08), doc: 'destination address; counts during a transfer' },
      CH_BLOCK_TS: { ...at(0x10), fields: { BLOCK_TS: { bits: [21, 0], doc: 'source items in a block, minus 1' } } },
      CH_CTL: { ...at(0x18), fields: ctlFields },
      CH_CFG: { ...at(0x20), fields: cfgFields },
      CH_LLP: {
        ...at(0x28),
        fields: { LMS: { bits: 0, doc: 'master' }, LOC: { bits: [63, 6], doc: 'address of the next item' } },
      },
      CH_STATUS: {
        ...at(0x30),
        access: 'ro',
        fields: {
          CMPLTD_BLK_TFR_SIZE: { bits: [21, 0], doc: 'source items of the block that reached the destination' },
          DATA_LEFT_IN_FIFO: { bits: [46, 32], doc: 'bytes read and not yet written' },
        },
      },
      CH_SWHSSRC: { ...at(0x38), fields: handshakeFields },
      CH_SWHSDST: { ...at(0x40), fields: handshakeFields },
      CH_BLK_TFR_RESUMEREQ: { ...at(0x48), access: 'wo', fields: { BLK_TFR_RESUMEREQ: { bits: 0 } } },
      CH_AXI_ID: { ...at(0x50), fields: { ID: { bits: [31, 0], doc: 'no effect here' } } },
      CH_AXI_QOS: { ...at(0x58), fields: { QOS: { bits: [7, 0], doc: 'no effect here' } } },
      CH_SSTAT: { ...at(0x60), fields: statusFetch },
      CH_DSTAT: { ...at(0x68), fields: statusFetch },
      CH_SSTATAR: { ...at(0x70), fields: statusFetch },
      CH_DSTATAR: { ...at(0x78), fields: statusFetch },
      CH_INTSTATUS_ENA: { ...at(0x80), fields: interruptFields(CH_INT, 'rw', 1) },
      CH_INTSTATUS: { ...at(0x88), fields: interruptFields(CH_INT, 'ro', 0) },
      CH_INTSIGNAL_ENA: { ...at(0x90), fields: interruptFields(CH_INT, 'rw', 1) },
      CH_INTCLEAR: { ...at(0x98), fields: interruptFields(CH_INT, 'wo', 0) },
    },
  });
};

/** The declaration that `dmacBlock` makes. */
export type DmacBlockSpec = ReturnType<typeof dmacBlock>;
