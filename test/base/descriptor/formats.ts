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
  nested,
  opcodes,
  repeat,
  reserved,
  ring,
  values,
  variants,
  word16,
  word32,
  word64,
  word8,
  type Format,
} from '../../../base/descriptor';
import * as shipped from '../../../devices/formats';

const inPlace = { kind: 'in-place' } as const;
const tailIndex = { register: 'TAIL', value: 'tail-index' } as const;

/** A ring of single buffers, given away by a bit. */
export const plainRing = format({
  name: 'plain-ring',
  entry: descriptor(
    'plain_desc',
    {
      addr: word64({ ADDR: bits(39, 3, addressOf('data', { align: 16, boundary: 4096 })) }),
      len: word16(lengthIn(2, { max: 2048 })),
      ctl: word16({ OWN: flag(15, marks('owner', 0)), KIND: bits(3, 0, values({ plain: 0, urgent: 3 })) }),
      note: word32(),
    },
    { align: 16, size: 16 },
  ),
  follow: ring(),
  ownership: { kind: 'bit' },
  completion: inPlace,
  doorbell: tailIndex,
});

/** A ring of frames, by indices, as network cards have it. */
export const frameRing = format({
  name: 'frame-ring',
  entry: descriptor(
    'frame_desc',
    {
      addr: word64(addressOf('data')),
      len: word16(lengthIn(1, { minusOne: true, max: 1514 })),
      flags: word8({ SOF: flag(0, marks('first')), EOF: flag(1, marks('last')) }),
      status: word8({ DONE: flag(7, marks('done')) }),
      gap: reserved(4),
    },
    { align: 8 },
  ),
  follow: ring(),
  pieces: { kind: 'frame', limit: 3 },
  ownership: { kind: 'indices' },
  completion: inPlace,
  doorbell: tailIndex,
  moves: 'from-memory',
});

/** The packed virtqueue's descriptors: chains of neighbours, a phase, indirect tables. */
export const packedRing = format({
  name: 'packed-ring',
  entry: descriptor(
    'packed_desc',
    {
      addr: word64(addressOf('data')),
      len: word32(lengthIn(1)),
      id: word16(counts('id')),
      flags: word16({
        NEXT: flag(0, marks('more')),
        WRITE: flag(1, marks('device-writes')),
        INDIRECT: flag(2, marks('indirect')),
        AVAIL: flag(7, marks('phase')),
        USED: flag(15, marks('used-phase')),
      }),
    },
    { align: 16 },
  ),
  follow: ring(),
  pieces: { kind: 'chain', next: 'consecutive', limit: 8 },
  indirect: true,
  ownership: { kind: 'phase' },
  completion: { kind: 'in-ring' },
  doorbell: { register: 'NOTIFY', value: 'notify' },
});

const copyEntry = descriptor(
  'copy_desc',
  {
    src: word64(addressOf('source', { align: 4 })),
    dst: word64(addressOf('destination', { align: 4, boundary: 65_536 })),
    next: word64(addressOf('next', { align: 8 })),
    len: word32({ LEN: bits(19, 0, lengthIn(4, { zeroMeans: 1 << 20 })), LAST: flag(31, marks('last')) }),
    status: word32({ DONE: flag(0, marks('done')) }),
  },
  { align: 8 },
);

const copies = {
  entry: copyEntry,
  ownership: { kind: 'indices' },
  completion: inPlace,
  doorbell: { register: 'HEAD', value: 'head-address' },
} as const;

/** Copies in a list that ends with a mark, and one that ends with a null pointer. */
export const markedList = format({ ...copies, name: 'marked-list', follow: linked('last') });
export const nullList = format({ ...copies, name: 'null-list', follow: linked('null') });

/** Frames in a ring of links, up to a tail pointer. */
export const tailList = format({
  name: 'tail-list',
  entry: descriptor(
    'tail_desc',
    {
      next: word64({ NEXT: bits(63, 6, addressOf('next', { align: 64 })) }),
      addr: word64(addressOf('data')),
      gap: reserved(8),
      ctl: word32({ LEN: bits(25, 0, lengthIn(1)), EOF: flag(26, marks('last')), SOF: flag(27, marks('first')) }),
      status: word32({ DONE: flag(31, marks('done')), BYTES: bits(25, 0, counts('written')) }),
    },
    { align: 64 },
  ),
  follow: linked('tail', { cyclic: true }),
  pieces: { kind: 'frame', limit: 8 },
  ownership: { kind: 'indices' },
  completion: inPlace,
  doorbell: { register: 'TAILDESC', value: 'tail-address' },
});

/** A queue of commands, whose opcode says which way data goes and what else there is. */
export const commands = format({
  name: 'commands',
  entry: descriptor(
    'command',
    {
      opcode: word8(opcodes({ flush: 0, write: 1, read: 2 }, { write: 'from-memory', read: 'to-memory' })),
      flags: word8({ OWN: flag(0, marks('owner')), DONE: flag(1, marks('done')) }),
      id: word16(counts('id')),
      len: word32({ LEN: bits(20, 0, lengthIn(1, { max: 1 << 20 })) }),
      data: word64(addressOf('data', { align: 4 })),
      body: variants('opcode', {
        flush: { when: 0, words: { scope: word8({ SCOPE: bits(1, 0, values({ all: 0, one: 1 })) }) } },
        write: { when: 1, words: { to: word64(), fua: word32({ FUA: flag(0) }) } },
        read: { when: 2, words: { from: word64() } },
      }),
    },
    { align: 4 },
  ),
  follow: ring(),
  ownership: { kind: 'bit' },
  completion: inPlace,
  doorbell: tailIndex,
});

/** Buffers in an array, of which each has its own length, and copies of one length to several places. */
export const manyBuffers = format({
  name: 'many-buffers',
  entry: descriptor(
    'many_desc',
    {
      ctl: word32({
        OWN: flag(0, marks('owner')),
        DONE: flag(1, marks('done')),
        BYTES: bits(31, 16, counts('written')),
      }),
      gap: reserved(4),
      bufs: repeat(
        nested(
          descriptor('buf', { addr: word64(addressOf('data', { align: 2 })), len: word32(lengthIn(1)), x: word32() }),
        ),
        3,
      ),
    },
    { align: 8 },
  ),
  follow: ring(),
  ownership: { kind: 'bit' },
  completion: inPlace,
  doorbell: tailIndex,
});

/** A ring in pieces, given away by a bit: a flag makes an entry one that only leads on. */
export const jumpRing = format({
  name: 'jump-ring',
  entry: descriptor(
    'jump_desc',
    {
      addr: word64(addressOf('data', { align: 2 })),
      next: word64({ NEXT: bits(63, 3, addressOf('next', { align: 16 })) }),
      len: word32({
        LEN: bits(15, 0, lengthIn(1, { max: 9000 })),
        JUMP: flag(30, marks('jump')),
        OWN: flag(31, marks('owner')),
      }),
      status: word32({ DONE: flag(0, marks('done')), BYTES: bits(31, 16, counts('written')) }),
    },
    { align: 8 },
  ),
  follow: ring(),
  ownership: { kind: 'bit' },
  completion: inPlace,
  doorbell: { register: 'GO', value: 'notify' },
});

/** Frames by indices, in a ring in pieces. */
export const jumpFrames = format({
  name: 'jump-frames',
  entry: descriptor('jump_frame', {
    at: word64(addressOf('data')),
    next: word64(addressOf('next')),
    len: word32(lengthIn(1, { max: 1 << 16 })),
    flags: word32({
      SOF: flag(0, marks('first')),
      EOF: flag(1, marks('last')),
      JUMP: flag(2, marks('jump')),
      DONE: flag(3, marks('done')),
    }),
  }),
  follow: ring(),
  pieces: { kind: 'frame', limit: 4 },
  ownership: { kind: 'indices' },
  completion: inPlace,
  doorbell: tailIndex,
  moves: 'from-memory',
});

/** As xHCI has its transfer rings: a type makes an entry a link, which may toggle the cycle; chains go on across links. */
export const transferRing = format({
  name: 'transfer-ring',
  entry: descriptor(
    'transfer_trb',
    {
      body: variants('TYPE', {
        normal: { when: 1, words: { buffer: word64(addressOf('data', { boundary: 65_536 })) } },
        link: { when: 6, words: { segment: word64({ NEXT: bits(63, 4, addressOf('next', { align: 64 })) }) } },
      }),
      status: word32({ LEN: bits(16, 0, lengthIn(1, { max: 65_536 })), ID: bits(31, 22, counts('id')) }),
      control: word32({
        C: flag(0, marks('phase')),
        TC: flag(1, marks('toggle')),
        CH: flag(4, marks('more')),
        IOC: flag(5, marks('interrupt')),
        TYPE: bits(15, 10, marks('jump', 6)),
        IN: flag(16, marks('device-writes')),
      }),
    },
    { align: 16, size: 16 },
  ),
  follow: ring(),
  pieces: { kind: 'chain', next: 'consecutive', limit: 8 },
  ownership: { kind: 'phase' },
  completion: {
    kind: 'queue',
    entry: descriptor('event_trb', {
      id: word16(counts('id')),
      code: word16(counts('status')),
      moved: word32(counts('written')),
      gap: reserved(4),
      control: word32({ C: flag(0, marks('phase')) }),
    }),
  },
  doorbell: { register: 'DB', value: 'notify' },
});

/** One of each way in which entries follow each other and change hands. */
export const FORMATS: readonly Format[] = [
  plainRing,
  frameRing,
  packedRing,
  markedList,
  nullList,
  tailList,
  commands,
  manyBuffers,
  jumpRing,
  jumpFrames,
  transferRing,
];

/** The formats that ship. */
export const SHIPPED: readonly Format[] = Object.values(shipped).flatMap((one) =>
  'entry' in one ? [one as Format] : [],
);
