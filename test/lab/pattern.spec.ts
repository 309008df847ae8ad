import { expect } from 'chai';
import fc from 'fast-check';

import { virtAddr } from '../../base/address';
import { GFP_KERNEL } from '../../kernel-api/gfp';
import { __get_free_pages } from '../../kernel-api/mm/page-alloc';
import { ScenarioFailure } from '../../lab/failure';
import { GuardedBuffer } from '../../lab/guarded-buffer';
import { expectBytes, expectPattern, fillPattern, firstDifference, patternByte, patternBytes } from '../../lab/pattern';
import { onMachine } from '../support/on-machine';

const PAGE = 4096;

describe('pattern', () => {
  it('is the same byte by byte as in one piece, from any position', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(2 ** 30), fc.nat(100), (seed, position, length) => {
        const bytes = patternBytes(seed, position, length);
        expect([...bytes]).to.deep.equal(Array.from({ length }, (_, i) => patternByte(seed, position + i)));
      }),
    );
  });

  it('uses all byte values about equally, and differs by seed and page', () => {
    const counts = new Array<number>(256).fill(0);
    for (const byte of patternBytes(1, 0, 64 * PAGE)) counts[byte]!++;
    expect(Math.min(...counts)).to.be.greaterThan(800);
    expect(Math.max(...counts)).to.be.lessThan(1250);
    for (const [seed, position] of [
      [2, 0],
      [1, PAGE],
      [1, 16 * PAGE],
      [1, 1],
      [~1, 0],
    ] as const) {
      const [one, other] = [patternBytes(1, 0, PAGE), patternBytes(seed, position, PAGE)];
      const equal = one.filter((byte, i) => byte === other[i]).length;
      expect(equal, `seed ${seed} from ${position}`).to.be.lessThan(60);
    }
  });

  it('finds the first byte that differs', () => {
    const bytes = patternBytes(3, 0, 100);
    expect(firstDifference(bytes, bytes.slice())).to.equal(-1);
    for (let at = 0; at < 100; at++) {
      const other = bytes.slice();
      other[at]! ^= 1;
      expect(firstDifference(other, bytes)).to.equal(at);
    }
    expect(firstDifference(bytes.slice(0, 99), bytes)).to.equal(99);
    expect(firstDifference(bytes, bytes.slice(0, 99))).to.equal(99);
    expect(firstDifference(new Uint8Array(), new Uint8Array())).to.equal(-1);
  });

  it('says where, how many, what was expected and what was found', () => {
    const wanted = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    const found = Uint8Array.of(1, 2, 3, 0xff, 5, 0xfe, 7, 8, 9, 10);
    expect(() => expectBytes(found, wanted, 'the data')).to.throw(
      ScenarioFailure,
      /^the data: byte 3 \(0x3\) of 10 is wrong, and 1 more after it; expected 04 05 06 .*, found ff 05 fe /,
    );
    expect(() => expectBytes(wanted.slice(0, 8), wanted, 'the data')).to.throw(/byte 8 .* and 1 more/);
  });

  it('finds swapped pages, stale pages and shifted bytes in memory', () =>
    onMachine({ dmac: false, iommu: false }, (kernel) => {
      const buffer = __get_free_pages(kernel, GFP_KERNEL, 2);
      const page = (index: number): ReturnType<typeof virtAddr> => virtAddr(buffer + index * PAGE);
      const check = (): void => expectPattern(kernel, buffer, 4 * PAGE, 7, 'memory');
      fillPattern(kernel, buffer, 4 * PAGE, 7);
      check();

      const [one, two] = [kernel.mm.read(page(1), PAGE), kernel.mm.read(page(2), PAGE)];
      kernel.mm.write(page(1), two);
      kernel.mm.write(page(2), one);
      expect(check, 'swapped').to.throw(ScenarioFailure, /memory: byte 409\d /);

      fillPattern(kernel, buffer, 4 * PAGE, 7);
      fillPattern(kernel, page(3), PAGE, 6, 3 * PAGE);
      expect(check, 'stale').to.throw(ScenarioFailure, /memory: byte 12(28[89]|29\d) /);

      fillPattern(kernel, buffer, 4 * PAGE, 7);
      kernel.mm.write(virtAddr(buffer + 1), kernel.mm.read(buffer, 4 * PAGE - 1));
      expect(check, 'shifted').to.throw(ScenarioFailure);

      fillPattern(kernel, buffer, 4 * PAGE, 7);
      check();
    }));
});

describe('guarded buffer', () => {
  it('puts the buffer where it was asked to be, with guards on both sides', () =>
    onMachine({ dmac: false, iommu: false }, (kernel) => {
      for (const length of [1, 64, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE]) {
        for (const offset of [0, 1, 63, 64, 65, PAGE - 1]) {
          const buffer = new GuardedBuffer(kernel, length, offset, 'it');
          expect(buffer.address % PAGE).to.equal(offset);
          fillPattern(kernel, buffer.address, length, 1);
          buffer.expectGuards();
          for (const [at, side] of [
            [-1, 'before'],
            [-64, 'before'],
            [length, 'after'],
            [length + 63, 'after'],
          ] as const) {
            const byte = virtAddr(buffer.address + at);
            const kept = kernel.mm.load8(byte);
            kernel.mm.store8(byte, kept ^ 0x80);
            expect(() => buffer.expectGuards(), `${length} at ${offset}, byte ${at}`).to.throw(
              ScenarioFailure,
              `guard bytes ${side} it`,
            );
            kernel.mm.store8(byte, kept);
          }
          buffer.free();
        }
      }
    }));

  it('watches one of the pages that are left over, and no more', () =>
    onMachine({ dmac: false, iommu: false }, (kernel) => {
      // Five pages of eight.
      const buffer = new GuardedBuffer(kernel, 4 * PAGE, 64, 'it');
      const start = buffer.address - 64;
      fillPattern(kernel, buffer.address, 4 * PAGE, 1);
      kernel.mm.store8(virtAddr(start + 6 * PAGE), 0x5a);
      buffer.expectGuards();
      kernel.mm.store8(virtAddr(start + 6 * PAGE - 1), kernel.mm.load8(virtAddr(start + 6 * PAGE - 1)) ^ 1);
      expect(() => buffer.expectGuards()).to.throw(ScenarioFailure, 'guard bytes after it');
      buffer.free();
    }));

  it('gives its pages back, and fails the scenario when there are none', () =>
    onMachine({ dmac: false, iommu: false }, (kernel) => {
      const before = kernel.mm.statistics();
      const buffer = new GuardedBuffer(kernel, 10_000, 5, 'it');
      expect(kernel.mm.statistics().allocatedPages).to.be.greaterThan(before.allocatedPages);
      buffer.free();
      expect(kernel.mm.statistics()).to.deep.equal(before);
      kernel.mm.failures.failNth(1);
      expect(() => new GuardedBuffer(kernel, 100, 0, 'it')).to.throw(ScenarioFailure, /no memory for the it buffer/);
    }));
});
