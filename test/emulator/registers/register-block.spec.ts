import { expect } from 'chai';
import fc from 'fast-check';

import { BUS_ACCESS_FAULT, BUS_OK } from '../../../base/bus-outcome';
import { LabError } from '../../../base/errors';
import { Trace } from '../../../base/trace';
import type { TraceEvent } from '../../../base/trace-events';
import { u64, u64FromBigInt, u64ToBigInt } from '../../../base/u64';
import type { AccessWidth } from '../../../emulator/bus/mmio';
import { RegisterBlock } from '../../../emulator/registers/register-block';
import { defineBlock } from '../../../emulator/registers/define-block';
import type { BlockSpec, FieldAccess, FieldSpec } from '../../../emulator/registers/spec';

const SAMPLE = defineBlock({
  name: 'sample',
  size: 0x2000,
  registers: {
    CTL: {
      offset: 0,
      width: 4,
      fields: {
        EN: { bits: 0 },
        MODE: { bits: [3, 1], reset: 5 },
        BUSY: { bits: 4, access: 'ro', reset: 1 },
        KICK: { bits: 5, access: 'wo' },
        CLEAR: { bits: 6, access: 'w1c', reset: 1 },
        SET: { bits: 7, access: 'w1s' },
        LATER: { bits: [11, 8], unimplemented: true, reset: 3 },
        NEVER: { bits: 12, access: 'ro', unimplemented: true },
        TOP: { bits: 31 },
      },
    },
    ADDRESS: {
      offset: 8,
      width: 8,
      fields: { LOW: { bits: [7, 0] }, WIDE: { bits: [51, 12] }, HIGH: { bits: [63, 60] } },
    },
    STATUS: { offset: 0x10, width: 8, access: 'w1c', reset: 0xff_0000_00ff },
    ID: { offset: 0x18, width: 4, access: 'ro', reset: 0xdead_beef },
    CHANNEL: { offset: 0x100, width: 4, count: 4, stride: 0x10 },
    FAR: { offset: 0x1ffc, width: 4 },
  },
});

const sample = (): RegisterBlock<typeof SAMPLE> => new RegisterBlock(SAMPLE);
const get = (block: RegisterBlock, offset: number, width: AccessWidth = 4): bigint => {
  const value = u64(0x5555_5555, 0x5555_5555);
  expect(block.read(offset, width, value)).to.equal(BUS_OK);
  return u64ToBigInt(value.lo, value.hi);
};
const put = (block: RegisterBlock, offset: number, value: bigint | number, width: AccessWidth = 4): void => {
  const { lo, hi } = u64FromBigInt(BigInt(value));
  expect(block.write(offset, width, lo, hi)).to.equal(BUS_OK);
};

describe('register block', () => {
  it('starts at its reset values and returns to them', () => {
    const block = sample();
    const values = (): bigint[] => [get(block, 0), get(block, 8, 8), get(block, 0x10, 8), get(block, 0x18)];
    const reset = [0x35an, 0n, 0xff_0000_00ffn, 0xdead_beefn];
    expect(values()).to.deep.equal(reset);
    put(block, 0, 0xffff_ffff);
    put(block, 8, -1n & 0xffff_ffff_ffff_ffffn, 8);
    put(block, 0x10, 0xffn, 8);
    expect(values()).to.not.deep.equal(reset);
    block.reset();
    expect(values()).to.deep.equal(reset);
  });

  it('gives each field its own access rule', () => {
    const block = sample();
    const ctl = block.register('CTL');
    put(block, 0, 0);
    expect(['EN', 'MODE', 'BUSY', 'CLEAR', 'SET', 'LATER'].map((f) => ctl.field(f as 'EN'))).to.deep.equal([
      0, 0, 1, 1, 0, 3,
    ]);
    put(block, 0, 0xffff_ffff);
    expect(
      ['EN', 'MODE', 'BUSY', 'KICK', 'CLEAR', 'SET', 'LATER', 'TOP'].map((f) => ctl.field(f as 'EN')),
    ).to.deep.equal([1, 7, 1, 1, 0, 1, 3, 1]);
    expect(get(block, 0), 'write-only reads as zero').to.equal(0x8000_039fn);
    put(block, 0, 0);
    expect(get(block, 0)).to.equal(0x0000_0390n);
  });

  it('reserves bits in no field: they ignore writes and read as zero', () => {
    const block = sample();
    put(block, 8, 0xffff_ffff_ffff_ffffn, 8);
    expect(get(block, 8, 8)).to.equal(0xf00f_ffff_ffff_f0ffn);
  });

  it('touches only the half, or the bytes, that an access covers', () => {
    const block = sample();
    put(block, 12, 0x000a_bcde);
    expect(get(block, 8, 8)).to.equal(0x000a_bcde_0000_0000n);
    put(block, 8, 0x42, 1);
    put(block, 14, 0xf00f, 2);
    expect(get(block, 8, 8)).to.equal(0xf00f_bcde_0000_0042n);
    expect([get(block, 13, 1), get(block, 14, 2), get(block, 12)]).to.deep.equal([0xbcn, 0xf00fn, 0xf00f_bcden]);
    put(block, 0x10, 0xffff_ffff);
    expect(get(block, 0x10, 8)).to.equal(0xff_0000_0000n);
    put(block, 0x14, 0x0f, 1);
    expect(get(block, 0x10, 8)).to.equal(0xf0_0000_0000n);
  });

  it('lays arrays of registers out at their stride', () => {
    const block = sample();
    put(block, 0x120, 7);
    expect([0, 1, 2, 3].map((i) => block.register('CHANNEL', i).lo)).to.deep.equal([0, 0, 7, 0]);
    expect(block.register('CHANNEL', 2).name).to.equal('CHANNEL[2]');
    put(block, 0x124, 9);
    expect(get(block, 0x124), 'between two of them').to.equal(0n);
    expect(() => block.register('CHANNEL', 4)).to.throw(LabError, 'CHANNEL[4]');
  });

  it('decodes an 8-byte access to two registers as one to each', () => {
    const block = sample();
    put(block, 0x1ff8, 0x1234_5678_0000_0000n, 8);
    expect(get(block, 0x1ff8, 8)).to.equal(0x1234_5678_0000_0000n);
    expect(block.register('FAR').lo).to.equal(0x1234_5678);
  });

  it('faults outside the block', () => {
    const block = sample();
    for (const [offset, width] of [
      [0x2000, 4],
      [-4, 4],
      [0x1ffc, 8],
      [2 ** 40, 4],
    ] as const) {
      expect(block.read(offset, width, u64())).to.equal(BUS_ACCESS_FAULT);
      expect(block.write(offset, width, 0, 0)).to.equal(BUS_ACCESS_FAULT);
      expect(block.peek(offset, width, u64())).to.equal(BUS_ACCESS_FAULT);
    }
  });

  it('tells writes to what is not there or not implemented, by name', () => {
    const block = new RegisterBlock(SAMPLE, 'dmac0');
    const events: TraceEvent[] = [];
    const trace = new Trace(() => 0);
    trace.subscribe((record) => events.push(record.event));
    block.connectTrace(trace);
    put(block, 0, 0x1300);
    put(block, 0, 0x0f01);
    put(block, 1, 0x04, 1);
    put(block, 0, 0x01, 1);
    put(block, 0x46, 0xabcd, 2);
    const event = (register: string, bits: number) => ({ type: 'unimplemented', block: 'dmac0', register, bits });
    expect(events).to.deep.equal([event('CTL.LATER', 15), event('CTL.LATER', 4), event('offset 0x44', 0xabcd_0000)]);
    expect(block.register('CTL').field('LATER')).to.equal(3);
  });

  it('runs hooks around bus accesses only, and none for a peek but what the register holds', () => {
    const block = sample();
    const log: string[] = [];
    let count = 0;
    block.hook('ADDRESS', {
      beforeRead: (register) => register.set(++count),
      afterRead: (register) => log.push(`read ${register.lo}`),
      acceptWrite: (_, lo, hi, maskLo, maskHi) => {
        log.push(`asked ${lo.toString(16)} ${hi.toString(16)} ${maskLo.toString(16)} ${maskHi.toString(16)}`);
        return lo !== 0x66;
      },
      afterWrite: (register, lo) => log.push(`wrote ${lo.toString(16)}, holds ${register.lo.toString(16)}`),
    });
    expect(get(block, 8, 8)).to.equal(1n);
    expect(get(block, 8)).to.equal(2n);
    const seen = u64();
    expect(block.peek(8, 8, seen)).to.equal(BUS_OK);
    expect(seen.lo).to.equal(2);
    put(block, 8, 0x66);
    put(block, 8, 0xf0f7, 8);
    put(block, 15, 0x80, 1);
    expect(log).to.deep.equal([
      'read 1',
      'read 2',
      'asked 66 0 ffffffff 0',
      'asked f0f7 0 ffffffff ffffffff',
      'wrote f0f7, holds f0f7',
      'asked 0 80000000 0 ff000000',
      'wrote 0, holds f0f7',
    ]);
    expect(block.register('ADDRESS').field('HIGH')).to.equal(8);
  });

  it('reads and writes any field as the same bits of a bigint', () => {
    const field = fc
      .tuple(fc.nat(63), fc.nat(63))
      .map(([a, b]) => [Math.max(a, b), Math.min(a, b)] as const)
      .filter(([high, low]) => high - low < 53);
    fc.assert(
      fc.property(
        field,
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }),
        (bits, held, value) => {
          const block = new RegisterBlock({
            name: 'one',
            size: 8,
            registers: { R: { offset: 0, width: 8, fields: { F: { bits } } } },
          } as const satisfies BlockSpec);
          const register = block.register('R');
          const { lo, hi } = u64FromBigInt(held);
          register.set(lo, hi);
          const mask = (1n << BigInt(bits[0] - bits[1] + 1)) - 1n;
          expect(BigInt(register.field('F'))).to.equal((held >> BigInt(bits[1])) & mask);
          register.setField('F', Number(value));
          const want = (held & ~(mask << BigInt(bits[1]))) | ((value & mask) << BigInt(bits[1]));
          expect(u64ToBigInt(register.lo, register.hi)).to.equal(want);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('applies writes like a bit at a time, whatever the fields and the part that is written', () => {
    const kinds: FieldAccess[] = ['rw', 'ro', 'wo', 'w1c', 'w1s'];
    const widths = fc.constantFrom<[number, AccessWidth]>(
      [0, 8],
      [0, 4],
      [4, 4],
      [0, 1],
      [3, 1],
      [5, 1],
      [2, 2],
      [6, 2],
    );
    const bigint = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    const write = fc.record({ place: widths, value: bigint });
    fc.assert(
      fc.property(
        fc.array(fc.nat(5), { minLength: 64, maxLength: 64 }),
        bigint,
        fc.array(write, { maxLength: 6 }),
        (rules, start, writes) => {
          const fields: Record<string, FieldSpec> = {};
          rules.forEach((rule, bit) => {
            if (rule < 5) fields[`B${bit}`] = { bits: bit, access: kinds[rule]! };
          });
          const block = new RegisterBlock({ name: 'bits', size: 8, registers: { R: { offset: 0, width: 8, fields } } });
          const { lo, hi } = u64FromBigInt(start);
          block.register('R').set(lo, hi);
          const model = Array.from({ length: 64 }, (_, bit) => Number((start >> BigInt(bit)) & 1n));
          for (const { place, value } of writes) {
            const [offset, width] = place;
            const cut = BigInt.asUintN(width * 8, value);
            put(block, offset, cut, width);
            for (let i = 0; i < width * 8; i++) {
              const bit = offset * 8 + i;
              const written = Number((cut >> BigInt(i)) & 1n);
              const kind = kinds[rules[bit]!];
              if (kind === 'rw' || kind === 'wo') model[bit] = written;
              if (kind === 'w1c' && written === 1) model[bit] = 0;
              if (kind === 'w1s' && written === 1) model[bit] = 1;
            }
          }
          const seen = model.map((bit, i) => (kinds[rules[i]!] === 'wo' ? 0 : bit));
          const want = seen.reduce((sum, bit, i) => sum | (BigInt(bit) << BigInt(i)), 0n);
          expect(get(block, 0, 8)).to.equal(want);
          expect(get(block, 4)).to.equal(want >> 32n);
          expect(get(block, 2, 2)).to.equal((want >> 16n) & 0xffffn);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('register declarations', () => {
  it('serve many blocks, which have nothing else in common', () => {
    const [one, other] = [sample(), sample()];
    one.write(8, 8, 0x1234_50ff, 0);
    one.hook('FAR', { beforeRead: (register) => register.set(7) });
    expect([get(one, 8, 8), get(one, 0x1ffc)]).to.deep.equal([0x1234_50ffn, 7n]);
    expect([get(other, 8, 8), get(other, 0x1ffc)]).to.deep.equal([0n, 0n]);
  });

  it('are laid out anew where one is a changed copy of another', () => {
    const block = new RegisterBlock({ ...SAMPLE, size: 0x10, registers: { ONLY: { offset: 4, width: 4, reset: 9 } } });
    expect([get(block, 0), get(block, 4)]).to.deep.equal([0n, 9n]);
    expect(block.registers.map(({ name }) => name)).to.deep.equal(['ONLY']);
  });

  const refused = (registers: BlockSpec['registers'], size = 0x10): string => {
    try {
      new RegisterBlock({ name: 'bad', size, registers });
    } catch (error) {
      if (error instanceof LabError) return `${error.place?.what ?? ''}: ${error.message}`;
      throw error;
    }
    return expect.fail('the declaration was accepted');
  };

  it('refuse registers that overlap, lie outside or are not aligned, naming them', () => {
    expect(refused({ A: { offset: 0, width: 8 }, B: { offset: 4, width: 4 } }))
      .to.include('bad.B')
      .and.include('overlaps A');
    expect(refused({ A: { offset: 0, width: 8, count: 2, stride: 4 } })).to.include('bad.A[1]');
    expect(refused({ A: { offset: 0xc, width: 4 }, B: { offset: 0, width: 4, count: 4 } })).to.include('overlaps A');
    expect(refused({ A: { offset: 0x10, width: 4 } })).to.include('outside its block');
    expect(refused({ A: { offset: 4, width: 8 } })).to.include('not aligned');
    expect(refused({ A: { offset: -4, width: 4 } })).to.include('outside its block');
    expect(refused({}, 6)).to.include('multiple of 4');
    expect(refused({}, 0)).to.include('multiple of 4');
  });

  it('refuse fields that overlap, do not fit, or cannot hold their reset value', () => {
    const field = (fields: Record<string, FieldSpec>): string => refused({ R: { offset: 0, width: 4, fields } });
    expect(field({ A: { bits: [7, 4] }, B: { bits: [4, 0] } }))
      .to.include('A')
      .and.include('B')
      .and.include('overlap in bit 4');
    expect(field({ A: { bits: 32 } })).to.include('outside its 32-bit register');
    expect(field({ A: { bits: [0, 3] } })).to.include('outside');
    expect(field({ A: { bits: [3, 0], reset: 16 } })).to.include('cannot hold its reset value 16 in 4 bits');
    expect(field({ A: { bits: [3, 0], reset: 1.5 } })).to.include('reset value');
  });

  it('know their fields by name', () => {
    const register = new RegisterBlock(SAMPLE).register('CTL');
    expect(() => register.field('NOPE' as 'EN')).to.throw(LabError, 'no field NOPE');
    expect(register.layoutOf('MODE').width).to.equal(3);
  });
});
