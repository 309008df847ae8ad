import { expect } from 'chai';
import * as fc from 'fast-check';

import { LabError } from '../../../base/errors';
import {
  cells,
  cells64,
  readCell,
  readCells,
  readHalves,
  readNumber,
  readString,
  readStrings,
  strings,
} from '../../../base/fdt';
import { u64 } from '../../../base/u64';

describe('device tree values', () => {
  it('cells are 32-bit big-endian', () => {
    expect([...cells(0x0102_0304, 0xffff_fffe)]).to.deep.equal([1, 2, 3, 4, 0xff, 0xff, 0xff, 0xfe]);
    expect(readCells(cells(0, 0x8000_0000, 0xffff_ffff))).to.deep.equal([0, 0x8000_0000, 0xffff_ffff]);
    expect(readCells(Uint8Array.of(0, 0, 1))).to.equal(undefined);
    expect(readCell(cells(7), 1)).to.equal(undefined);
    expect(readCell(cells(7), -1)).to.equal(undefined);
    expect(readCell(Uint8Array.of(0, 0, 0, 1, 0, 0, 0), 1)).to.equal(undefined);
  });

  it('64-bit numbers take two cells, the high one first', () => {
    expect(readCells(cells64(0x12_3456_789a))).to.deep.equal([0x12, 0x3456_789a]);
    const halves = u64();
    expect(readHalves(cells(9, 0xffff_ffff, 0xffff_fffe), 1, halves)).to.equal(true);
    expect(halves).to.deep.equal({ lo: 0xffff_fffe, hi: 0xffff_ffff });
    expect(readHalves(cells(9, 8), 1, halves)).to.equal(false);
  });

  it('numbers are exact up to 2^53 - 1 and undefined above', () => {
    expect(readNumber(cells(0x001f_ffff, 0xffff_ffff), 0, 2)).to.equal(Number.MAX_SAFE_INTEGER);
    expect(readNumber(cells(0x0020_0000, 0), 0, 2)).to.equal(undefined);
    expect(readNumber(cells(0, 1, 2), 0, 3)).to.equal(0x1_0000_0002);
    expect(readNumber(cells(1, 0, 0), 0, 3)).to.equal(undefined);
    expect(readNumber(cells(), 0, 0)).to.equal(0);
    expect(readNumber(cells(1), 0, 2)).to.equal(undefined);
    fc.assert(
      fc.property(fc.maxSafeNat(), (number) => {
        expect(readNumber(cells64(number), 0, 2)).to.equal(number);
      }),
    );
  });

  it('strings have a terminator each', () => {
    expect(Buffer.from(strings('ab', '', 'c')).toString('latin1')).to.equal('ab\0\0c\0');
    expect(readStrings(strings('ab', '', 'c'))).to.deep.equal(['ab', '', 'c']);
    expect(readString(strings('ab'))).to.equal('ab');
    expect(readString(strings('ab', 'c'))).to.equal(undefined);
    expect(readStrings(Uint8Array.of(0x61))).to.equal(undefined);
    expect(readStrings(Uint8Array.of())).to.deep.equal([]);
    expect(readString(Uint8Array.of())).to.equal(undefined);
  });

  it('refuses what does not fit', () => {
    for (const value of [-1, 1.5, 2 ** 32, NaN]) expect(() => cells(value)).to.throw(LabError, `not ${value}`);
    for (const value of [-1, 1.5, 2 ** 53, NaN]) expect(() => cells64(value)).to.throw(LabError, `not ${value}`);
    for (const text of ['a\0b', 'ü', '\u{1f600}']) expect(() => strings(text)).to.throw(LabError, 'ASCII');
  });
});
