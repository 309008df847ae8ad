import { defineBlock } from '../registers/define-block';

/** Requesters of a gate at most: what the bitmap has room for. */
export const GATE_MAX_REQUESTERS = 1024;
/** What `ID` reads: `GATE` in ASCII. */
export const GATE_ID = 0x4741_5445;

/**
 * The registers of the requester gate (`dmalab,requester-gate`).
 *
 * Closing takes effect with the write: once a store to `CLOSED` has reached the gate, no access of that requester does.
 */
export const GATE_REGISTERS = defineBlock({
  name: 'requester-gate',
  size: 0x1000,
  registers: {
    ID: { offset: 0x000, width: 4, access: 'ro', reset: GATE_ID, doc: 'Identifies the block: "GATE" in ASCII.' },
    VERSION: {
      offset: 0x004,
      width: 4,
      access: 'ro',
      fields: {
        MINOR: { bits: [15, 0], reset: 0, doc: 'Additions that old software can ignore.' },
        MAJOR: { bits: [31, 16], reset: 1, doc: 'Changes that it cannot.' },
      },
    },
    CONFIG: {
      offset: 0x008,
      width: 4,
      access: 'ro',
      fields: {
        REQUESTERS: { bits: [15, 0], doc: 'Requester ids 0 to REQUESTERS - 1 are guarded; others always pass.' },
      },
    },
    STATUS: {
      offset: 0x00c,
      width: 4,
      access: 'w1c',
      fields: { DROPPED: { bits: 0, doc: 'An access was turned away since this bit was last cleared.' } },
    },
    SELECT: {
      offset: 0x010,
      width: 4,
      fields: { REQUESTER: { bits: [15, 0], doc: 'The requester whose counters the next two registers show.' } },
    },
    DROPPED_READS: {
      offset: 0x014,
      width: 4,
      doc: "The selected requester's reads that were turned away; stops at its maximum. Any write clears it.",
    },
    DROPPED_WRITES: {
      offset: 0x018,
      width: 4,
      doc: "The selected requester's writes that were turned away; stops at its maximum. Any write clears it.",
    },
    CLOSED: {
      offset: 0x100,
      width: 4,
      count: GATE_MAX_REQUESTERS / 32,
      doc: 'One bit per requester id, id 0 in bit 0 of the first: 1 turns its accesses away. Bits past REQUESTERS are 0.',
    },
  },
});
