import {
  across,
  addressOf,
  bits,
  descriptor,
  lengthIn,
  nested,
  reserved,
  values,
  variants,
  word16,
  word32,
  word64,
  word8,
} from '../../base/descriptor';

/**
 * How NVMe commands say where their data lies: NVM Express base specification, sections "Physical Region Page Entry and
 * List" and "Scatter Gather List (SGL)".
 */

/** An element of a PRP list. Its page begins where the address says: the offset is zero. */
export const nvmePrp = descriptor(
  'nvme_prp',
  { PRP: word64(addressOf('data'), 'a memory page, or the next list') },
  { align: 8, size: 8, doc: 'an entry of a PRP list' },
);

/** Section "SGL Descriptor": its last byte says what the others are. */
export const nvmeSglDesc = descriptor(
  'nvme_sgl_desc',
  {
    body: variants('TYPE', {
      data_block: {
        when: 0x0,
        words: { addr: word64(addressOf('data')), length: word32(lengthIn(1)), rsvd: reserved(3) },
      },
      bit_bucket: {
        when: 0x1,
        words: { rsvd: reserved(8), length: word32(lengthIn(1), 'what is read is thrown away'), rsvd_1: reserved(3) },
      },
      segment: {
        when: 0x2,
        words: {
          addr: word64(addressOf('list', { align: 8 })),
          length: word32(lengthIn(1, { of: 'list' })),
          rsvd: reserved(3),
        },
      },
      last_segment: {
        when: 0x3,
        words: {
          addr: word64(addressOf('last-list', { align: 8 })),
          length: word32(lengthIn(1, { of: 'list' })),
          rsvd: reserved(3),
        },
      },
      keyed_data_block: {
        when: 0x4,
        words: {
          addr: word64(addressOf('data')),
          length: word32({ LENGTH: bits(23, 0, lengthIn(1)) }),
          key: word16({}),
          key_high: word8({}),
        },
        joined: {
          KEY: across([
            ['length', 31, 24],
            ['key', 15, 0],
            ['key_high', 7, 0],
          ]),
        },
      },
      transport: {
        when: 0x5,
        words: { rsvd: reserved(8), length: word32(lengthIn(1), 'in the capsule'), rsvd_1: reserved(3) },
      },
    }),
    id: word8({
      SUBTYPE: bits(3, 0, values({ address: 0x0, offset: 0x1, invalidate: 0xf, transport: 0xa })),
      TYPE: bits(
        7,
        4,
        values({
          data_block: 0x0,
          bit_bucket: 0x1,
          segment: 0x2,
          last_segment: 0x3,
          keyed_data_block: 0x4,
          transport: 0x5,
        }),
      ),
    }),
  },
  { align: 8, size: 16, doc: 'an SGL descriptor, in a command or in a segment' },
);

/** Section "Common Command Format": DPTR, 16 bytes of which PSDT says what they are. */
export const dataPointer = variants('PSDT', {
  prp: {
    when: 0b00,
    words: {
      PRP1: word64(addressOf('data', { align: 4 }), 'the first page, from any offset'),
      PRP2: word64(addressOf('list', { align: 8 }), 'the second page, or with more than two the PRP list'),
    },
  },
  sgl: { when: [0b01, 0b10], words: { SGL1: nested(nvmeSglDesc) } },
});
