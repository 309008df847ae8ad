import { expect } from 'chai';
import fc from 'fast-check';
import { prototypePatternByte } from '../../../devices/prototype';
import { BUFFERS, FamilyDriver, type Piece } from './driver';
import { familyFormat, KINDS, type Kind } from './family';
import { Q, Rig } from './rig';
import { THOROUGH } from './thorough';

const SEED = 0x1234;
const GAP = 3;

const LENGTHS = [0, 1, 2, 3, 63, 64, 65, 255, 256, 257, 4095, 4096, 4097, 8192, 20_000];

interface Plan {
  readonly size: number;
  readonly begin: number;
  readonly requests: readonly (readonly { write: boolean; length: number }[])[];
  readonly batches: readonly number[];
  readonly events: readonly number[];
  readonly parameters: { prefetch: number; burstBytes: number; outstanding: number; chunkBytes: number };
}

const planOf = ({ pieces }: Kind): fc.Arbitrary<Plan> => {
  const piece = fc.record({
    write: pieces === 'frame' ? fc.constant(false) : fc.boolean(),
    length: fc.oneof(fc.constantFrom(...LENGTHS), fc.integer({ min: 0, max: 700 })),
  });
  return fc.record({
    size: fc.constantFrom(1, 2, 4, 8, 16),
    begin: fc.constantFrom(0, 3, 65_534),
    requests: fc.array(fc.array(piece, { minLength: 1, maxLength: pieces === 'own' ? 1 : 4 }), {
      minLength: 1,
      maxLength: 24,
    }),
    batches: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }),
    events: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 6 }),
    parameters: fc.record({
      prefetch: fc.constantFrom(1, 2, 5, 16),
      burstBytes: fc.constantFrom(32, 256),
      outstanding: fc.constantFrom(1, 4),
      chunkBytes: fc.constantFrom(64, 1000, 4096),
    }),
  });
};

/** Lays out the buffers one after the other, with guard bytes between them. */
const place = (plan: Plan, kind: Kind): Piece[][] => {
  let at = BUFFERS + 5;
  return plan.requests.map((request) =>
    request.slice(0, kind.pieces === 'own' ? 1 : plan.size).map(({ write, length }) => {
      const address = at;
      at += length + GAP;
      return { write, length, address };
    }),
  );
};

const byteAt = (address: number): number => (address * 13 + (address >> 8)) & 0xff;

const check = (kind: Kind, plan: Plan): void => {
  const rig = new Rig(familyFormat(kind)!, plan.parameters);
  const requests = place(plan, kind);
  const end = Math.max(...requests.flat().map(({ address, length }) => address + length)) + GAP;
  rig.port.map(BUFFERS, end - BUFFERS);
  rig.port.poke(
    BUFFERS,
    Array.from({ length: end - BUFFERS }, (_, i) => byteAt(BUFFERS + i)),
  );
  rig.write(0, Q.STREAM_SEED, SEED);
  const driver = new FamilyDriver(rig, kind, plan.size, plan.begin);
  let next = 0;
  for (let round = 0; next < requests.length; round++) {
    const batch: Piece[][] = [];
    let room = driver.room;
    for (let i = 0; i < plan.batches[round % plan.batches.length]! && next < requests.length; i++) {
      if (requests[next]!.length > room) break;
      room -= requests[next]!.length;
      batch.push(requests[next++]!);
    }
    if (batch.length > 0) driver.submit(batch);
    // Where there is no room, everything that is under way has to come back first.
    if (rig.run(batch.length === 0 ? 100_000 : plan.events[round % plan.events.length]) === 100_000)
      throw new Error('hangs');
    driver.reap();
    if (round > 1000) throw new Error('the engine does not get on');
  }
  expect(rig.run(100_000)).to.be.lessThan(100_000);
  driver.expectAllDone();
  expectData(rig, requests.flat(), end);
};

const expectData = (rig: Rig, pieces: readonly Piece[], end: number): void => {
  const memory = Array.from({ length: end - BUFFERS }, (_, i) => byteAt(BUFFERS + i));
  const sent: number[] = [];
  let position = 0;
  for (const { write, address, length } of pieces) {
    for (let i = 0; i < length; i++) {
      if (write) memory[address - BUFFERS + i] = prototypePatternByte(SEED, position++);
      else sent.push(byteAt(address + i));
    }
  }
  expect(Buffer.compare(rig.port.bytes(BUFFERS, end - BUFFERS), Buffer.from(memory)), 'memory').to.equal(0);
  expect(Buffer.compare(rig.device.stream(0).received(), Buffer.from(sent)), 'stream').to.equal(0);
};

describe('prototype: every combination', () => {
  for (const kind of KINDS) {
    it(familyFormat(kind)!.name, () => {
      fc.assert(
        fc.property(planOf(kind), (plan) => check(kind, plan)),
        { numRuns: THOROUGH ? 20 : 3 },
      );
    });
  }
});
