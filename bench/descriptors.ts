import { descriptor, addressOf, bits, flag, lengthIn, marks, word32, word64 } from '../base/descriptor';
import { compare, figure, wallTime, type Figure } from './measure';

const ENTRIES = 1024;
const ROUNDS = 200;

/** A linked-list item, with a control word of many fields: a common and not too kind shape. */
const item = descriptor(
  'item',
  {
    sar: word64(addressOf('source')),
    dar: word64(addressOf('destination')),
    ts: word32({ ITEMS: bits(21, 0, lengthIn('WIDTH', { minusOne: true })) }),
    spare: word32(),
    next: word64({ NEXT: bits(63, 6, addressOf('next')) }),
    lo: word32({ FIXED: flag(4), WIDTH: bits(10, 8), SRC_MSIZE: bits(17, 14), DST_MSIZE: bits(21, 18) }),
    hi: word32({ IOC: flag(26), LAST: flag(30, marks('last')), VALID: flag(31, marks('owner')) }),
  },
  { align: 8, size: 40 },
);
const BYTES = 40;

const perEntry = (work: () => number): number => {
  const start = wallTime();
  const sum = work();
  const ns = wallTime() - start;
  if (Number.isNaN(sum)) throw new Error('nothing was read');
  return ns / (ENTRIES * ROUNDS);
};

const decodeByCursor = (lanes: Int32Array): number => {
  const c = item.cursor(lanes);
  let sum = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < ENTRIES; i++) {
      c.to(i);
      sum += c.sarPage + (c.sarLo & 0xfff) + c.darPage + (c.darLo & 0xfff) + c.ITEMS + c.NEXTPage + (c.NEXTLo & 0xfff);
      sum += c.WIDTH + c.SRC_MSIZE + c.DST_MSIZE;
      if (c.FIXED) sum++;
      if (c.IOC) sum++;
      if (c.LAST) sum++;
      if (c.VALID) sum++;
    }
  }
  return sum;
};

const decodeByView = (buffer: ArrayBufferLike): number => {
  const view = new DataView(buffer);
  let sum = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < ENTRIES; i++) {
      const at = i * BYTES;
      const sarLo = view.getUint32(at, true);
      const darLo = view.getUint32(at + 8, true);
      const nextLo = view.getUint32(at + 24, true);
      sum += view.getUint32(at + 4, true) * 0x10_0000 + (sarLo >>> 12) + (sarLo & 0xfff);
      sum += view.getUint32(at + 12, true) * 0x10_0000 + (darLo >>> 12) + (darLo & 0xfff);
      sum += view.getUint32(at + 28, true) * 0x10_0000 + (nextLo >>> 12) + (nextLo & 0xfc0);
      sum += view.getUint32(at + 16, true) & 0x3f_ffff;
      const lo = view.getUint32(at + 32, true);
      const hi = view.getUint32(at + 36, true);
      sum += ((lo >>> 8) & 7) + ((lo >>> 14) & 15) + ((lo >>> 18) & 15);
      if ((lo & 0x10) !== 0) sum++;
      if ((hi & 0x400_0000) !== 0) sum++;
      if ((hi & 0x4000_0000) !== 0) sum++;
      if (hi >= 0x8000_0000) sum++;
    }
  }
  return sum;
};

const encodeByCursor = (lanes: Int32Array): number => {
  const c = item.cursor(lanes);
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < ENTRIES; i++) {
      c.to(i);
      c.sarLo = i << 12;
      c.sarHi = round;
      c.darLo = i << 13;
      c.darHi = round;
      c.spare = 0;
      c.NEXTLo = i << 6;
      c.NEXTHi = round;
      c.ITEMS = i;
      c.FIXED = false;
      c.WIDTH = i & 7;
      c.SRC_MSIZE = 3;
      c.DST_MSIZE = 4;
      c.IOC = (i & 1) !== 0;
      c.LAST = false;
      c.VALID = true;
    }
  }
  return lanes[5]!;
};

const encodeByView = (buffer: ArrayBufferLike): number => {
  const view = new DataView(buffer);
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < ENTRIES; i++) {
      const at = i * BYTES;
      view.setUint32(at, i << 12, true);
      view.setUint32(at + 4, round, true);
      view.setUint32(at + 8, i << 13, true);
      view.setUint32(at + 12, round, true);
      view.setUint32(at + 16, i & 0x3f_ffff, true);
      view.setUint32(at + 20, 0, true);
      view.setUint32(at + 24, (i << 6) & ~63, true);
      view.setUint32(at + 28, round, true);
      view.setUint32(at + 32, ((i & 7) << 8) | (3 << 14) | (4 << 18), true);
      view.setUint32(at + 36, ((i & 1) !== 0 ? 0x400_0000 : 0) | 0x8000_0000, true);
    }
  }
  return view.getUint32(20, true);
};

/** Other descriptors go through the same accessors first, as in any program that knows more than one. */
const useOthers = (lanes: Int32Array): number => {
  let sum = 0;
  for (const low of [0, 3, 7, 12]) {
    const other = descriptor(`other${low}`, {
      a: word64({ A: bits(63, low, addressOf('data')) }),
      b: word32({ B: bits(low + 9, low, lengthIn(1)), F: flag(31) }),
    });
    const c = other.cursor(lanes);
    for (let i = 0; i < 20_000; i++) {
      c.to(i % ENTRIES);
      c.B = c.APage + (c.ALo & 1) + c.AHi;
      c.F = !c.F;
      sum += c.B;
    }
  }
  return sum;
};

/** Decoding and encoding an entry of 14 fields through a cursor, against code written by hand. In nanoseconds. */
export const descriptors = async (): Promise<Figure[]> => {
  const lanes = new Int32Array((ENTRIES * BYTES) / 4);
  if (Number.isNaN(useOthers(lanes))) throw new Error('nothing was read');
  encodeByView(lanes.buffer);
  const decode = await compare(
    () => perEntry(() => decodeByCursor(lanes)),
    () => perEntry(() => decodeByView(lanes.buffer)),
  );
  const encode = await compare(
    () => perEntry(() => encodeByCursor(lanes)),
    () => perEntry(() => encodeByView(lanes.buffer)),
  );
  return [
    figure('descriptor-decode', 'ns', decode.value, decode.baseline, 'a DataView by hand'),
    figure('descriptor-encode', 'ns', encode.value, encode.baseline, 'a DataView by hand'),
  ];
};
