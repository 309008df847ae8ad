import { expect } from 'chai';
import fc from 'fast-check';

import { PAGE_SIZE, physAddr } from '../../../base/address';
import { BUS_ACCESS_FAULT, BUS_NO_ADDRESS, BUS_OK, BUS_POISONED } from '../../../base/bus-outcome';
import { LabError } from '../../../base/errors';
import { u64 } from '../../../base/u64';
import { COPY_WRITE_SIDE } from '../../../emulator/bus/device-port';
import { DEFAULT_BANKS, type RamBank } from '../../../emulator/memory/banks';
import { Ram } from '../../../emulator/memory/ram';

const LOW = 0x8000_0000;
const HIGH = 0x1_0000_0000;
const bank = (base: number, pages: number): RamBank => ({ base: physAddr(base), size: pages * PAGE_SIZE });
const smallRam = (): Ram => new Ram([bank(LOW, 4), bank(HIGH, 4)]);
const pattern = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) + seed) & 255);

const contents = (ram: Ram, address: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  expect(ram.peek(address, bytes, 0, length)).to.equal(BUS_OK);
  return bytes;
};
const touched = (ram: Ram): number[] => {
  const pages: number[] = [];
  ram.forEachTouchedPage((page) => pages.push(page));
  return pages;
};

describe('RAM banks', () => {
  const refusal = (banks: RamBank[]): LabError => {
    try {
      new Ram(banks);
    } catch (error) {
      if (error instanceof LabError) return error;
      throw error;
    }
    return expect.fail('the banks were accepted');
  };

  it('names both banks where two overlap', () => {
    for (const base of [LOW, LOW + PAGE_SIZE, LOW - PAGE_SIZE]) {
      const error = refusal([bank(LOW, 2), bank(HIGH, 1), bank(base, 2)]);
      expect(error.message).to.include('memory[0]').and.include('memory[2]').and.include('overlaps');
      expect(error.place?.what).to.equal('memory[2]');
    }
  });

  it('refuses what is empty, unaligned, out of reach, or nothing at all', () => {
    expect(refusal([bank(LOW, 1), bank(HIGH, 0)]).message)
      .to.include('memory[1]')
      .and.include('empty');
    expect(refusal([{ base: physAddr(LOW + 8), size: PAGE_SIZE }]).message).to.include('page boundary');
    expect(refusal([{ base: physAddr(LOW), size: PAGE_SIZE + 1 }]).message).to.include('page boundary');
    expect(refusal([bank(2 ** 52 - PAGE_SIZE, 2)]).message).to.include('beyond');
    expect(refusal([bank(-PAGE_SIZE, 2)]).message).to.include('whole numbers');
    expect(refusal([{ base: physAddr(LOW), size: NaN }]).message).to.include('whole numbers');
    expect(refusal([]).message).to.include('no memory');
    expect(refusal([{ base: physAddr(0), size: 2 ** 33 }]).message).to.include('add up');
  });

  it('takes a bank that ends at the end of the board, and banks in any order', () => {
    const ram = new Ram([bank(2 ** 52 - PAGE_SIZE, 1), bank(LOW, 1)]);
    expect(ram.store32(2 ** 52 - 4, 7)).to.equal(BUS_OK);
    expect(ram.store32(LOW, 8)).to.equal(BUS_OK);
    expect([ram.load32(2 ** 52 - 4), ram.load32(LOW)]).to.deep.equal([7, 8]);
  });

  it('joins banks that touch, and only those', () => {
    const ram = new Ram([bank(LOW + PAGE_SIZE, 1), bank(LOW, 1), bank(LOW + 3 * PAGE_SIZE, 1)]);
    const data = pattern(64);
    expect(ram.write(LOW + PAGE_SIZE - 32, data, 0, 64)).to.equal(BUS_OK);
    expect(contents(ram, LOW + PAGE_SIZE - 32, 64)).to.deep.equal(data);
    expect(ram.write(LOW + 2 * PAGE_SIZE - 32, data, 0, 64)).to.equal(BUS_NO_ADDRESS);
  });

  it('has 64 MiB on either side of 4 GiB by default, and touches none of it', () => {
    const ram = new Ram();
    expect(ram.banks).to.equal(DEFAULT_BANKS);
    expect(ram.contains(0x83ff_ffff) && ram.contains(0x1_03ff_ffff)).to.equal(true);
    expect(ram.contains(0x8400_0000) || ram.contains(0x1_0400_0000) || ram.contains(LOW - 1)).to.equal(false);
    expect(ram.touchedPages).to.equal(0);
  });
});

describe('RAM accesses', () => {
  it('loads and stores little-endian at any alignment, across pages too', () => {
    const ram = smallRam();
    for (const address of [
      LOW,
      LOW + 1,
      LOW + 2,
      LOW + 4,
      LOW + PAGE_SIZE - 4,
      LOW + PAGE_SIZE - 3,
      LOW + PAGE_SIZE - 1,
      HIGH + 5,
    ]) {
      expect(ram.store32(address, 0x8765_4321)).to.equal(BUS_OK);
      expect([...contents(ram, address, 4)]).to.deep.equal([0x21, 0x43, 0x65, 0x87]);
      expect(ram.load32(address)).to.equal(0x8765_4321);
      expect(ram.store64(address, 0x8765_4321, 0xfedc_ba98)).to.equal(BUS_OK);
      expect([...contents(ram, address, 8)]).to.deep.equal([0x21, 0x43, 0x65, 0x87, 0x98, 0xba, 0xdc, 0xfe]);
      const value = u64();
      expect(ram.load64(address, value)).to.equal(BUS_OK);
      expect(value).to.deep.equal({ lo: 0x8765_4321, hi: 0xfedc_ba98 });
    }
  });

  it("answers no such address at a bank's edges and transfers nothing", () => {
    const ram = smallRam();
    const end = LOW + 4 * PAGE_SIZE;
    for (const length of [1, 2, 16, 17, 100]) {
      for (const address of [LOW - 1, LOW - length, end - length + 1, end, 0, HIGH + 4 * PAGE_SIZE, 2 ** 52, 2 ** 56]) {
        const into = new Uint8Array(length).fill(0xaa);
        expect(ram.read(address, into, 0, length)).to.equal(BUS_NO_ADDRESS);
        expect(into.every((byte) => byte === 0xaa)).to.equal(true);
        expect(ram.write(address, into, 0, length)).to.equal(BUS_NO_ADDRESS);
        expect(ram.fill(address, 1, length)).to.equal(BUS_NO_ADDRESS);
        expect(ram.copy(address, LOW, length)).to.equal(BUS_NO_ADDRESS);
        expect(ram.copy(LOW, address, length)).to.equal(BUS_NO_ADDRESS + COPY_WRITE_SIDE);
      }
    }
    expect(ram.load32(end - 3)).to.equal(BUS_NO_ADDRESS);
    expect(ram.load64(end - 7, u64())).to.equal(BUS_NO_ADDRESS);
    expect(ram.store32(end - 3, 1)).to.equal(BUS_NO_ADDRESS);
    expect(ram.store64(end - 7, 1, 1)).to.equal(BUS_NO_ADDRESS);
    expect(ram.touchedPages).to.equal(0);
  });

  it('moves exactly the bytes asked for', () => {
    const ram = smallRam();
    for (const length of [1, 15, 16, 17, 255, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1]) {
      ram.fill(LOW, 0x5a, 3 * PAGE_SIZE);
      const from = pattern(length + 6);
      ram.write(LOW + 100, from, 3, length);
      const around = contents(ram, LOW + 99, length + 2);
      expect([around[0], around[length + 1]]).to.deep.equal([0x5a, 0x5a]);
      expect(around.subarray(1, length + 1)).to.deep.equal(from.subarray(3, length + 3));
      const into = new Uint8Array(length + 4).fill(0xee);
      ram.read(LOW + 100, into, 2, length);
      expect([into[1], into[length + 2]]).to.deep.equal([0xee, 0xee]);
      expect(into.subarray(2, length + 2)).to.deep.equal(from.subarray(3, length + 3));
    }
  });

  it('copies overlapping ranges as if through a buffer, as a plain array does', () => {
    const size = 4 * PAGE_SIZE;
    fc.assert(
      fc.property(fc.nat(size - 1), fc.nat(size - 1), fc.nat(size), (from, to, wanted) => {
        const length = Math.max(1, Math.min(wanted, size - from, size - to));
        const ram = smallRam();
        const model = pattern(size);
        ram.write(LOW, model, 0, size);
        expect(ram.copy(LOW + from, LOW + to, length)).to.equal(BUS_OK);
        model.set(model.slice(from, from + length), to);
        expect(contents(ram, LOW, size)).to.deep.equal(model);
      }),
      { numRuns: 60 },
    );
  });
});

describe('touched pages', () => {
  it('are those written, by any kind of write, and no others', () => {
    const ram = smallRam();
    const page = LOW / PAGE_SIZE;
    ram.read(LOW, new Uint8Array(PAGE_SIZE), 0, PAGE_SIZE);
    ram.load32(LOW);
    expect(touched(ram)).to.deep.equal([]);
    ram.store32(HIGH + PAGE_SIZE - 2, 1);
    expect(touched(ram)).to.deep.equal([HIGH / PAGE_SIZE, HIGH / PAGE_SIZE + 1]);
    ram.clear();
    ram.store64(LOW + PAGE_SIZE - 8, 1, 1);
    expect(touched(ram)).to.deep.equal([page]);
    ram.write(LOW + 2 * PAGE_SIZE - 1, pattern(2), 0, 2);
    expect(touched(ram)).to.deep.equal([page, page + 1, page + 2]);
    ram.clear();
    ram.fill(LOW + PAGE_SIZE, 1, PAGE_SIZE);
    ram.copy(LOW + PAGE_SIZE, HIGH, 1);
    expect(touched(ram)).to.deep.equal([page + 1, HIGH / PAGE_SIZE]);
    expect(ram.touchedPages).to.equal(2);
  });

  it('are zero again after a clear, marks gone', () => {
    const ram = smallRam();
    ram.write(LOW + 10, pattern(2 * PAGE_SIZE), 0, 2 * PAGE_SIZE);
    ram.mark(HIGH, 1, 'faulting');
    ram.clear();
    expect(contents(ram, LOW, 4 * PAGE_SIZE).every((byte) => byte === 0)).to.equal(true);
    expect(ram.load32(HIGH)).to.equal(0);
    expect(ram.touchedPages).to.equal(0);
  });

  it('do not include a page whose write was refused', () => {
    const ram = smallRam();
    ram.mark(LOW, 4, 'faulting');
    ram.store32(LOW, 1);
    ram.fill(LOW, 1, 8);
    ram.copy(HIGH, LOW, 8);
    expect(touched(ram)).to.deep.equal([]);
  });
});

describe('marks', () => {
  it('fault every access to a marked byte, and none beside it', () => {
    const ram = smallRam();
    ram.mark(LOW + 100, 8, 'faulting');
    const buffer = new Uint8Array(8);
    for (let address = LOW + 90; address < LOW + 112; address++) {
      const hit = address + 4 > LOW + 100 && address < LOW + 108;
      expect(ram.load32(address) === BUS_ACCESS_FAULT, `load at ${address - LOW}`).to.equal(hit);
      expect(ram.store32(address, 0) === BUS_ACCESS_FAULT).to.equal(hit);
      expect(ram.read(address, buffer, 0, 4) === BUS_ACCESS_FAULT).to.equal(hit);
      expect(ram.write(address, buffer, 0, 4) === BUS_ACCESS_FAULT).to.equal(hit);
      expect(ram.fill(address, 0, 4) === BUS_ACCESS_FAULT).to.equal(hit);
      expect(ram.copy(address, HIGH, 4) === BUS_ACCESS_FAULT).to.equal(hit);
      expect(ram.copy(HIGH, address, 4) === BUS_ACCESS_FAULT + COPY_WRITE_SIDE).to.equal(hit);
    }
  });

  it('deliver poisoned bytes with the bad news; a load has room for the news only', () => {
    const ram = smallRam();
    ram.store64(LOW + 8, 0x1122_3344, 0x5566_7788);
    ram.mark(LOW + 15, 1, 'poisoned');
    const into = new Uint8Array(8);
    expect(ram.read(LOW + 8, into, 0, 8)).to.equal(BUS_POISONED);
    expect([...into]).to.deep.equal([0x44, 0x33, 0x22, 0x11, 0x88, 0x77, 0x66, 0x55]);
    const value = u64();
    expect(ram.load64(LOW + 8, value)).to.equal(BUS_POISONED);
    expect(value).to.deep.equal({ lo: 0x1122_3344, hi: 0x5566_7788 });
    expect([ram.load32(LOW + 8), ram.load32(LOW + 12)]).to.deep.equal([0x1122_3344, BUS_POISONED]);
    expect(ram.store32(LOW + 12, 1)).to.equal(BUS_OK);
    expect(ram.copy(LOW + 8, HIGH, 8)).to.equal(BUS_POISONED);
    expect(touched(ram)).to.not.include(HIGH / PAGE_SIZE);
  });

  it('reach across pages, and are no business of a peek', () => {
    const ram = smallRam();
    ram.fill(LOW, 9, 2 * PAGE_SIZE);
    ram.mark(LOW + PAGE_SIZE - 1, 2, 'faulting');
    expect(ram.load32(LOW + PAGE_SIZE - 3)).to.equal(BUS_ACCESS_FAULT);
    expect(ram.load32(LOW + PAGE_SIZE)).to.equal(BUS_ACCESS_FAULT);
    expect(contents(ram, LOW + PAGE_SIZE - 1, 2)).to.deep.equal(Uint8Array.of(9, 9));
  });

  it('agree with a plain map of bytes, whatever is marked and unmarked', () => {
    const size = 4 * PAGE_SIZE;
    const edge = fc.oneof(fc.nat(size - 1), fc.integer({ min: PAGE_SIZE - 4, max: PAGE_SIZE + 4 }));
    const operation = fc.record({
      kind: fc.constantFrom('poisoned' as const, 'faulting' as const, 'none' as const),
      start: edge,
      length: fc.integer({ min: 1, max: 2 * PAGE_SIZE }),
      probe: edge,
      probeLength: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 20 }), (operations) => {
        const ram = smallRam();
        const model = new Array<string>(size).fill('none');
        for (const { kind, start, length, probe, probeLength } of operations) {
          const end = Math.min(start + length, size);
          if (kind === 'none') ram.unmark(LOW + start, end - start);
          else ram.mark(LOW + start, end - start, kind);
          model.fill(kind, start, end);
          const bytes = Math.min(probeLength, size - probe);
          const found = model.slice(probe, probe + bytes);
          const faulting = found.includes('faulting');
          const reading = faulting ? BUS_ACCESS_FAULT : found.includes('poisoned') ? BUS_POISONED : BUS_OK;
          expect(ram.read(LOW + probe, new Uint8Array(bytes), 0, bytes)).to.equal(reading);
          expect(ram.fill(LOW + probe, 0, bytes)).to.equal(faulting ? BUS_ACCESS_FAULT : BUS_OK);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('refuse a range that is not RAM, and leave everything as it was', () => {
    const ram = smallRam();
    for (const [address, length] of [
      [LOW - 1, 4],
      [LOW + 4 * PAGE_SIZE - 1, 2],
      [0, 1],
      [LOW, 0],
      [LOW, -1],
    ] as const) {
      expect(() => ram.mark(address, length, 'faulting')).to.throw(LabError, 'not a range of RAM');
      expect(() => ram.unmark(address, length)).to.throw(LabError, 'not a range of RAM');
    }
    expect(ram.load32(LOW)).to.equal(0);
  });
});
