import {
  addressOf,
  bits,
  counts,
  descriptor,
  flag,
  format,
  heads,
  lengthIn,
  linked,
  marks,
  opcodes,
  reserved,
  ring,
  word16,
  word32,
  word64,
  word8,
  type Format,
  type Prepare,
} from '../../../base/descriptor';
import {
  dwAxiDmacList,
  nvmeIo,
  virtioPacked,
  virtioSplit,
  xilinxAxiDmaMm2s,
  xilinxAxiDmaS2mm,
} from '../../../devices/formats';
import { FORMATS, packedRing } from './formats';

const done = descriptor('done', {
  id: word16(counts('id')),
  head: word16(counts('head')),
  flags: word32({ PHASE: flag(0, marks('phase')), STATUS: bits(11, 1, counts('status')) }),
});

const page = descriptor('page_entry', { at: word64(addressOf('data')) });

const command = descriptor(
  'page_command',
  {
    opcode: word8(opcodes({ flush: 0, write: 1, read: 2 }, { write: 'from-memory', read: 'to-memory' })),
    flags: word8(),
    id: word16(counts('id')),
    blocks: word32({ BLOCKS: bits(15, 0, lengthIn(512, { minusOne: true })) }),
    prp1: word64(addressOf('data')),
    prp2: word64(addressOf('list')),
  },
  { align: 8 },
);

/** Commands with lists of small pages, and a completion queue that says how far the device is. */
export const pageQueue = format({
  name: 'page-queue',
  entry: command,
  follow: ring(),
  pieces: { kind: 'pages', page: 512, element: page },
  ownership: { kind: 'indices' },
  completion: { kind: 'queue', entry: done },
  doorbell: { register: 'TAIL', value: 'tail-index' },
});

/** A completion queue that does not say how far. */
export const idQueue = format({
  name: 'id-queue',
  entry: descriptor('id_command', {
    addr: word64(addressOf('data')),
    len: word32(lengthIn(1)),
    flags: word32({
      WRITE: flag(0, marks('device-writes')),
      MORE: flag(1, marks('more')),
      ID: bits(15, 8, counts('id')),
    }),
  }),
  follow: ring(),
  pieces: { kind: 'chain', next: 'consecutive', limit: 4 },
  ownership: { kind: 'indices' },
  completion: {
    kind: 'queue',
    entry: descriptor('id_done', { w: word32({ ID: bits(7, 0, counts('id')), PHASE: flag(31, marks('phase')) }) }),
  },
  doorbell: { register: 'TAIL', value: 'tail-index' },
});

/** A list that is added to while the device follows it. */
export const growingList = format({
  name: 'growing-list',
  entry: descriptor(
    'growing_desc',
    {
      next: word64(addressOf('next', { align: 32 })),
      addr: word64(addressOf('data')),
      len: word32({ LEN: bits(11, 0, lengthIn(1, { max: 1024 })) }),
      status: word32({
        DONE: flag(0, marks('done')),
        BAD: flag(1, marks('error')),
        GOT: bits(31, 16, counts('written')),
      }),
    },
    { align: 8 },
  ),
  follow: linked('null'),
  ownership: { kind: 'indices' },
  completion: { kind: 'in-place' },
  doorbell: { register: 'GO', value: 'notify' },
  moves: 'to-memory',
});

const tableEntry = descriptor('neighbour', {
  addr: word64(addressOf('data')),
  len: word16(lengthIn(1)),
  flags: word16({
    MORE: flag(0, marks('more')),
    WRITE: flag(1, marks('device-writes')),
    TABLE: flag(2, marks('indirect')),
  }),
  gap: reserved(4),
});

const count = descriptor('count', { n: word32({ N: bits(4, 0, counts('index')) }) });
const element = descriptor('element', { id: word8(counts('id')), gap: reserved(1) });

/** Heads of chains of neighbours in a table, with small counters. */
export const neighbours = format({
  name: 'neighbours',
  entry: tableEntry,
  follow: heads(count, element),
  pieces: { kind: 'chain', next: 'consecutive', limit: 4 },
  indirect: true,
  ownership: { kind: 'indices' },
  completion: {
    kind: 'used-ring',
    header: count,
    element: descriptor('used', { id: word16(counts('id')), len: word16(counts('written')) }),
  },
  doorbell: { register: 'GO', value: 'notify' },
});

/** Frames in lists, each of which is rung for; entries that come back are told by their owner. */
export const framedList = format({
  name: 'framed-list',
  entry: descriptor(
    'circle_desc',
    {
      des0: word32({
        OWN: flag(31, marks('owner')),
        FIRST: flag(29, marks('first')),
        LAST: flag(28, marks('last')),
        ERR: flag(15, marks('error')),
      }),
      des1: word32({ SIZE: bits(10, 0, lengthIn(1)) }),
      buf: word64(addressOf('data')),
      next: word64(addressOf('next')),
    },
    { align: 8 },
  ),
  follow: linked('null'),
  pieces: { kind: 'frame', limit: 4 },
  ownership: { kind: 'indices' },
  completion: { kind: 'in-place' },
  doorbell: { register: 'GO', value: 'head-address' },
  moves: 'from-memory',
});

const frameEntry = descriptor(
  'frame_command',
  {
    addr: word64(addressOf('data')),
    next: word64(addressOf('next')),
    len: word32({ LEN: bits(11, 0, lengthIn(1)) }),
    id: word16(counts('id')),
    flags: word16({
      FIRST: flag(0, marks('first')),
      LAST: flag(1, marks('last')),
      OWN: flag(2, marks('owner')),
      PHASE: flag(3, marks('phase')),
      USED: flag(4, marks('used-phase')),
    }),
  },
  { align: 8 },
);

const framesToldElsewhere = {
  entry: frameEntry,
  pieces: { kind: 'frame', limit: 4 },
  ownership: { kind: 'indices' },
  moves: 'from-memory',
} as const;

/** Frames, each entry of which ends with a completion of its own: in a queue, in a used ring, in the ring. */
export const framesToQueue = format({
  ...framesToldElsewhere,
  name: 'frames-to-queue',
  follow: ring(),
  completion: { kind: 'queue', entry: done },
  doorbell: { register: 'TAIL', value: 'tail-index' },
});

export const framesToUsedRing = format({
  ...framesToldElsewhere,
  name: 'frames-to-used-ring',
  follow: linked('tail', { cyclic: true }),
  completion: {
    kind: 'used-ring',
    header: count,
    element: descriptor('frame_used', { id: word16(counts('id')), len: word16(counts('written')) }),
  },
  doorbell: { register: 'TAIL', value: 'tail-address' },
});

export const framesInRing = format({
  ...framesToldElsewhere,
  name: 'frames-in-ring',
  follow: ring(),
  ownership: { kind: 'phase' },
  completion: { kind: 'in-ring' },
  doorbell: { register: 'GO', value: 'notify' },
});

/** A ring that ends with a jump, and a completion queue that says how far the device is. */
export const jumpQueue = format({
  name: 'jump-queue',
  entry: descriptor('jump_command', {
    addr: word64(addressOf('data')),
    next: word64(addressOf('next', { align: 256 })),
    len: word32(lengthIn(1)),
    flags: word32({
      WRITE: flag(0, marks('device-writes')),
      MORE: flag(1, marks('more')),
      JUMP: flag(2, marks('jump')),
      ID: bits(15, 8, counts('id')),
    }),
  }),
  follow: ring(),
  pieces: { kind: 'chain', next: 'consecutive', limit: 4 },
  ownership: { kind: 'indices' },
  completion: { kind: 'queue', entry: done },
  doorbell: { register: 'TAIL', value: 'tail-index' },
});

/** Packed rings without tables, which run around. */
export const packedDirect = format({ ...packedRing, name: 'packed-direct', indirect: false });

/** All that queues are tried with. */
export const QUEUE_FORMATS: readonly Format[] = [
  ...FORMATS,
  virtioSplit,
  packedDirect,
  pageQueue,
  idQueue,
  growingList,
  neighbours,
  framedList,
  framesToQueue,
  framesToUsedRing,
  framesInRing,
  jumpQueue,
  virtioPacked,
  xilinxAxiDmaMm2s,
  xilinxAxiDmaS2mm,
  dwAxiDmacList,
  nvmeIo,
];

/** What formats need besides. */
export const PREPARED: Readonly<Record<string, Prepare>> = {
  'transfer-ring': (entry) => {
    entry['TYPE'] = 1;
  },
  'dw-axi-dmac': (item) => {
    item['SRC_TR_WIDTH'] = 2;
    item['DST_TR_WIDTH'] = 2;
  },
};
