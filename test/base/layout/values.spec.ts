import { expect } from 'chai';
import * as fc from 'fast-check';
import { LabError } from '../../../base/errors';
import * as layout from '../../../base/layout';
import {
  array,
  be16,
  be32,
  be64,
  bool,
  bytes,
  BytesMemory,
  decode,
  encode,
  le16,
  le32,
  le64,
  padding,
  s16,
  s32,
  s64,
  s8,
  sbe16,
  sbe32,
  sbe64,
  struct,
  u16,
  u32,
  u8,
  type AnyLayout,
  type LayoutType,
} from '../../../base/layout';
import { u64 as halves } from '../../../base/u64';

const nvmeSqe = struct('nvme_sqe', { opcode: u8, flags: u8, cid: le16, nsid: le32, data: array(le64, 2) });
type NvmeSqe = LayoutType<typeof nvmeSqe>;

/** What a DataView says that a scalar is. */
const MODEL: readonly (readonly [AnyLayout, (view: DataView) => unknown])[] = [
  [u8, (view) => view.getUint8(0)],
  [s8, (view) => view.getInt8(0)],
  [u16, (view) => view.getUint16(0, true)],
  [le16, (view) => view.getUint16(0, true)],
  [be16, (view) => view.getUint16(0)],
  [s16, (view) => view.getInt16(0, true)],
  [sbe16, (view) => view.getInt16(0)],
  [u32, (view) => view.getUint32(0, true)],
  [le32, (view) => view.getUint32(0, true)],
  [be32, (view) => view.getUint32(0)],
  [s32, (view) => view.getInt32(0, true)],
  [sbe32, (view) => view.getInt32(0)],
  [layout.u64, (view) => view.getBigUint64(0, true)],
  [le64, (view) => view.getBigUint64(0, true)],
  [be64, (view) => view.getBigUint64(0)],
  [s64, (view) => view.getBigInt64(0, true)],
  [sbe64, (view) => view.getBigInt64(0)],
  [bool, (view) => view.getUint8(0) !== 0],
];

const problemOf = (body: () => unknown): { message: string; what: string } => {
  try {
    body();
  } catch (error) {
    expect(error).to.be.instanceOf(LabError);
    return { message: (error as LabError).message, what: (error as LabError).place?.what ?? '' };
  }
  throw new Error('nothing was thrown');
};

describe('base/layout: values', () => {
  it('of scalars are what a DataView says, and come back as the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (raw) => {
        for (const [scalar, model] of MODEL) {
          const own = raw.slice(0, scalar.size);
          const value = decode(scalar, own);
          expect(value, scalar.typeName).to.equal(model(new DataView(raw.buffer)));
          if (scalar !== bool) expect(encode(scalar, value), scalar.typeName).to.deep.equal(own);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('at both ends of their range fit, and one beyond does not', () => {
    for (const [scalar] of MODEL) {
      if (scalar instanceof layout.IntegerLayout) {
        for (const value of [scalar.min, scalar.max, 0]) expect(decode(scalar, encode(scalar, value))).to.equal(value);
        for (const value of [scalar.min - 1, scalar.max + 1, 0.5, NaN, Infinity, 1n, '1', null, undefined]) {
          expect(() => encode(scalar, value as number)).to.throw(LabError, `is no ${scalar.typeName}`);
        }
      } else if (scalar instanceof layout.Integer64Layout) {
        for (const value of [scalar.min, scalar.max, 0n]) expect(decode(scalar, encode(scalar, value))).to.equal(value);
        for (const value of [scalar.min - 1n, scalar.max + 1n, 1]) {
          expect(() => encode(scalar, value as bigint)).to.throw(LabError, `is no ${scalar.typeName}`);
        }
      }
    }
    expect(decode(bool, Uint8Array.of(2))).to.equal(true);
    expect(encode(bool, true)).to.deep.equal(Uint8Array.of(1));
    expect(() => encode(bool, 1 as never)).to.throw(LabError);
  });

  it('of a struct lie where its offsets say, and nowhere else', () => {
    const sqe: NvmeSqe = { opcode: 2, flags: 0x40, cid: 0x1234, nsid: 0xdead_beef, data: [1n, 0x1122_3344_5566_7788n] };
    const memory = new BytesMemory(new Uint8Array(64).fill(0xee));
    nvmeSqe.write(memory, 20, sqe);
    const hex = Buffer.from(memory.bytes).toString('hex');
    expect(hex).to.equal(`${'ee'.repeat(20)}02403412efbeadde01000000000000008877665544332211${'ee'.repeat(64 - 44)}`);
    expect(nvmeSqe.read(memory, 20)).to.deep.equal(sqe);
    expect(nvmeSqe.fields.nsid.read(memory, 20)).to.equal(0xdead_beef);
    nvmeSqe.fields.cid.write(memory, 20, 7);
    expect(memory.load16(22)).to.equal(7);
    expect(() => nvmeSqe.fields.cid.write(memory, 20, 65_536)).to.throw(LabError);
  });

  it('of 64 bits can be had as halves', () => {
    const memory = new BytesMemory(new Uint8Array(16));
    const into = halves();
    for (const scalar of [le64, be64, s64]) {
      scalar.storeHalves(memory, 3, 0x89ab_cdef, 0xfedc_ba98);
      scalar.loadHalves(memory, 3, into);
      expect([into.lo, into.hi]).to.deep.equal([0x89ab_cdef, 0xfedc_ba98]);
      expect(BigInt.asUintN(64, scalar.read(memory, 3))).to.equal(0xfedc_ba98_89ab_cdefn);
    }
    expect(memory.load8(3)).to.equal(0xef);
  });

  it('define every byte of a struct: what lies between fields is zero, and is no part of what is read', () => {
    const gaps = struct('gaps', { a: u8, b: le32, rsvd: padding(3), c: u8, d: le64, e: u8 });
    const memory = new BytesMemory(new Uint8Array(gaps.size + 2).fill(0xff));
    gaps.write(memory, 1, { a: 0xff, b: 0xffff_ffff, c: 0xff, d: 0xffff_ffff_ffff_ffffn, e: 0xff });
    const used = [0, 4, 5, 6, 7, 11, 16, 17, 18, 19, 20, 21, 22, 23, 24];
    const expected = Array.from({ length: gaps.size }, (_, i) => (used.includes(i) ? 0xff : 0));
    expect([...memory.bytes]).to.deep.equal([0xff, ...expected, 0xff]);
    expect(Object.keys(gaps.read(memory, 1))).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
    expect(Object.keys(gaps.fields)).to.not.include('rsvd');
  });

  it('of blobs are copies', () => {
    const blob = struct('blob', { head: u8, data: bytes(3) });
    const data = Uint8Array.of(1, 2, 3);
    const memory = new BytesMemory(encode(blob, { head: 9, data }));
    data[0] = 99;
    const read = blob.read(memory, 0);
    expect(read).to.deep.equal({ head: 9, data: Uint8Array.of(1, 2, 3) });
    read.data[1] = 99;
    expect(memory.bytes).to.deep.equal(Uint8Array.of(9, 1, 2, 3));
  });

  it('that do not fit are told with their path, and nothing is stored', () => {
    const inner = struct('inner', { list: array(nvmeSqe, 2), blob: bytes(4) });
    const sqe: NvmeSqe = { opcode: 1, flags: 2, cid: 3, nsid: 4, data: [5n, 6n] };
    const good = { list: [sqe, sqe] as const, blob: new Uint8Array(4) };
    const memory = new BytesMemory(new Uint8Array(inner.size).fill(0xee));
    const told = (value: unknown): string => {
      const { message, what } = problemOf(() => inner.write(memory, 0, value as never));
      expect(message.startsWith(what), message).to.equal(true);
      expect(memory.bytes.every((byte) => byte === 0xee)).to.equal(true);
      return `${what}|${message.slice(what.length)}`;
    };
    expect(told({ ...good, list: [sqe, { ...sqe, data: [1n, -1n] }] })).to.equal(
      'inner.list[1].data[1]|: -1n is no le64.',
    );
    expect(told({ ...good, list: [sqe, { ...sqe, cid: 65_536 }] })).to.equal('inner.list[1].cid|: 65536 is no le16.');
    expect(told({ ...good, list: [sqe] })).to.equal('inner.list|: an array of 1 where 2 elements belong.');
    expect(told({ ...good, list: 5 })).to.equal('inner.list|: 5 where 2 elements belong.');
    expect(told({ ...good, blob: new Uint8Array(5) })).to.equal('inner.blob|: an array of 5 where 4 bytes belong.');
    expect(told({ list: good.list })).to.equal('inner.blob|: undefined where 4 bytes belong.');
    expect(told({ ...good, more: 1 })).to.equal('inner|: there is no field "more".');
    expect(told(null)).to.equal('inner|: null where a struct belongs.');
    expect(told({ ...good, list: [sqe, () => 1] })).to.equal('inner.list[1]|: a function where a struct belongs.');
    expect(() => decode(inner, new Uint8Array(inner.size), 1)).to.throw(LabError, 'none begins at 1');
  });
});

describe('base/layout: declarations that make no sense', () => {
  const told = (fields: Record<string, unknown>, options?: object): string => {
    const { message, what } = problemOf(() => struct('s', fields as never, options));
    return `${what}|${message.slice(what.length)}`;
  };

  it('are told with the path of the field', () => {
    expect(told({ a: u8, b: 5 })).to.equal('s.b|: 5 is no layout.');
    expect(told({ b: null })).to.equal('s.b|: null is no layout.');
    expect(told({ b: array(u8, -1 as 1) })).to.equal('s.b|: u8[]: -1 is no number of elements.');
    expect(told({ b: array(array(u8, 1.5 as 1), 2) })).to.equal('s.b|: u8[][]: 1.5 is no number of elements.');
    expect(told({ b: array('u8' as never, 2) })).to.equal('s.b[]|: array: "u8" is no layout.');
    expect(told({ b: array(padding(1), 2) })).to.equal(
      's.b|: padding(1)[]: padding is a field of a struct, not an element.',
    );
    expect(told({ b: array(le64, (2 ** 40) as 1) })).to.equal('s.b|: le64[]: 1099511627776 elements are too many.');
    expect(told({ b: bytes(0 as 1) })).to.equal('s.b|: bytes(0): 0 is no number of bytes.');
    expect(told({ b: padding(NaN as 1) })).to.equal('s.b|: padding(NaN): NaN is no number of bytes.');
    expect(told({ b: layout.aligned(u8, 3) })).to.equal('s.b|: 3 is no alignment.');
    expect(told({ b: layout.aligned(bytes(0 as 1), 4) })).to.equal('s.b|: bytes(0): 0 is no number of bytes.');
    expect(told({ 'a-b': u8 })).to.equal('s.a-b|: "a-b" cannot name a field.');
    expect(told({ 0: u8 })).to.equal('s.0|: "0" cannot name a field.');
    expect(told(JSON.parse('{"__proto__": 1}') as Record<string, unknown>)).to.equal(
      's.__proto__|: "__proto__" cannot name a field.',
    );
    expect(told({})).to.equal('s|: a struct has fields.');
    expect(told({ a: padding(4) })).to.equal('s|: a struct has fields.');
    expect(told({ a: u8 }, { align: 0 })).to.equal('s|: 0 is no alignment.');
    expect(told({ a: u8 }, { packed: 1 })).to.equal('s|: packed is 1.');
    expect(told({ a: u8, b: le32 }, { size: 5 })).to.equal('s|: the fields take 8 bytes, not 5.');
    expect(told({ a: bytes((2 ** 40) as 1), b: u8 })).to.equal('s|: 1099511627777 bytes are too many.');
    expect(problemOf(() => struct('a b', { a: u8 })).message).to.equal('"a b": a struct is named as in C.');
  });

  it('are told without one when they are used alone', () => {
    const flawed = array(u8, -1 as 1);
    for (const use of [
      () => flawed.size,
      () => flawed.align,
      () => encode(flawed, [0]),
      () => decode(flawed, new Uint8Array(1)),
    ]) {
      expect(use).to.throw(LabError, 'u8[]: -1 is no number of elements.');
    }
  });

  it('change nothing for prototypes of objects', () => {
    const named = struct('named', { constructor_: u8, toString: u8 });
    expect(named.problem({ constructor_: 1, toString: 2 })).to.equal(null);
    expect(named.problem({ constructor_: 1 })).to.match(/^\.toString: a function is no u8/);
  });
});

describe('base/layout: BytesMemory', () => {
  it('is bounded', () => {
    const memory = new BytesMemory(new Uint8Array(8));
    for (const use of [
      () => memory.load8(8),
      () => memory.load32(5),
      () => memory.store64(1, 0, 0),
      () => memory.fill(4, 0, 5),
      () => memory.write(-1, new Uint8Array(1)),
      () => memory.readInto(7, new Uint8Array(2), 0, 2),
    ]) {
      expect(use).to.throw(RangeError);
    }
  });
});
