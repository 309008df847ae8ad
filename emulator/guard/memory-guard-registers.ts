import { defineBlock } from '../registers/define-block';

/** What `ID` reads: `MGRD` in ASCII. */
export const GUARD_ID = 0x4d47_5244;
/** Values of `COMMAND`. */
export const GUARD_SHARE = 1;
export const GUARD_UNSHARE = 2;

/**
 * The registers of the memory guard (`dmalab,memory-guard`): which pages of RAM a confidential guest shares with devices.
 * It stands for the calls to a security monitor that guests of real platforms make.
 *
 * A command takes effect with the write. Contents do not survive it: what the pages hold afterwards is not defined.
 */
export const GUARD_REGISTERS = defineBlock({
  name: 'memory-guard',
  size: 0x1000,
  registers: {
    ID: { offset: 0x000, width: 4, access: 'ro', reset: GUARD_ID, doc: 'Identifies the block: "MGRD" in ASCII.' },
    VERSION: {
      offset: 0x004,
      width: 4,
      access: 'ro',
      fields: {
        MINOR: { bits: [15, 0], reset: 0, doc: 'Additions that old software can ignore.' },
        MAJOR: { bits: [31, 16], reset: 1, doc: 'Changes that it cannot.' },
      },
    },
    STATUS: {
      offset: 0x008,
      width: 4,
      access: 'w1c',
      fields: {
        FAILED: { bits: 0, doc: 'A command was unknown, or its range was not wholly RAM; it did nothing.' },
        REFUSED: { bits: 1, doc: 'A device touched a private page since this bit was last cleared.' },
      },
    },
    COMMAND: {
      offset: 0x00c,
      width: 4,
      doc: '1 shares the pages, 2 makes them private again. Reads as the last one.',
    },
    FIRST: { offset: 0x010, width: 8, doc: 'The number of the first page that a command is for.' },
    COUNT: { offset: 0x018, width: 4, doc: 'How many pages a command is for.' },
    REFUSED_READS: {
      offset: 0x020,
      width: 4,
      doc: 'Reads of private pages by devices; stops at its maximum. Any write clears it.',
    },
    REFUSED_WRITES: {
      offset: 0x024,
      width: 4,
      doc: 'Writes to private pages by devices; stops at its maximum. Any write clears it.',
    },
  },
});
