import { expect } from 'chai';
import fc from 'fast-check';

import { BUS_ACCESS_FAULT, BUS_OK } from '../../../base/bus-outcome';
import { LabError } from '../../../base/errors';
import { Trace } from '../../../base/trace';
import type { TraceEvent } from '../../../base/trace-events';
import { u64 } from '../../../base/u64';
import { Plic } from '../../../emulator/interrupts/plic';
import { designPlic } from '../../../emulator/interrupts/plic-registers';

// The specification's "Memory Map".
const PRIORITY = 0;
const PENDING = 0x1000;
const ENABLE = 0x2000;
const ENABLE_STRIDE = 0x80;
const THRESHOLD = 0x20_0000;
const CLAIM = 0x20_0004;
const CONTEXT_STRIDE = 0x1000;

const get = (plic: Plic, offset: number): number => {
  const value = u64();
  expect(plic.registers.read(offset, 4, value)).to.equal(BUS_OK);
  return value.lo;
};
const put = (plic: Plic, offset: number, value: number): void => {
  expect(plic.registers.write(offset, 4, value >>> 0, 0)).to.equal(BUS_OK);
};
const claim = (plic: Plic, context = 0): number => get(plic, CLAIM + context * CONTEXT_STRIDE);
const complete = (plic: Plic, source: number, context = 0): void => put(plic, CLAIM + context * CONTEXT_STRIDE, source);

interface Wired {
  readonly plic: Plic;
  readonly out: boolean[];
  readonly enable: (source: number, priority: number, context?: number) => void;
}

const wired = (sources = 64, contexts = 1): Wired => {
  const plic = new Plic(designPlic({ sources, contexts }));
  const out = new Array<boolean>(contexts).fill(false);
  for (let context = 0; context < contexts; context++) {
    plic.connectOutput(context, { set: (level) => void (out[context] = level) });
  }
  const enable = (source: number, priority: number, context = 0): void => {
    put(plic, PRIORITY + 4 * source, priority);
    const word = ENABLE + context * ENABLE_STRIDE + 4 * (source >> 5);
    put(plic, word, get(plic, word) | (1 << (source & 31)));
  };
  return { plic, out, enable };
};

/** Sources and contexts of the random runs: bits on both sides of a word's edge. */
const SOURCES = 40;
const CONTEXTS = 2;

/** The specification's text as sets and numbers. */
class PlicModel {
  readonly level = new Set<number>();
  readonly waiting = new Set<number>();
  readonly pending = new Set<number>();
  readonly priority = new Array<number>(SOURCES + 1).fill(0);
  readonly enabled = Array.from({ length: CONTEXTS }, () => new Set<number>());
  readonly threshold = new Array<number>(CONTEXTS).fill(0);

  drive(source: number, high: boolean): void {
    if (high) this.level.add(source);
    else this.level.delete(source);
    this.forward(source);
  }
  private forward(source: number): void {
    if (!this.level.has(source) || this.waiting.has(source)) return;
    this.waiting.add(source);
    this.pending.add(source);
  }
  best(context: number): number {
    const candidates = [...this.pending].filter((s) => this.enabled[context]!.has(s) && this.priority[s]! > 0);
    candidates.sort((a, b) => this.priority[b]! - this.priority[a]! || a - b);
    return candidates[0] ?? 0;
  }
  claim(context: number): number {
    const source = this.best(context);
    this.pending.delete(source);
    return source;
  }
  complete(context: number, source: number): void {
    if (!this.enabled[context]!.has(source) || this.pending.has(source)) return;
    this.waiting.delete(source);
    this.forward(source);
  }
  output(context: number): boolean {
    return [...this.pending].some((s) => this.enabled[context]!.has(s) && this.priority[s]! > this.threshold[context]!);
  }
}

type Step =
  | { do: 'drive'; source: number; level: boolean }
  | { do: 'priority'; source: number; value: number }
  | { do: 'enable'; context: number; source: number; on: boolean }
  | { do: 'threshold'; context: number; value: number }
  | { do: 'claim'; context: number }
  | { do: 'complete'; context: number; source: number };

const source = fc.constantFrom(1, 2, 3, 30, 31, 32, 33, 39, 40);
const context = fc.nat(CONTEXTS - 1);
const value = fc.nat(15);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('drive' as const), source, level: fc.boolean() }),
  fc.record({ do: fc.constant('priority' as const), source, value }),
  fc.record({ do: fc.constant('enable' as const), context, source, on: fc.boolean() }),
  fc.record({ do: fc.constant('threshold' as const), context, value: fc.nat(4) }),
  fc.record({ do: fc.constant('claim' as const), context }),
  fc.record({ do: fc.constant('complete' as const), context, source: fc.oneof(source, fc.constantFrom(0, 41, 1000)) }),
);

const apply = (plic: Plic, model: PlicModel, step: Step): void => {
  if (step.do === 'drive') {
    plic.line(step.source).set(step.level);
    model.drive(step.source, step.level);
  } else if (step.do === 'priority') {
    put(plic, PRIORITY + 4 * step.source, step.value);
    model.priority[step.source] = step.value & 7;
  } else if (step.do === 'enable') {
    const offset = ENABLE + step.context * ENABLE_STRIDE + 4 * (step.source >> 5);
    const bit = 1 << (step.source & 31);
    const word = get(plic, offset);
    put(plic, offset, step.on ? word | bit : word & ~bit);
    if (step.on) model.enabled[step.context]!.add(step.source);
    else model.enabled[step.context]!.delete(step.source);
  } else if (step.do === 'threshold') {
    put(plic, THRESHOLD + step.context * CONTEXT_STRIDE, step.value);
    model.threshold[step.context] = step.value;
  } else if (step.do === 'claim') expect(claim(plic, step.context)).to.equal(model.claim(step.context));
  else {
    complete(plic, step.source, step.context);
    model.complete(step.context, step.source);
  }
};

describe('PLIC', () => {
  it('behaves like the specification as sets, whatever is driven and written', () => {
    const setUp: Step[] = [1, 31, 32, 40].flatMap((each): Step[] => [
      { do: 'priority', source: each, value: 1 + (each % 3) },
      { do: 'enable', context: each % CONTEXTS, source: each, on: true },
      { do: 'enable', context: 0, source: each, on: true },
    ]);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { plic, out } = wired(SOURCES, CONTEXTS);
        const model = new PlicModel();
        for (const each of [...setUp, ...steps]) {
          apply(plic, model, each);
          expect(out).to.deep.equal([model.output(0), model.output(1)]);
          const pending = [get(plic, PENDING), get(plic, PENDING + 4)];
          const want = [0, 0];
          for (const one of model.pending) want[one >> 5]! |= 1 << (one & 31);
          expect(pending).to.deep.equal(want.map((word) => word >>> 0));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('takes one interrupt through claim, completion and a new request of a wire still high', () => {
    const { plic, out, enable } = wired();
    enable(5, 1);
    const wire = plic.line(5);
    wire.set(true);
    expect([out[0], get(plic, PENDING)]).to.deep.equal([true, 1 << 5]);
    expect(claim(plic)).to.equal(5);
    expect([out[0], get(plic, PENDING), claim(plic)]).to.deep.equal([false, 0, 0]);
    wire.set(false);
    wire.set(true);
    expect(out[0], 'the gateway waits').to.equal(false);
    complete(plic, 5);
    expect(out[0], 'still high').to.equal(true);
    expect(claim(plic)).to.equal(5);
    wire.set(false);
    complete(plic, 5);
    expect([out[0], claim(plic)]).to.deep.equal([false, 0]);
  });

  it('keeps a request whose wire has dropped', () => {
    const { plic, out, enable } = wired();
    enable(9, 2);
    plic.line(9).set(true);
    plic.line(9).set(false);
    expect([out[0], claim(plic)]).to.deep.equal([true, 9]);
  });

  it('hands out the highest priority first, the lowest number among equals, never priority 0', () => {
    const { plic, enable } = wired();
    for (const [each, priority] of [
      [64, 3],
      [10, 5],
      [33, 5],
      [2, 1],
      [7, 0],
    ] as const) {
      enable(each, priority);
      plic.line(each).set(true);
    }
    expect(Array.from({ length: 5 }, () => claim(plic))).to.deep.equal([10, 33, 64, 2, 0]);
  });

  it('holds back the wire by its threshold, but not the claim', () => {
    const { plic, out, enable } = wired();
    enable(3, 4);
    put(plic, THRESHOLD, 4);
    plic.line(3).set(true);
    expect(out[0]).to.equal(false);
    put(plic, THRESHOLD, 3);
    expect(out[0]).to.equal(true);
    put(plic, THRESHOLD, 7);
    expect([out[0], claim(plic)]).to.deep.equal([false, 3]);
  });

  it('ignores the completion of a source that is not enabled for the context', () => {
    const { plic, out, enable } = wired();
    enable(3, 1);
    plic.line(3).set(true);
    expect(claim(plic)).to.equal(3);
    put(plic, ENABLE, 0);
    complete(plic, 3);
    enable(3, 1);
    expect(out[0]).to.equal(false);
    complete(plic, 3);
    expect(out[0]).to.equal(true);
  });

  it('keeps source 0, and sources that it does not have, out of every register', () => {
    const { plic } = wired(40);
    put(plic, PRIORITY, 7);
    put(plic, ENABLE, 0xffff_ffff);
    put(plic, ENABLE + 4, 0xffff_ffff);
    put(plic, ENABLE + 8, 0xffff_ffff);
    put(plic, PRIORITY + 4 * 41, 7);
    put(plic, THRESHOLD + CONTEXT_STRIDE, 7);
    put(plic, PENDING, 0xffff_ffff);
    expect(
      [PRIORITY, ENABLE, ENABLE + 4, ENABLE + 8, PRIORITY + 164, PENDING].map((at) => get(plic, at)),
    ).to.deep.equal([0, 0xffff_fffe, 0x1ff, 0, 0, 0]);
    put(plic, PRIORITY + 4, 0xffff_ffff);
    expect(get(plic, PRIORITY + 4)).to.equal(7);
    expect(plic.registers.read(0x40_0000, 4, u64())).to.equal(BUS_ACCESS_FAULT);
    expect(claim(plic)).to.equal(0);
  });

  it('can be looked at without claiming', () => {
    const { plic, enable } = wired();
    enable(6, 1);
    plic.line(6).set(true);
    const seen = u64();
    plic.registers.peek(CLAIM, 4, seen);
    plic.registers.peek(CLAIM, 4, seen);
    expect([seen.lo, claim(plic), claim(plic)]).to.deep.equal([6, 6, 0]);
  });

  it('tells changes of its wires, once each', () => {
    const { plic } = wired();
    const trace = new Trace(() => 0);
    const events: TraceEvent[] = [];
    trace.subscribe((record) => events.push(record.event));
    plic.connectTrace(trace);
    for (const level of [false, true, true, false, false]) plic.line(2).set(level);
    expect(events).to.deep.equal([
      { type: 'irq-line', source: 2, level: true },
      { type: 'irq-line', source: 2, level: false },
    ]);
  });

  it('forgets requests and settings in a reset, but not the levels of its wires', () => {
    const { plic, out, enable } = wired();
    enable(4, 1);
    plic.line(4).set(true);
    expect(claim(plic)).to.equal(4);
    plic.line(8).set(true);
    plic.line(8).set(false);
    plic.reset();
    expect([out[0], get(plic, PRIORITY + 16), get(plic, PENDING)]).to.deep.equal([false, 0, 1 << 4]);
    enable(4, 1);
    expect([out[0], claim(plic)]).to.deep.equal([true, 4]);
  });

  it('refuses sources and contexts that its memory map has no room for', () => {
    for (const sources of [0, 1024, 1.5]) expect(() => new Plic(designPlic({ sources }))).to.throw(LabError, 'sources');
    for (const contexts of [0, 513]) expect(() => new Plic(designPlic({ contexts }))).to.throw(LabError, 'contexts');
    const { plic } = wired(10);
    for (const each of [0, 11, 1.5]) expect(() => plic.line(each)).to.throw(LabError, '1 to 10');
    expect(() => plic.connectOutput(1, { set: () => undefined })).to.throw(LabError, 'numbered 1');
    expect(new Plic(designPlic({ sources: 1023, contexts: 2 })).layout).to.deep.equal({ sources: 1023, contexts: 2 });
  });
});
