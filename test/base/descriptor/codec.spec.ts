import { expect } from 'chai';
import fc from 'fast-check';
import { LabError } from '../../../base/errors';
import type { AnyDescriptor, PlacedField } from '../../../base/descriptor';
import { BytesMemory, type AnyLayout } from '../../../base/layout';
import { all, simple } from './samples';

const DESCRIPTORS: readonly AnyDescriptor[] = [simple, all];

/** A field's value by the declaration alone: bit by bit out of its word, read with a DataView. */
const bitsOfWord = (view: DataView, offset: number, bits: number, bigEndian: boolean): bigint => {
  if (bits === 8) return BigInt(view.getUint8(offset));
  if (bits === 16) return BigInt(view.getUint16(offset, !bigEndian));
  return bits === 32 ? BigInt(view.getUint32(offset, !bigEndian)) : view.getBigUint64(offset, !bigEndian);
};

const modelField = (made: AnyDescriptor, field: PlacedField, bytes: Uint8Array): bigint => {
  const view = new DataView(bytes.buffer);
  const part = (name: string, high: number, low: number): bigint => {
    const { offset, word } = [
      ...made.words,
      ...made.placedVariants.flatMap(({ cases }) => cases.flatMap(({ placement }) => placement.words)),
    ].find(({ path }) => path === name)!;
    const whole = bitsOfWord(view, offset, word.bits, word.bigEndian);
    return (whole >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);
  };
  const joined = made.joined[field.path];
  if (joined === undefined) return part(field.word, field.high, field.low) << BigInt(field.below);
  let at = BigInt(field.below);
  let value = 0n;
  for (const [word, high, low] of joined.pieces) {
    value |= part(word, high, low) << at;
    at += BigInt(high - low + 1);
  }
  return value;
};

const bytesOf = (made: AnyDescriptor) => fc.uint8Array({ minLength: made.size, maxLength: made.size });

/** What lies in the bytes that the descriptor gives a meaning to. */
const lanesOf = (made: AnyDescriptor, bytes: Uint8Array): Int32Array => {
  const lanes = new Int32Array(made.lanes);
  made.load(new BytesMemory(bytes), 0, lanes);
  return lanes;
};

describe('descriptors: values and cursors', () => {
  for (const made of DESCRIPTORS) {
    it(`${made.typeName}: a cursor reads what a bit-by-bit model reads`, () => {
      fc.assert(
        fc.property(bytesOf(made), (bytes) => {
          const cursor = made.anyCursor(lanesOf(made, bytes));
          for (const field of [...made.placedFields, ...made.variantFields]) {
            if (field.name.includes('[') || !(field.name in cursor)) continue;
            expect(BigInt(cursor[field.name] as number), field.path).to.equal(modelField(made, field, bytes));
          }
        }),
      );
    });

    it(`${made.typeName}: a cursor writes one field and leaves every other bit`, () => {
      fc.assert(
        fc.property(bytesOf(made), fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (bytes, pick, random) => {
          const fields = [...made.placedFields, ...made.variantFields].filter(({ name }) => !name.includes('['));
          const field = fields[pick % fields.length]!;
          const lanes = lanesOf(made, bytes);
          const value = ((random >> BigInt(field.below)) & ((1n << BigInt(field.bits)) - 1n)) << BigInt(field.below);
          const cursor = made.anyCursor(lanes);
          cursor[field.name] = field.kind === 'wide' ? value : field.kind === 'flag' ? value === 1n : Number(value);
          const after = new Uint8Array(made.size);
          made.save(new BytesMemory(after), 0, lanes);
          expect(modelField(made, field, after), field.path).to.equal(value);
          const restored = made.anyCursor(lanes);
          const before = modelField(made, field, bytes);
          restored[field.name] =
            field.kind === 'wide' ? before : field.kind === 'flag' ? before === 1n : Number(before);
          made.save(new BytesMemory(after), 0, lanes);
          expect(after).to.deep.equal(bytes);
        }),
      );
    });

    it(`${made.typeName}: what is decoded and stored again is the same, but for bits without meaning`, () => {
      fc.assert(
        fc.property(bytesOf(made), (bytes) => {
          const lanes = lanesOf(made, bytes);
          const value = made.decode(lanes);
          expect(made.problem(value)).to.equal(null);
          const again = new Uint8Array(made.size).fill(0xa5);
          (made as unknown as AnyLayout).store(new BytesMemory(again), 0, value);
          expect(made.decode(lanesOf(made, again))).to.deep.equal(value);
          lanesOf(made, again).forEach((lane, i) => expect(lane & made.reservedMask[i]!).to.equal(0));
        }),
      );
    });
  }

  it('halves, pages and offsets of an address are those of its value', () => {
    fc.assert(
      fc.property(bytesOf(all), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (bytes, address) => {
        const c = all.cursor(lanesOf(all, bytes));
        c.LINK = address;
        expect(c.LINK).to.equal(address & ~63n);
        expect(BigInt(c.LINKLo >>> 0) | (BigInt(c.LINKHi >>> 0) << 32n)).to.equal(c.LINK);
        c.big64Page = Number(address >> 12n);
        c.big64Offset = Number(address & 0xfffn);
        expect(c.big64).to.equal(address);
        c.farLo = Number(address & 0xffff_ffffn) | 0;
        c.farHi = Number(address >> 32n) | 0;
        expect(c.far).to.equal(address & 0x0fff_ffff_ffff_f000n & ((1n << 60n) - 1n));
        expect(BigInt(c.farPage)).to.equal(c.far >> 12n);
      }),
    );
  });

  it('a cursor goes from entry to entry and clears one only', () => {
    const lanes = new Int32Array(3 * simple.lanes).fill(-1);
    const cursor = simple.cursor(lanes);
    cursor.to(1).clear().LENGTH = 7;
    cursor.CODE = 9;
    expect([...lanes.subarray(0, 4)]).to.deep.equal([-1, -1, -1, -1]);
    expect([...lanes.subarray(4, 8)]).to.deep.equal([0, 0, 7, 0x90]);
    expect([...lanes.subarray(8)]).to.deep.equal([-1, -1, -1, -1]);
  });

  it('a value that does not fit is told with its path, before anything is stored', () => {
    const memory = new BytesMemory(new Uint8Array(16).fill(7));
    const good = { addr: 16n, LENGTH: 1, LAST: true, OWN: false, DONE: false, CODE: 'bus' } as const;
    const wrong = (change: object, message: RegExp): void => {
      expect(() => simple.write(memory, 0, { ...good, ...change })).to.throw(LabError, message);
      expect([...memory.bytes]).to.deep.equal(new Array(16).fill(7));
    };
    wrong({ addr: 1 }, /simple_desc\.addr: 1 is no number of 64 bits/);
    wrong({ addr: 1n << 64n }, /addr: 18446744073709551616n/);
    wrong({ LENGTH: 65536 }, /LENGTH: 65536 is no number of 16 bits/);
    wrong({ LENGTH: 1.5 }, /LENGTH/);
    wrong({ LAST: 1 }, /LAST: 1 is no flag/);
    wrong({ CODE: 'nope' }, /CODE: "nope" is none of its names/);
    wrong({ more: 1 }, /there is no field "more"/);
    simple.write(memory, 0, good);
    expect(simple.read(memory, 0)).to.deep.equal(good);
  });

  it('an address that starts above bit 0 must be a multiple of what that leaves', () => {
    const value = all.decode(new Int32Array(all.lanes));
    expect(all.problem({ ...value, LINK: 32n })).to.match(/LINK: 32n is no multiple of 64/);
    expect(all.problem({ ...value, LINK: 64n })).to.equal(null);
  });

  it('variants follow their opcode, and what no case fits keeps its words', () => {
    const lanes = new Int32Array(all.lanes);
    lanes.fill(0x01020304);
    const cursor = all.cursor(lanes);
    cursor.opcode = 1;
    expect(all.decode(lanes).body).to.include({ is: 'write', slba: 0x0102030401020304n, NLB: 0x304 });
    cursor.opcode = 7;
    expect(all.decode(lanes).body).to.deep.equal({ is: 'other', words: [0x01020304, 0x01020304, 0x01020304] });
    expect(all.decode(lanes).opcode).to.equal(7);
  });
});
