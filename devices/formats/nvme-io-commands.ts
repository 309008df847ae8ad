import {
  bits,
  flag,
  lengthIn,
  opcodes,
  parameter,
  reserved,
  values,
  variants,
  word16,
  word32,
  word64,
} from '../../base/descriptor';

/**
 * What the opcodes of I/O commands are called, which way their data goes, and what dwords 10 to 15 of their entries are: NVM
 * Command Set specification, revision 1.2, and for those of all command sets the base specification, revision 2.2. Commands
 * without a shape here have names only.
 */

/** Bytes of a logical block of the namespace: `LBADS` of its format. */
export const LOGICAL_BLOCK = parameter('block', 512);

/** Sections "NVM Command Set Commands" and, of the base specification, "I/O Commands". Bits 1:0 say which way data goes. */
export const ioOpcodes = opcodes(
  {
    flush: 0x00,
    write: 0x01,
    read: 0x02,
    write_uncorrectable: 0x04,
    compare: 0x05,
    write_zeroes: 0x08,
    dataset_management: 0x09,
    verify: 0x0c,
    reservation_register: 0x0d,
    reservation_report: 0x0e,
    reservation_acquire: 0x11,
    io_management_receive: 0x12,
    reservation_release: 0x15,
    cancel: 0x18,
    copy: 0x19,
    io_management_send: 0x1d,
  },
  {
    write: 'from-memory',
    read: 'to-memory',
    compare: 'from-memory',
    dataset_management: 'from-memory',
    reservation_register: 'from-memory',
    reservation_report: 'to-memory',
    reservation_acquire: 'from-memory',
    io_management_receive: 'to-memory',
    reservation_release: 'from-memory',
    copy: 'from-memory',
    io_management_send: 'from-memory',
  },
);

const SLBA = word64(undefined, 'the first logical block');
const BLOCKS = bits(15, 0, lengthIn(LOGICAL_BLOCK, { minusOne: true }), 'logical blocks');
/** Of commands that move no data, so that this is no length of any. */
const BLOCKS_WITHOUT_DATA = bits(15, 0, undefined, 'logical blocks, minus 1');
const CETYPE = bits(19, 16, undefined, 'command extension type: what CEV is; 0 none');
const DSPEC = bits(31, 16, undefined, 'as the directive type says');

const protection = {
  STC: flag(24, undefined, 'storage tag check'),
  PRINFO: bits(29, 26, undefined, 'protection information'),
  FUA: flag(30, undefined, 'force unit access'),
  LR: flag(31, undefined, 'limited retry'),
} as const;

const hints = {
  AF: bits(3, 0, undefined, 'access frequency'),
  AL: bits(5, 4, undefined, 'access latency'),
  SEQREQ: flag(6, undefined, 'sequential request'),
  INCPRS: flag(7, undefined, 'incompressible'),
} as const;

/** Types of command extensions: all but none. */
const EXTENDED = Array.from({ length: 15 }, (_, i) => i + 1);

const CEV = bits(15, 0, undefined, 'command extension value');

/** What is checked against the protection information that is there. */
const expected = {
  ELBTL: word32(undefined, 'expected logical block tags, lower'),
  cdw15: word32({ ELBAT: bits(15, 0), ELBATM: bits(31, 16) }),
};

/** What is written as protection information. */
const tags = {
  LBTL: word32(undefined, 'logical block tags, lower'),
  cdw15: word32({ LBAT: bits(15, 0), LBATM: bits(31, 16) }),
};

/** An extension, and nothing besides. */
const extension = variants('CETYPE', {
  none: { when: 0, words: { rsvd: reserved(4) } },
  extended: { when: EXTENDED, words: { cdw13: word32({ CEV }) } },
});

const reservation = {
  IEKEY: flag(3, undefined, 'ignore the existing key'),
  DISNSRS: flag(4, undefined, 'dispersed namespace reservations'),
} as const;

/** Dwords 10 to 15 of I/O commands. */
export const ioCommands = variants('OPC', {
  flush: { when: 0x00, words: {} },
  write: {
    when: 0x01,
    words: {
      SLBA,
      cdw12: word32({ NLB: BLOCKS, CETYPE, DTYPE: bits(23, 20, undefined, 'directive type'), ...protection }),
      cdw13: variants('CETYPE', {
        hints: { when: 0, words: { cdw13: word32({ ...hints, DSPEC }) } },
        extended: { when: EXTENDED, words: { cdw13: word32({ CEV, DSPEC }) } },
      }),
      ...tags,
    },
  },
  read: {
    when: 0x02,
    words: {
      SLBA,
      cdw12: word32({ NLB: BLOCKS, CETYPE, ...protection }),
      cdw13: variants('CETYPE', {
        hints: { when: 0, words: { cdw13: word32(hints) } },
        extended: { when: EXTENDED, words: { cdw13: word32({ CEV }) } },
      }),
      ...expected,
    },
  },
  compare: {
    when: 0x05,
    words: { SLBA, cdw12: word32({ NLB: BLOCKS, CETYPE, ...protection }), cdw13: extension, ...expected },
  },
  verify: {
    when: 0x0c,
    words: { SLBA, cdw12: word32({ NLB: BLOCKS_WITHOUT_DATA, CETYPE, ...protection }), cdw13: extension, ...expected },
  },
  write_uncorrectable: {
    when: 0x04,
    words: {
      SLBA,
      cdw12: word32({ NLB: BLOCKS_WITHOUT_DATA, DTYPE: bits(23, 20, undefined, 'directive type') }),
      cdw13: word32({ DSPEC }),
    },
  },
  write_zeroes: {
    when: 0x08,
    words: {
      SLBA,
      cdw12: word32({
        NLB: BLOCKS_WITHOUT_DATA,
        CETYPE,
        DTYPE: bits(22, 20, undefined, 'directive type'),
        NSZ: flag(23, undefined, 'the whole namespace'),
        DEAC: flag(25, undefined, 'deallocate'),
        ...protection,
      }),
      cdw13: variants('CETYPE', {
        none: { when: 0, words: { cdw13: word32({ DSPEC }) } },
        extended: { when: EXTENDED, words: { cdw13: word32({ CEV, DSPEC }) } },
      }),
      ...tags,
    },
  },
  dataset_management: {
    when: 0x09,
    words: {
      cdw10: word32({ NR: bits(7, 0, lengthIn(16, { minusOne: true }), 'ranges') }),
      cdw11: word32({ IDR: flag(0), IDW: flag(1), AD: flag(2, undefined, 'deallocate') }),
    },
  },
  reservation_register: {
    when: 0x0d,
    bytes: 16,
    words: {
      cdw10: word32({
        RREGA: bits(2, 0, values({ register: 0, unregister: 1, replace: 2 })),
        ...reservation,
        CPTPL: bits(31, 30, undefined, 'change persistence through power loss'),
      }),
    },
  },
  reservation_report: {
    when: 0x0e,
    words: {
      NUMD: word32(lengthIn(4, { minusOne: true }), 'dwords'),
      cdw11: word32({ EDS: flag(0, undefined, 'extended data structure'), DISNSRS: flag(1) }),
    },
  },
  reservation_acquire: {
    when: 0x11,
    bytes: 16,
    words: {
      cdw10: word32({
        RACQA: bits(2, 0, values({ acquire: 0, preempt: 1, preempt_and_abort: 2 })),
        ...reservation,
        RTYPE: bits(15, 8, undefined, 'type'),
      }),
    },
  },
  reservation_release: {
    when: 0x15,
    bytes: 8,
    words: {
      cdw10: word32({
        RRELA: bits(2, 0, values({ release: 0, clear: 1 })),
        ...reservation,
        RTYPE: bits(15, 8, undefined, 'type'),
      }),
    },
  },
  io_management_receive: {
    when: 0x12,
    words: {
      cdw10: word32({ MO: bits(7, 0, undefined, 'management operation'), MOS: bits(31, 16) }),
      NUMD: word32(lengthIn(4, { minusOne: true }), 'dwords'),
    },
  },
  cancel: {
    when: 0x18,
    words: {
      SQID: word16(undefined, 'the queue of the command'),
      CANCEL_CID: word16(undefined, 'the command; 0xffff: of all'),
      cdw11: word32({ ACODE: bits(2, 0, undefined, 'action code') }),
    },
  },
});
