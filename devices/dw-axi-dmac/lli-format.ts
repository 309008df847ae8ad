import {
  addressOf,
  bits,
  counts,
  descriptor,
  flag,
  format,
  lengthIn,
  linked,
  marks,
  reserved,
  word32,
  word64,
} from '../../base/descriptor';

/**
 * The linked-list item of the DesignWare AXI DMA controller, once and for all: the channel that fetches it, the control
 * register of the same shape, checks and dumps all go by this. Names as in the databook's `CH_CTL` and Linux's
 * `dw-axi-dmac.h`.
 */

/** The fields of `CH_CTL`, which is also the control word of an item. */
export const ctlBits = {
  SMS: flag(0, undefined, 'source master'),
  DMS: flag(2, undefined, 'destination master'),
  SINC: flag(4, marks('source-fixed'), '0 increment, 1 fixed'),
  DINC: flag(6, marks('destination-fixed'), '0 increment, 1 fixed'),
  SRC_TR_WIDTH: bits(10, 8, undefined, 'log2 of the bytes of a source item'),
  DST_TR_WIDTH: bits(13, 11, undefined, 'log2 of the bytes of a destination item'),
  SRC_MSIZE: bits(17, 14, undefined, 'items in a source burst'),
  DST_MSIZE: bits(21, 18, undefined, 'items in a destination burst'),
  AR_CACHE: bits(25, 22, undefined, 'AXI attribute, no effect here'),
  AW_CACHE: bits(29, 26, undefined, 'AXI attribute, no effect here'),
  NONPOSTED_LASTWRITE_EN: flag(30, undefined, 'writes are never posted here'),
  AR_PROT: bits(34, 32, undefined, 'AXI attribute, no effect here'),
  AW_PROT: bits(37, 35, undefined, 'AXI attribute, no effect here'),
  ARLEN_EN: flag(38),
  ARLEN: bits(46, 39, undefined, 'beats in an AXI read burst, minus 1'),
  AWLEN_EN: flag(47),
  AWLEN: bits(55, 48, undefined, 'beats in an AXI write burst, minus 1'),
  SRC_STAT_EN: flag(56),
  DST_STAT_EN: flag(57),
  IOC_BLKTFR: flag(58, marks('interrupt'), 'BLOCK_TFR_DONE at the end of this block'),
  SHADOWREG_OR_LLI_LAST: flag(62, marks('last')),
  SHADOWREG_OR_LLI_VALID: flag(63, marks('owner')),
} as const;

/** A linked-list item. It is aligned to its size: the low six bits of a list pointer are not part of the address. */
export const lliDescriptor = descriptor(
  'axi_dma_lli',
  {
    SAR: word64(addressOf('source')),
    DAR: word64(addressOf('destination')),
    BLOCK_TS: word32({ ITEMS: bits(21, 0, lengthIn('SRC_TR_WIDTH', { minusOne: true }), 'source items in the block') }),
    BLOCK_TS_HI: reserved(4),
    LLP: word64({ LMS: flag(0, undefined, 'master'), LOC: bits(63, 6, addressOf('next', { align: 64 })) }),
    CTL: word64(ctlBits),
    SSTAT: word32(),
    DSTAT: word32(),
    STATUS_LO: word32(counts('status'), 'the interrupt status of the channel, written back'),
    STATUS_HI: word32(),
    RESERVED: reserved(8),
  },
  { align: 64, size: 64, doc: 'linked-list item of the DesignWare AXI DMA controller' },
);

/** Lists of such items, as a channel with list multi-block types on both sides follows them. */
export const dwAxiDmacList = format({
  name: 'dw-axi-dmac',
  doc: 'DesignWare AXI DMA controller, linked-list multi-block transfers',
  entry: lliDescriptor,
  follow: linked('last', { cyclic: true }),
  ownership: { kind: 'bit' },
  completion: { kind: 'in-place' },
  doorbell: { register: 'CH_LLP', value: 'head-address' },
});
