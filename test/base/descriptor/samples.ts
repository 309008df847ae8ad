import {
  across,
  addressOf,
  bits,
  counts,
  descriptor,
  flag,
  ignored,
  lengthIn,
  marks,
  nested,
  opcodes,
  repeat,
  reserved,
  unused,
  values,
  variants,
  wide,
  word16,
  word16be,
  word32,
  word32be,
  word64,
  word64be,
  word8,
} from '../../../base/descriptor';

/** A plain descriptor: one buffer, a length, an owner bit, a status. */
export const simple = descriptor(
  'simple_desc',
  {
    addr: word64(addressOf('data', { align: 4 }), 'where the buffer is'),
    len: word32({
      LENGTH: bits(15, 0, lengthIn(1, { max: 9000 })),
      SPARE: ignored(20, 16),
      LAST: flag(30, marks('last')),
      OWN: flag(31, marks('owner'), 'the device may look'),
    }),
    status: word32({ DONE: flag(0, marks('done')), CODE: bits(7, 4, values({ ok: 0, short: 1, bus: 9 })) }),
  },
  { align: 16, size: 16 },
);

const inner = descriptor('inner', { a: word16({ X: bits(11, 4), Y: flag(15) }), b: word16() });

/** Everything that the language has, in one. */
export const all = descriptor(
  'all_of_it',
  {
    opcode: word8(opcodes({ flush: 0, write: 1, read: 2 }, { write: 'from-memory', read: 'to-memory' })),
    flags: word8({ A: flag(0), B: bits(3, 1) }),
    id: word16(counts('id')),
    low: word32({ NEXT_TYPE: bits(3, 0) }),
    high: word32({ TOP: bits(31, 28) }),
    big16: word16be({ P: bits(12, 3), Q: flag(0) }),
    small: word16(),
    big32: word32be({ R: bits(27, 6), S: flag(31) }),
    big64: word64be(addressOf('data')),
    gap: reserved(3),
    loose: unused(1),
    long: word64({ U: bits(52, 0), V: wide(63, 53) }),
    linked: word64({ LINK: bits(63, 6, addressOf('next', { align: 64 })), M: flag(0) }),
    sub: nested(inner),
    list: repeat(word16(), 6),
    subs: repeat(nested(inner), 2),
    body: variants('opcode', {
      write: { when: 1, words: { slba: word64(), nlb: word32({ NLB: bits(15, 0), FUA: flag(30) }) } },
      read: { when: 2, words: { from: word32(), more: word32(), last: word32() } },
    }),
  },
  {
    joined: {
      far: across(
        [
          ['low', 31, 12],
          ['high', 27, 0],
        ],
        addressOf('table'),
      ),
    },
  },
);
