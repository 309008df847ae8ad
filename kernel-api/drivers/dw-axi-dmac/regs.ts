/**
 * The driver's own header of the DesignWare AXI DMA controller, for the register layout with up to eight channels. Written
 * from the programming model, not from the hardware model's declaration: a wrong offset in either is found by the tests.
 * Bit positions of 64-bit registers are given within their half (`_L`, `_H`).
 */

/** Common block. */
export const DMAC_CFG = 0x010;
export const DMAC_CHEN = 0x018;
/** The high half of `DMAC_CHEN`: abort requests. */
export const DMAC_CHEN_H = 0x01c;

export const DMAC_EN_MASK = 1 << 0;
export const INT_EN_MASK = 1 << 1;

/** `DMAC_CHEN`: a request takes effect only if its write-enable bit is written as well. */
export const CHAN_EN_SHIFT = 0;
export const CHAN_EN_WE_SHIFT = 8;
export const CHAN_SUSP_SHIFT = 16;
export const CHAN_SUSP_WE_SHIFT = 24;
export const CHAN_ABORT_SHIFT = 0;
export const CHAN_ABORT_WE_SHIFT = 8;

/** Channel registers: where they begin, and how far one channel's are from the next one's. */
export const COMMON_REG_LEN = 0x100;
export const CHAN_REG_LEN = 0x100;
/** The most channels of this register layout. */
export const DMAC_MAX_CHANNELS = 8;

export const CH_SAR = 0x00;
export const CH_DAR = 0x08;
export const CH_CFG_L = 0x20;
export const CH_CFG_H = 0x24;
export const CH_LLP = 0x28;
export const CH_STATUS = 0x30;
export const CH_BLK_TFR_RESUMEREQ = 0x48;
export const CH_INTSTATUS_ENA = 0x80;
export const CH_INTSTATUS = 0x88;
export const CH_INTSIGNAL_ENA = 0x90;
export const CH_INTCLEAR = 0x98;

/** `CH_STATUS`: source items of the current block that are done. */
export const CH_STATUS_CMPLTD_BLK_SIZE_MASK = 0x3f_ffff;

/** `CH_CFG`. */
export const CH_CFG_L_SRC_MULTBLK_TYPE_POS = 0;
export const CH_CFG_L_DST_MULTBLK_TYPE_POS = 2;
export const MBLK_TYPE_LL = 3;
export const CH_CFG_H_TT_FC_POS = 0;
export const TT_FC_MEM_TO_MEM_DMAC = 0;
export const TT_FC_MEM_TO_PER_DMAC = 1;
export const TT_FC_PER_TO_MEM_DMAC = 2;
export const CH_CFG_H_SRC_PER_POS = 7;
export const CH_CFG_H_DST_PER_POS = 12;
export const CH_CFG_H_PRIORITY_POS = 17;
/** The handshake numbers have five bits each. */
export const LAST_HANDSHAKE = 31;

/** `CH_CTL`, the control word of a linked-list item. */
export const CH_CTL_L_SRC_INC_POS = 4;
export const CH_CTL_L_DST_INC_POS = 6;
export const CH_CTL_L_INC = 0;
export const CH_CTL_L_NOINC = 1;
export const CH_CTL_L_SRC_WIDTH_POS = 8;
export const CH_CTL_L_DST_WIDTH_POS = 11;
export const CH_CTL_L_SRC_MSIZE_POS = 14;
export const CH_CTL_L_DST_MSIZE_POS = 18;
export const CH_CTL_H_ARLEN_EN = 1 << 6;
export const CH_CTL_H_ARLEN_POS = 7;
export const CH_CTL_H_AWLEN_EN = 1 << 15;
export const CH_CTL_H_AWLEN_POS = 16;
export const CH_CTL_H_IOC_BLKTFR = 1 << 26;
export const CH_CTL_H_LLI_LAST = 1 << 30;
export const CH_CTL_H_LLI_VALID = 0x8000_0000;

/** The largest `TRANS_WIDTH` encoding: 512 bits. */
export const TRANS_WIDTH_MAX = 6;

/** Interrupt causes of a channel. */
export const IRQ_BLOCK_TRF = 1 << 0;
export const IRQ_DMA_TRF = 1 << 1;
export const IRQ_SRC_DEC_ERR = 1 << 5;
export const IRQ_DST_DEC_ERR = 1 << 6;
export const IRQ_SRC_SLV_ERR = 1 << 7;
export const IRQ_DST_SLV_ERR = 1 << 8;
export const IRQ_LLI_RD_DEC_ERR = 1 << 9;
export const IRQ_LLI_WR_DEC_ERR = 1 << 10;
export const IRQ_LLI_RD_SLV_ERR = 1 << 11;
export const IRQ_LLI_WR_SLV_ERR = 1 << 12;
/** The next linked-list item was not valid: the channel waits for `CH_BLK_TFR_RESUMEREQ`. */
export const IRQ_INVALID_ERR = 1 << 13;
export const IRQ_MULTIBLKTYPE_ERR = 1 << 14;
export const IRQ_SUSPENDED = 1 << 29;
/** Errors that end the transfer. */
export const IRQ_ALL_ERR =
  IRQ_SRC_DEC_ERR |
  IRQ_DST_DEC_ERR |
  IRQ_SRC_SLV_ERR |
  IRQ_DST_SLV_ERR |
  IRQ_LLI_RD_DEC_ERR |
  IRQ_LLI_WR_DEC_ERR |
  IRQ_LLI_RD_SLV_ERR |
  IRQ_LLI_WR_SLV_ERR |
  IRQ_INVALID_ERR |
  IRQ_MULTIBLKTYPE_ERR;
/** Of these, the ones in which reading failed. */
export const IRQ_READ_ERR = IRQ_SRC_DEC_ERR | IRQ_SRC_SLV_ERR | IRQ_LLI_RD_DEC_ERR | IRQ_LLI_RD_SLV_ERR;

const IRQ_NAMES: readonly (readonly [number, string])[] = [
  [IRQ_SRC_DEC_ERR, 'source decode error'],
  [IRQ_DST_DEC_ERR, 'destination decode error'],
  [IRQ_SRC_SLV_ERR, 'source slave error'],
  [IRQ_DST_SLV_ERR, 'destination slave error'],
  [IRQ_LLI_RD_DEC_ERR, 'linked-list read decode error'],
  [IRQ_LLI_WR_DEC_ERR, 'linked-list write decode error'],
  [IRQ_LLI_RD_SLV_ERR, 'linked-list read slave error'],
  [IRQ_LLI_WR_SLV_ERR, 'linked-list write slave error'],
  [IRQ_INVALID_ERR, 'invalid linked-list item'],
  [IRQ_MULTIBLKTYPE_ERR, 'multi-block type error'],
];

/** The errors in a channel's interrupt status, in words. */
export const describeErrors = (status: number): string =>
  IRQ_NAMES.filter(([bit]) => (status & bit) !== 0)
    .map(([, name]) => name)
    .join(', ');

/** A linked-list item in memory, little-endian: byte offsets of its words. It is aligned to its size. */
export const LLI_SIZE = 64;
export const LLI_SAR = 0x00;
export const LLI_DAR = 0x08;
export const LLI_BLOCK_TS = 0x10;
export const LLI_LLP = 0x18;
export const LLI_CTL_LO = 0x20;
export const LLI_CTL_HI = 0x24;
