import { expect } from 'chai';
import fc from 'fast-check';

import { PageFlags } from '../../../emulator/bus/page-flags';
import { AWAITED, ByteOrigins, DELIVERED, FRESH, KNOWN, OUTDATED } from '../../../lab/sanitizer/byte-origins';
import { addBytes } from '../../../lab/sanitizer/cache-lines';
import { drawBytes } from '../../../lab/sanitizer/picture';
import { Recorder, type Finding } from '../../../lab/sanitizer/recorder';

describe('PageFlags', () => {
  it('keeps flags of pages apart, however far they are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(5000), fc.integer({ min: 1, max: 255 }), fc.boolean()), { maxLength: 40 }),
        fc.nat(5000),
        fc.integer({ min: 1, max: 20_000 }),
        (changes, page, length) => {
          const flags = new PageFlags();
          const model = new Map<number, number>();
          for (const [at, bits, isSet] of changes) {
            const before = model.get(at) ?? 0;
            model.set(at, isSet ? before | bits : before & ~bits);
            if (isSet) flags.set(at, bits);
            else flags.clear(at, bits);
          }
          for (const [at, bits] of model) expect(flags.get(at)).to.equal(bits);
          const last = Math.floor((page * 4096 + length - 1) / 4096);
          const any = [...model].some(([at, bits]) => bits !== 0 && at >= page && at <= last);
          expect(flags.anyIn(page * 4096, length)).to.equal(any);
        },
      ),
    );
  });
});

describe('ByteOrigins', () => {
  it('finds the first byte of an origin, across pages', () => {
    const origins = new ByteOrigins();
    origins.fill(4000, 500, FRESH);
    expect(origins.find(0, 4000, FRESH)).to.equal(-1);
    expect(origins.find(0, 4001, FRESH)).to.equal(4000);
    expect(origins.find(4090, 100, FRESH)).to.equal(0);
    origins.fill(4000, 200, KNOWN);
    expect(origins.find(4000, 500, FRESH)).to.equal(200);
    expect(origins.find(4000, 200, FRESH)).to.equal(-1);
  });

  it('knows what a device was to write and has not', () => {
    const origins = new ByteOrigins();
    origins.fill(0, 100, FRESH);
    origins.fill(100, 100, DELIVERED);
    origins.lend(0, 300);
    expect(origins.find(0, 300, AWAITED)).to.equal(0);
    expect(origins.find(0, 300, OUTDATED)).to.equal(100);
    expect(origins.find(200, 100, OUTDATED)).to.equal(-1);
    origins.fill(0, 150, DELIVERED);
    expect(origins.find(0, 300, AWAITED)).to.equal(-1);
    expect(origins.find(0, 300, OUTDATED)).to.equal(150);
  });

  it('says what an array of all bytes says, whole pages and parts of them alike', () => {
    const PAGES = 4;
    const ORIGINS = [KNOWN, FRESH, DELIVERED, OUTDATED, AWAITED];
    const become = new Map([
      [FRESH, AWAITED],
      [DELIVERED, OUTDATED],
    ]);
    const edge = fc.oneof(
      fc.nat(PAGES * 4096),
      fc.integer({ min: 0, max: PAGES }).map((page) => page * 4096),
    );
    const step = fc.tuple(edge, edge, fc.option(fc.constantFrom(KNOWN, FRESH, DELIVERED, OUTDATED, AWAITED)));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), edge, edge, (steps, one, other) => {
        const origins = new ByteOrigins();
        const model = new Uint8Array(PAGES * 4096).fill(KNOWN);
        for (const [a, b, origin] of steps) {
          const [start, end] = [Math.min(a, b), Math.max(a, b)];
          if (origin === null) origins.lend(start, end - start);
          else origins.fill(start, end - start, origin);
          for (let at = start; at < end; at++) model[at] = origin ?? become.get(model[at]!) ?? model[at]!;
        }
        const ranges = [[Math.min(one, other), Math.max(one, other)]];
        // Single loads too, where origins meet.
        for (const edge of steps.flatMap(([a, b]) => [a, b]))
          ranges.push([Math.max(edge - 8, 0), edge], [edge, Math.min(edge + 1, model.length)]);
        for (const [origin, [start, end]] of ORIGINS.flatMap((each) => ranges.map((range) => [each, range] as const))) {
          expect(origins.find(start!, end! - start!, origin)).to.equal(model.subarray(start, end).indexOf(origin));
        }
      }),
    );
  });
});

describe('addBytes', () => {
  it('marks any range of a line', () => {
    for (let start = 0; start <= 64; start++) {
      for (let end = start; end <= 64; end++) {
        const mask = { low: 0, high: 0 };
        addBytes(mask, start, end);
        const bits = (BigInt(mask.high >>> 0) << 32n) | BigInt(mask.low >>> 0);
        const right = ((1n << BigInt(end - start)) - 1n) << BigInt(start);
        expect(bits, `${start} to ${end}`).to.equal(right);
      }
    }
  });
});

describe('drawBytes', () => {
  it('draws a row for each that marks something', () => {
    const picture = drawBytes(96, [
      { name: 'device', mark: 'D', ranges: [[0, 48]] },
      { name: 'nobody', mark: 'x', ranges: [] },
      { name: 'CPU', mark: '^', ranges: [[94, 96]] },
    ]);
    expect(picture).to.deep.equal([
      `device |${'D'.repeat(24)}${'.'.repeat(24)}| 0..47`,
      `CPU    |${'.'.repeat(47)}^| 94..95`,
    ]);
    expect(drawBytes(0, [{ name: 'a', mark: 'a', ranges: [[0, 1]] }])).to.deep.equal([]);
  });
});

describe('Recorder', () => {
  const clock = { now: 0 };

  it('tells the same bug once, with a count and its worst harm', () => {
    const recorder = new Recorder(clock, () => () => []);
    for (let i = 0; i < 20; i++) {
      recorder.step();
      recorder.report({
        id: 'DMA-LEAK',
        device: 'd',
        harm: i === 19 ? 'happened' : 'none',
        message: `number ${i}`,
        places: [['mapped', recorder.now]],
      });
    }
    const [report, ...others] = recorder.reports();
    expect(others).to.deep.equal([]);
    expect(report).to.include({ message: 'number 0', count: 20, harm: 'happened', severity: 'error' });
  });

  /** Something happens six times after `before` other things that are kept; each second time is a bug. */
  const play = (recorder: Recorder, before = 0): void => {
    for (let i = 0; i < before; i++) {
      recorder.step();
      expect(recorder.now.tick).to.equal(i + 1);
    }
    for (let i = 1; i <= 6; i++) {
      recorder.step();
      if (i % 2 !== 0) continue;
      const places: Finding['places'] = [['mapped', recorder.now]];
      recorder.report({ id: 'DMA-LEAK', device: 'd', harm: 'none', message: 'm', places });
    }
  };

  // Who called the caller may get lost behind an `await`.
  const LINES = [['a.ts:1', 'main.ts:9', 'outer.ts:1'], ['b.ts:2'], ['a.ts:1', 'main.ts:9']];
  const REPORTS = [
    { what: 'mapped', time: 0, site: 'a.ts:1', callers: ['main.ts:9', 'outer.ts:1'], count: 2 },
    { what: 'mapped', time: 0, site: 'b.ts:2', callers: [], count: 1 },
  ];
  const told = (recorder: Recorder): unknown[] =>
    recorder.reports().map(({ places, count }) => ({ ...places[0], count }));

  it('remembers the lines of the first moments that are kept, and keeps bugs of different lines apart', () => {
    let asked = 0;
    const recorder = new Recorder(clock, () => {
      const lines = LINES[asked++]!;
      return () => lines;
    });
    play(recorder);
    expect(asked).to.equal(3);
    expect(recorder.ticksOfInterest()).to.deep.equal([]);
    expect(told(recorder)).to.deep.equal(REPORTS);
  });

  it('asks for the lines of later moments in a second run, at those of interest only', () => {
    let asked = 0;
    const first = new Recorder(clock, () => () => expect.fail(`nobody asks: ${asked++}`));
    play(first, 1000);
    expect(first.ticksOfInterest()).to.deep.equal([1002, 1004, 1006]);
    const second = new Recorder(
      clock,
      () => {
        const lines = LINES[asked++]!;
        return () => lines;
      },
      { wanted: first.ticksOfInterest() },
    );
    play(second, 1000);
    expect(asked).to.equal(3);
    expect(told(second)).to.deep.equal(REPORTS);
  });

  it('needs a second run as soon as one of the lines of a bug is not remembered', () => {
    const recorder = new Recorder(clock, () => () => ['a.ts:1'], { remember: 1 });
    recorder.step();
    const mapped = recorder.now;
    recorder.step();
    const places: Finding['places'] = [
      ['mapped', mapped],
      ['unmapped', recorder.now],
    ];
    recorder.report({ id: 'DMA-LEAK', device: 'd', harm: 'none', message: 'm', places });
    expect(recorder.ticksOfInterest()).to.deep.equal([1, 2]);
  });
});
