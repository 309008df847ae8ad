import { defineBlock } from 'dmalab';

/** The registers of the packet engine. */
export const ENGINE_REGISTERS = defineBlock({
  name: 'packet-engine',
  size: 0x1000,
  registers: {
    ADDRESS: { offset: 0x00, width: 8, doc: 'the buffer; of a copy, its source' },
    TARGET: { offset: 0x08, width: 8, doc: 'where a copy goes' },
    LENGTH: { offset: 0x10, width: 4, doc: 'bytes of the buffer' },
    SEED: { offset: 0x14, width: 4, doc: 'what the next packet from the wire looks like' },
    PACKET: { offset: 0x18, width: 4, doc: 'its length, if it is shorter than the buffer; 0: it fills it' },
    COUNT: { offset: 0x1c, width: 4, access: 'ro', doc: 'bytes that the last command moved' },
    COMMAND: {
      offset: 0x20,
      width: 4,
      fields: {
        OPERATION: { bits: [2, 0], values: { 0: 'STOP', 1: 'RECEIVE', 2: 'SEND', 3: 'COPY', 4: 'RING' } },
        CHECKSUM: { bits: 8, doc: 'SEND: puts the sum of the bytes into the last four of the buffer' },
        REPEAT: { bits: 9, doc: 'RECEIVE: begins anew when the buffer is full, until STOP' },
      },
      doc: 'begins; while the engine is busy all but STOP is ignored',
    },
    STATUS: {
      offset: 0x24,
      width: 4,
      fields: {
        DONE: { bits: 0, access: 'w1c', doc: 'the command has ended; the interrupt follows this bit' },
        ERROR: { bits: 1, access: 'w1c', doc: 'it ended early: an access was refused, or a length is too long' },
        CHAIN: { bits: 2, access: 'w1c', doc: 'it met a descriptor that it does not own' },
        BUSY: { bits: 3, access: 'ro', doc: 'a command is under way' },
      },
    },
    RING: { offset: 0x28, width: 8, doc: 'the descriptors: `RING_ENTRIES` of them, of 16 bytes' },
    RING_ENTRIES: { offset: 0x30, width: 4 },
    RING_HEAD: { offset: 0x34, width: 4, doc: 'number of the descriptor that is fetched next' },
  },
});

/** Values of `COMMAND.OPERATION`. */
export const OPERATION = { STOP: 0, RECEIVE: 1, SEND: 2, COPY: 3, RING: 4 } as const;

/** Bits of a descriptor's flags. A descriptor is an address (8 bytes), a length and flags (4 each). */
export const DESCRIPTOR = { SIZE: 16, SEND: 0x1, LAST: 0x4000_0000, OWN: 0x8000_0000 } as const;
