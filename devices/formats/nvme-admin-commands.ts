import {
  across,
  bits,
  flag,
  lengthIn,
  opcodes,
  reserved,
  values,
  variants,
  word16,
  word32,
  word64,
} from '../../base/descriptor';

/**
 * What the opcodes of admin commands are called, which way their data goes, and what dwords 10 to 15 of their entries are: NVM
 * Express base specification, revision 2.2, section "Admin Command Set". Commands without a shape here have names only.
 */

/** Bits 1:0 say which way data goes. */
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
    capacity_management: 0x20,
    lockdown: 0x24,
    track_send: 0x3d,
    track_receive: 0x3e,
    migration_send: 0x41,
    migration_receive: 0x42,
    controller_data_queue: 0x45,
    doorbell_buffer_config: 0x7c,
    format_nvm: 0x80,
    security_send: 0x81,
    security_receive: 0x82,
    sanitize: 0x84,
    get_lba_status: 0x86,
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
    track_send: 'from-memory',
    track_receive: 'to-memory',
    migration_send: 'from-memory',
    migration_receive: 'to-memory',
    security_send: 'from-memory',
    security_receive: 'to-memory',
    get_lba_status: 'to-memory',
  },
);

const queue = word32({ QID: bits(15, 0), QSIZE: bits(31, 16, undefined, 'entries, minus 1') });

const UIDX = bits(6, 0, undefined, 'UUID index');

const feature = { cdw11: word32(), cdw12: word32(), cdw13: word32(), cdw14: word32({ UIDX }), cdw15: word32() };

const directive = {
  NUMD: word32(lengthIn(4, { minusOne: true }), 'dwords'),
  cdw11: word32({
    DOPER: bits(7, 0, undefined, 'operation'),
    DTYPE: bits(15, 8, undefined, 'type'),
    DSPEC: bits(31, 16, undefined, 'as the type says'),
  }),
  cdw12: word32(undefined, 'as the operation says'),
  cdw13: word32(undefined, 'as the operation says'),
};

const security = {
  cdw10: word32({
    NSSF: bits(7, 0, undefined, 'as the protocol says'),
    SPSP0: bits(15, 8, undefined, 'as the protocol says'),
    SPSP1: bits(23, 16, undefined, 'as the protocol says'),
    SECP: bits(31, 24, undefined, 'security protocol'),
  }),
};

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
      cdw14: word32({ UIDX, OT: flag(23), CSI: bits(31, 24) }),
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
      cdw14: word32({ UIDX }),
    },
  },
  abort: { when: 0x08, words: { cdw10: word32({ SQID: bits(15, 0), ABORT_CID: bits(31, 16) }) } },
  set_features: {
    when: 0x09,
    words: { cdw10: word32({ FID: bits(7, 0), SV: flag(31, undefined, 'save') }), ...feature },
  },
  get_features: {
    when: 0x0a,
    words: { cdw10: word32({ FID: bits(7, 0), SEL: bits(10, 8) }), ...feature },
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
  device_self_test: {
    when: 0x14,
    words: { cdw10: word32({ STC: bits(3, 0, undefined, 'self-test code') }), gap: reserved(16), DSTP: word32() },
  },
  directive_send: { when: 0x19, words: directive },
  directive_receive: { when: 0x1a, words: directive },
  virtualization_management: {
    when: 0x1c,
    words: {
      cdw10: word32({
        ACT: bits(3, 0, undefined, 'action'),
        RT: bits(10, 8, undefined, 'resource type'),
        CNTLID: bits(31, 16, undefined, 'controller'),
      }),
      NR: word16(undefined, 'controller resources'),
    },
  },
  format_nvm: {
    when: 0x80,
    words: {
      cdw10: word32({
        LBAFL: bits(3, 0, undefined, 'LBA format, lower'),
        MSET: flag(4, undefined, 'metadata are part of a block'),
        PI: bits(7, 5, undefined, 'protection information type'),
        PIL: flag(8, undefined, 'protection information comes first'),
        SES: bits(11, 9, undefined, 'secure erase'),
        LBAFU: bits(13, 12, undefined, 'LBA format, upper'),
      }),
    },
  },
  security_send: { when: 0x81, words: { ...security, TL: word32(lengthIn(1), 'transfer length') } },
  security_receive: { when: 0x82, words: { ...security, AL: word32(lengthIn(1), 'allocation length') } },
  sanitize: {
    when: 0x84,
    words: {
      cdw10: word32({
        SANACT: bits(2, 0, undefined, 'action'),
        AUSE: flag(3, undefined, 'allow an unrestricted exit'),
        OWPASS: bits(7, 4, undefined, 'passes of overwriting'),
        OIPBP: flag(8, undefined, 'invert the pattern between them'),
        NDAS: flag(9, undefined, 'no deallocation'),
        EMVS: flag(10, undefined, 'enter media verification'),
      }),
      OVRPAT: word32(undefined, 'the pattern'),
    },
  },
});
