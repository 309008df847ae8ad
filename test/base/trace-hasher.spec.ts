import { expect } from 'chai';

import { physAddr } from '../../base/address';
import { Trace, TraceHasher, type TraceRecord } from '../../base/trace';

const record = (ordinal: number, time: number, event: object): TraceRecord =>
  ({ ordinal, time, event }) as unknown as TraceRecord;

const digestOf = (...records: readonly TraceRecord[]): string => {
  const hasher = new TraceHasher();
  for (const each of records) hasher.add(each);
  return hasher.digest();
};

describe('trace hash', () => {
  const EVENT = { type: 'dma-read', device: 3, address: 0x1_2345_6000, value: 1n << 63n, write: false, text: 'ab' };

  it('is the same for the same events, and counts them', () => {
    const hasher = new TraceHasher();
    expect(hasher.digest()).to.match(/^[0-9a-f]{16}$/);
    hasher.add(record(0, 5, EVENT));
    hasher.add(record(1, 6, EVENT));
    expect(hasher.count).to.equal(2);
    expect(hasher.digest()).to.equal(digestOf(record(0, 5, { ...EVENT }), record(1, 6, { ...EVENT })));
  });

  it('is another for whatever is different', () => {
    const variants: TraceRecord[][] = [
      [],
      [record(0, 5, EVENT)],
      [record(1, 5, EVENT)],
      [record(0, 6, EVENT)],
      [record(5, 0, EVENT)],
      [record(0, 5 + 2 ** 32, EVENT)],
      [record(0, 5, EVENT), record(0, 5, EVENT)],
      ...[4, -3, 3 + 2 ** 32, 3 + 2 ** 40, 3.5, NaN, Infinity, '3', 3n + (1n << 64n), true, undefined].map((device) => [
        record(0, 5, { ...EVENT, device }),
      ]),
      ...['', 'a', 'b', 'ba', 'abc', 'ab ', 'aB', 'ab\0', '\0ab'].map((text) => [record(0, 5, { ...EVENT, text })]),
      ...[0n, 1n, 1n << 62n, (1n << 63n) + 1n].map((value) => [record(0, 5, { ...EVENT, value })]),
      [record(0, 5, { ...EVENT, write: true })],
      [record(0, 5, { ...EVENT, more: 0 })],
      [record(0, 5, { type: 'x', a: 1 })],
      [record(0, 5, { type: 'x', b: 1 })],
      [record(0, 5, { type: 'x', ab: 'c' })],
      [record(0, 5, { type: 'x', a: 'bc' })],
    ];
    const digests = variants.map((records) => digestOf(...records));
    expect(new Set(digests).size).to.equal(variants.length);
  });

  it('tells every single bit of a number, in each half of the hash', () => {
    const low = new Set<string>();
    const high = new Set<string>();
    for (let bit = 0; bit < 53; bit++) {
      const digest = digestOf(record(0, 0, { type: 'x', address: 2 ** bit }));
      high.add(digest.slice(0, 8));
      low.add(digest.slice(8));
    }
    expect(low.size).to.equal(53);
    expect(high.size).to.equal(53);
  });

  it('meets itself nowhere in a long run', () => {
    const hasher = new TraceHasher();
    const seen = new Set<string>();
    for (let i = 0; i < 20_000; i++) {
      hasher.add(record(i, 10 * i, { type: 'cache-fill', physical: 0x8000_0000 + 64 * (i & 7), dirty: false }));
      seen.add(hasher.digest());
    }
    expect(seen.size).to.equal(20_000);
  });

  it('tells events of cache lines apart by each of their parts', () => {
    const digestOfLine = (...parts: Parameters<TraceHasher['addCacheLine']>): string => {
      const hasher = new TraceHasher();
      hasher.addCacheLine(...parts);
      expect(hasher.count).to.equal(1);
      return hasher.digest();
    };
    const types = ['cache-fill', 'cache-dirty', 'cache-clean', 'cache-evict', 'cache-drop'] as const;
    const causes = ['access', 'operation', 'snoop', 'whim'] as const;
    const digests = [
      digestOfLine(1, 0, 'cache-fill', physAddr(64), 'access', false),
      digestOfLine(0, 1, 'cache-fill', physAddr(64), 'access', false),
      digestOfLine(0, 0, 'cache-fill', physAddr(2 ** 40), 'access', false),
    ];
    for (const type of types) {
      for (const cause of causes) {
        for (const dirty of [false, true]) digests.push(digestOfLine(0, 0, type, physAddr(64), cause, dirty));
      }
    }
    expect(new Set(digests).size).to.equal(3 + 5 * 4 * 2);
  });
});

describe('trace', () => {
  it('hands a cache line to each subscriber in its way, with one ordinal, and makes the event once', () => {
    const trace = new Trace(() => 7);
    const whole: TraceRecord[] = [];
    const parts: unknown[][] = [];
    trace.subscribe((record) => whole.push(record));
    trace.subscribe(
      () => undefined,
      (...words) => parts.push(words),
    );
    const stop = trace.subscribe((record) => whole.push(record));
    trace.emitCacheLine('cache-evict', physAddr(128), 'whim', true);
    stop();
    trace.emitCacheLine('cache-drop', physAddr(192), 'operation', false);
    const event = { type: 'cache-evict', physical: 128, cause: 'whim', dirty: true };
    expect(whole[0]).to.deep.equal({ ordinal: 0, time: 7, event });
    expect(whole[1]).to.equal(whole[0]);
    expect(whole.slice(2).map(({ ordinal }) => ordinal)).to.deep.equal([1]);
    expect(parts).to.deep.equal([
      [0, 7, 'cache-evict', 128, 'whim', true],
      [1, 7, 'cache-drop', 192, 'operation', false],
    ]);
  });
});
