import {
  across,
  bits,
  flag,
  lengthIn,
  opcodes,
  parameter,
  reserved,
  values,
  variants,
  word32,
  word64,
} from '../../base/descriptor';

/**
 * What NVMe opcodes are called, which way their data goes, and what dwords 10 to 15 of their entries are. Commands without
 * a shape here have names only.
 */

/** Bytes of a logical block of the namespace: `LBADS` of its format. */
export const LOGICAL_BLOCK = parameter('block', 512);

/** NVM Command Set specification, section "I/O Commands". */
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
    reservation_release: 0x15,
    copy: 0x19,
  },
  {
    write: 'from-memory',
    read: 'to-memory',
    compare: 'from-memory',
    dataset_management: 'from-memory',
    reservation_register: 'from-memory',
    reservation_report: 'to-memory',
    reservation_acquire: 'from-memory',
    reservation_release: 'from-memory',
    copy: 'from-memory',
  },
);

const checks = {
  EILBRT: word32(undefined, 'initial logical block reference tag'),
  tags: word32({ LBAT: bits(15, 0), LBATM: bits(31, 16) }),
};

const BLOCKS = bits(15, 0, lengthIn(LOGICAL_BLOCK, { minusOne: true }), 'logical blocks');

const protection = {
  CETYPE: bits(19, 16),
  STC: flag(24),
  PRINFO: bits(29, 26),
  FUA: flag(30, undefined, 'force unit access'),
  LR: flag(31, undefined, 'limited retry'),
} as const;

const hints = {
  AF: bits(3, 0, undefined, 'access frequency'),
  AL: bits(5, 4, undefined, 'access latency'),
  SR: flag(6, undefined, 'sequential request'),
  INCOM: flag(7, undefined, 'incompressible'),
} as const;

/** Dwords 10 to 15 of I/O commands. */
export const ioCommands = variants('OPC', {
  flush: { when: 0x00, words: {} },
  write: {
    when: 0x01,
    words: {
      SLBA: word64(undefined, 'the first logical block'),
      cdw12: word32({ NLB: BLOCKS, DTYPE: bits(23, 20), ...protection }),
      cdw13: word32({ CEV: bits(15, 8), DSPEC: bits(31, 16), ...hints }),
      ...checks,
    },
  },
  read: {
    when: [0x02, 0x05],
    words: {
      SLBA: word64(undefined, 'the first logical block'),
      cdw12: word32({ NLB: BLOCKS, ...protection }),
      cdw13: word32({ CEV: bits(31, 16), ...hints }),
      ...checks,
    },
  },
  range: {
    when: [0x04, 0x08, 0x0c],
    words: {
      SLBA: word64(undefined, 'the first logical block'),
      cdw12: word32({ NLB: bits(15, 0, undefined, 'logical blocks, minus 1'), DEAC: flag(25), ...protection }),
      cdw13: word32({ CEV: bits(31, 16) }),
      ...checks,
    },
  },
  dataset_management: {
    when: 0x09,
    words: {
      cdw10: word32({ NR: bits(7, 0, lengthIn(16, { minusOne: true }), 'ranges') }),
      cdw11: word32({ IDR: flag(0), IDW: flag(1), AD: flag(2, undefined, 'deallocate') }),
    },
  },
  reservation: { when: [0x0d, 0x11], bytes: 16, words: { cdw10: word32() } },
  reservation_release: { when: 0x15, bytes: 8, words: { cdw10: word32() } },
  reservation_report: {
    when: 0x0e,
    words: { NUMD: word32(lengthIn(4, { minusOne: true }), 'dwords'), cdw11: word32({ EDS: flag(0) }) },
  },
});

/** NVM Express base specification, section "Admin Command Set". */
export const adminOpcodes = opcodes(
  {
    delete_io_sq: 0x00,
    create_io_sq: 0x01,
    get_log_page: 0x02,
    delete_io_cq: 0x04,
    create_io_cq: 0x05,
    identify: 0x06,
    abort: 0x08,
    set_features: 0x09,
    get_features: 0x0a,
    asynchronous_event_request: 0x0c,
    namespace_management: 0x0d,
    firmware_commit: 0x10,
    firmware_download: 0x11,
    device_self_test: 0x14,
    namespace_attachment: 0x15,
    keep_alive: 0x18,
    directive_send: 0x19,
    directive_receive: 0x1a,
    virtualization_management: 0x1c,
    nvme_mi_send: 0x1d,
    nvme_mi_receive: 0x1e,
    doorbell_buffer_config: 0x7c,
    format_nvm: 0x80,
    security_send: 0x81,
    security_receive: 0x82,
    sanitize: 0x84,
  },
  {
    get_log_page: 'to-memory',
    identify: 'to-memory',
    set_features: 'from-memory',
    get_features: 'to-memory',
    namespace_management: 'from-memory',
    firmware_download: 'from-memory',
    namespace_attachment: 'from-memory',
    directive_send: 'from-memory',
    directive_receive: 'to-memory',
    nvme_mi_send: 'from-memory',
    nvme_mi_receive: 'to-memory',
    security_send: 'from-memory',
    security_receive: 'to-memory',
  },
);

const queue = word32({ QID: bits(15, 0), QSIZE: bits(31, 16, undefined, 'entries, minus 1') });

const rest = { cdw13: word32(), cdw14: word32(), cdw15: word32() };

/** Dwords 10 to 15 of admin commands. The queues that PRP1 gives to the create commands are not looked at. */
export const adminCommands = variants('OPC', {
  delete_queue: { when: [0x00, 0x04], words: { cdw10: word32({ QID: bits(15, 0) }) } },
  create_io_sq: {
    when: 0x01,
    words: {
      cdw10: queue,
      cdw11: word32({
        PC: flag(0, undefined, 'physically contiguous'),
        QPRIO: bits(2, 1, values({ urgent: 0, high: 1, medium: 2, low: 3 })),
        CQID: bits(31, 16),
      }),
      cdw12: word32({ NVMSETID: bits(15, 0) }),
    },
  },
  create_io_cq: {
    when: 0x05,
    words: {
      cdw10: queue,
      cdw11: word32({ PC: flag(0, undefined, 'physically contiguous'), IEN: flag(1), IV: bits(31, 16) }),
    },
  },
  get_log_page: {
    when: 0x02,
    words: {
      cdw10: word32({ LID: bits(7, 0), LSP: bits(14, 8), RAE: flag(15) }),
      cdw11: word32({ LSI: bits(31, 16) }),
      LPO: word64(undefined, 'offset within the page'),
      cdw14: word32({ UUID_INDEX: bits(6, 0), OT: flag(23), CSI: bits(31, 24) }),
    },
    joined: {
      NUMD: across(
        [
          ['cdw10', 31, 16],
          ['cdw11', 15, 0],
        ],
        lengthIn(4, { minusOne: true }),
        'dwords',
      ),
    },
  },
  identify: {
    when: 0x06,
    bytes: 4096,
    words: {
      cdw10: word32({ CNS: bits(7, 0), CNTID: bits(31, 16) }),
      cdw11: word32({ CNSSID: bits(15, 0), CSI: bits(31, 24) }),
      gap: reserved(8),
      cdw14: word32({ UUID_INDEX: bits(6, 0) }),
    },
  },
  abort: { when: 0x08, words: { cdw10: word32({ SQID: bits(15, 0), ABORT_CID: bits(31, 16) }) } },
  set_features: {
    when: 0x09,
    words: { cdw10: word32({ FID: bits(7, 0), SV: flag(31) }), cdw11: word32(), cdw12: word32(), ...rest },
  },
  get_features: {
    when: 0x0a,
    words: { cdw10: word32({ FID: bits(7, 0), SEL: bits(10, 8) }), cdw11: word32(), cdw12: word32(), ...rest },
  },
  asynchronous_event_request: { when: 0x0c, words: {} },
  firmware_commit: { when: 0x10, words: { cdw10: word32({ FS: bits(2, 0), CA: bits(5, 3), BPID: flag(31) }) } },
  firmware_download: {
    when: 0x11,
    words: {
      NUMD: word32(lengthIn(4, { minusOne: true }), 'dwords'),
      OFST: word32(undefined, 'offset in dwords'),
    },
  },
  namespace_attachment: { when: 0x15, bytes: 4096, words: { cdw10: word32({ SEL: bits(3, 0) }) } },
  keep_alive: { when: 0x18, words: {} },
});
