import { expect } from 'chai';
import fc from 'fast-check';
import {
  invalidSample,
  validSample,
  walk,
  wordsOfBytes,
  type Format,
  type WalkedEntry,
} from '../../../base/descriptor';
import { EntryRoles } from '../../../base/descriptor/roles';
import type { Sample } from '../../../base/descriptor/sample';
import { Prng } from '../../../base/prng';
import { prototypePatternByte } from '../../../devices/prototype';
import { type FakePort } from '../../support/fake-device-host';
import { ALL_FORMATS } from './all-formats';
import { DONE_PHASE, PHASE, Q, Rig, STATUS, TO_MEMORY } from './rig';
import { THOROUGH } from './thorough';

const RUNS = THOROUGH ? 50 : 10;
const DONE = 0x10_0000;
const SEED = 77;

const startingByte = (address: bigint, i: number): number => Number((address >> 3n) & 0xffn) ^ ((i * 31 + 7) & 0xff);

/** Puts a sample into memory, with buffers whose bytes tell where they are and a guard byte behind each. */
const load = (port: FakePort, sample: Sample, entries: readonly WalkedEntry[]): void => {
  port.map(sample.base, sample.bytes.length);
  port.poke(sample.base, sample.bytes);
  port.map(DONE, 0x8_0000);
  for (const { pieces } of entries) {
    for (const { address, length } of pieces) {
      port.map(address, length + 1);
      port.poke(
        address,
        Array.from({ length: length + 1 }, (_, i) => startingByte(address, i)),
      );
    }
  }
};

const setUp = (rig: Rig, sample: Sample): void => {
  const { start } = sample;
  let config = (start.phase ?? 1) === 1 ? PHASE | DONE_PHASE : DONE_PHASE;
  if (start.moves === 'to-memory') config |= TO_MEMORY;
  rig.write(0, Q.STREAM_SEED, SEED);
  rig.start(0, {
    base: start.at,
    size: start.entries ?? 64,
    heads: Number(start.heads ?? 0n),
    done: DONE,
    doneSize: 64,
    config,
    index: start.from ?? 0,
  });
};

/** Rings as a driver of the format would. */
const ring = (rig: Rig, format: Format, { start }: Sample): void => {
  const { value } = format.doorbell;
  const { from = 0, entries: size = 1, count = 0 } = start;
  if (value === 'tail-index') {
    // A full ring cannot be told from an empty one.
    if (count === size) {
      rig.ring(0, (from + count - 1) % size);
      rig.run();
    }
    rig.ring(0, (from + count) % size);
  } else if (value === 'tail-address') rig.ring(0, start.tail);
  else rig.ring(0, value === 'head-address' ? start.at : 0);
};

/** What memory and stream hold in the end, by the walk's word. */
class Expected {
  readonly memory = new Map<string, { address: bigint; bytes: number[] }>();
  readonly sent: number[] = [];
  private position = 0;

  constructor(entries: readonly WalkedEntry[]) {
    for (const { pieces, owned } of entries) if (owned) this.add(pieces);
  }

  private add(pieces: WalkedEntry['pieces']): void {
    const [first, second] = pieces;
    if (first?.of === 'source') {
      const bytes = Array.from({ length: first.length }, (_, i) => startingByte(first.address, i));
      this.put(second!.address, bytes);
      return;
    }
    for (const { address, length, moves } of pieces) {
      if (moves === 'from-memory') for (let i = 0; i < length; i++) this.sent.push(startingByte(address, i));
      else
        this.put(
          address,
          Array.from({ length }, () => prototypePatternByte(SEED, this.position++)),
        );
    }
  }

  private put(address: bigint, bytes: number[]): void {
    this.memory.set(String(address), { address, bytes: [...bytes, startingByte(address, bytes.length)] });
  }
}

const expectBack = (port: FakePort, format: Format, entries: readonly WalkedEntry[]): void => {
  if (format.completion.kind !== 'in-place') return;
  const roles = new EntryRoles(format.entry);
  for (const { address, owned, where } of entries) {
    if (!owned || where.includes('table')) continue;
    const lanes = new Int32Array(format.entry.lanes);
    const bytes = port.bytes(address, format.entry.size);
    new Uint8Array(lanes.buffer).set(bytes);
    if (roles.markField('owner') !== undefined) expect(roles.marked('owner', lanes), where).to.equal(false);
    if (roles.markField('done') !== undefined) expect(roles.marked('done', lanes), where).to.equal(true);
    if (roles.markField('error') !== undefined) expect(roles.marked('error', lanes), where).to.equal(false);
  }
};

const options = fc.record({
  prefetch: fc.constantFrom(1, 2, 3, 16),
  burstBytes: fc.constantFrom(16, 64, 256),
  outstanding: fc.constantFrom(1, 8),
  chunkBytes: fc.constantFrom(64, 100, 4096),
});

describe('prototype: descriptors of every format', () => {
  for (const format of ALL_FORMATS) {
    it(`does what the walk says: ${format.name}`, () => {
      fc.assert(
        fc.property(fc.integer(), options, (seed, parameters) => {
          const sample = validSample(format, new Prng(seed));
          const { entries, findings } = walk(format, wordsOfBytes(sample.bytes, sample.base), sample.start);
          expect(findings).to.deep.equal([]);
          const rig = new Rig(format, { ...parameters, parameters: sample.start.parameters ?? {} });
          load(rig.port, sample, entries);
          setUp(rig, sample);
          ring(rig, format, sample);
          rig.run();
          expect(rig.read(0, Q.ERROR), 'error').to.equal(0);
          expect(rig.read(0, Q.STATUS)).to.equal(STATUS.ENABLED | STATUS.IDLE);
          const expected = new Expected(entries);
          expect([...rig.device.stream(0).received()]).to.deep.equal(expected.sent);
          for (const { address, bytes } of expected.memory.values()) {
            expect([...rig.port.bytes(address, bytes.length)], `at ${address}`).to.deep.equal(bytes);
          }
          expectBack(rig.port, format, entries);
        }),
        { numRuns: RUNS },
      );
    });

    it(`comes to an end with descriptors that are wrong: ${format.name}`, () => {
      fc.assert(
        fc.property(fc.integer(), options, (seed, parameters) => {
          const sample = invalidSample(format, new Prng(seed));
          const { entries } = walk(format, wordsOfBytes(sample.bytes, sample.base), sample.start);
          const rig = new Rig(format, { ...parameters, parameters: sample.start.parameters ?? {}, maxLength: 1 << 20 });
          const small = entries.map((entry) => ({
            ...entry,
            pieces: entry.pieces.filter(({ length }) => length < 1e5),
          }));
          const inside = small.map((entry) => ({
            ...entry,
            pieces: entry.pieces.filter(({ address, length }) => address + BigInt(length) < 1n << 64n),
          }));
          load(rig.port, sample, inside);
          setUp(rig, sample);
          ring(rig, format, sample);
          expect(rig.run(200_000), 'events').to.be.lessThan(200_000);
          expect(rig.read(0, Q.STATUS) & (STATUS.IDLE | STATUS.HALTED)).not.to.equal(0);
        }),
        { numRuns: RUNS },
      );
    });
  }
});
