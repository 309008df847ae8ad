import { expect } from 'chai';
import fc from 'fast-check';
import {
  DescriptorQueue,
  addressOf,
  bits,
  counts,
  descriptor,
  flag,
  format as declare,
  lengthIn,
  marks,
  queueLayout,
  walk,
  word32,
  word64,
  wordsOfBytes,
  type AnyCursor,
  type Format,
  type PostOptions,
  type RequestPiece,
} from '../../../base/descriptor';
import { nvmeIo } from '../../../devices/formats';
import { BytesMemory } from '../../../base/layout';
import { THOROUGH } from '../../devices/prototype/thorough';
import { PlainDevice, type Piece } from './queue-device';
import { PREPARED, QUEUE_FORMATS, framesInRing, framesToQueue, framesToUsedRing, pageQueue } from './queue-formats';

const BASE = 0x4000_0000n;

type Way = RequestPiece['moves'];

/** Runs of bytes: neighbours joined, those read first. */
const runs = (pieces: readonly Piece[]): string[] => {
  const joined: { moves: string; address: bigint; length: number }[] = [];
  for (const { moves, address, length } of pieces) {
    if (length === 0) continue;
    const last = joined.findLast((one) => one.moves === moves);
    if (last !== undefined && last.address + BigInt(last.length) === address) last.length += length;
    else joined.push({ moves, address, length });
  }
  return joined.map(({ moves, address, length }) => `${moves} ${length} at ${address.toString(16)}`).sort();
};

/** Makes requests that a format can carry out, at places of their own. */
class Requests {
  private next = 0x10_0000n;
  private readonly format: Format;
  private readonly roles;
  readonly both: boolean;
  readonly copies: boolean;

  constructor(format: Format) {
    this.format = format;
    this.roles = format.entry;
    this.copies = this.roles.fieldsThat('address', 'source').length > 0;
    this.both = this.roles.fieldsThat('mark', 'device-writes').length > 0;
  }

  get way(): Way {
    return this.format.moves === 'by-queue' ? 'to-memory' : this.format.moves;
  }

  make(lengths: readonly number[], writes: boolean): RequestPiece[] {
    const { kind } = this.format.pieces;
    if (kind === 'pages') return this.pages(lengths, writes, 512);
    if (kind === 'by-shape') return this.pages(lengths, writes, 4096);
    const unit = this.copies || this.format.name === 'plain-ring' ? 16 : 4;
    const place = (length: number, moves: Way): RequestPiece => {
      const address = this.next;
      this.next += BigInt(length + 64 - (length % 64)) + 64n;
      return { address, length: length * unit, moves };
    };
    const spread = (length: number, moves: Way): RequestPiece => {
      const one = place(length, moves);
      this.next += BigInt(length * unit);
      this.next += 64n - (this.next % 64n);
      return one;
    };
    if (this.copies) {
      const total = lengths.reduce((sum, length) => sum + length, 0);
      return [...lengths.map((length) => spread(length, 'from-memory')), spread(total, 'to-memory')];
    }
    if (this.both)
      return lengths.map((length, i) => spread(length, (i % 2 === 0) === writes ? 'to-memory' : 'from-memory'));
    const byOpcode = this.roles.placedFields.some(
      ({ meaning }) => meaning?.kind === 'values' && meaning.moves !== undefined,
    );
    return lengths.map((length) => spread(length, byOpcode ? (writes ? 'to-memory' : 'from-memory') : this.way));
  }

  /** Whole pages, but for the ends. */
  private pages(lengths: readonly number[], writes: boolean, page: number): RequestPiece[] {
    const moves = writes ? 'to-memory' : 'from-memory';
    const offset = 64 * (lengths[0]! % 8);
    const pieces = lengths.map((length, i) => {
      const start = i === 0 ? offset : 0;
      const piece = { address: this.next + BigInt(start), length: page * (1 + (length % 90)) - start, moves } as const;
      this.next += BigInt(page) * 100n;
      return piece;
    });
    const odd = pieces.reduce((sum, { length }) => sum + length, 0) % 512;
    const last = pieces.at(-1)!;
    return odd === 0
      ? pieces
      : [...pieces.slice(0, -1), { ...last, length: last.length - odd }].filter(({ length }) => length > 0);
  }
}

interface Step {
  readonly kind: 'post' | 'ring' | 'finish' | 'reap';
  readonly lengths: readonly number[];
  readonly writes: boolean;
  readonly pick: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('post', 'post', 'post', 'ring', 'finish', 'finish', 'reap'),
  lengths: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 4 }),
  writes: fc.boolean(),
  pick: fc.nat(1000),
});

/** Drives a queue and a device, and keeps what must come of it in the plainest terms. */
class Trial {
  readonly bytes: Uint8Array;
  readonly queue: DescriptorQueue<number>;
  readonly device: PlainDevice;
  readonly requests: Requests;
  private readonly format: Format;
  private readonly posted: RequestPiece[][] = [];
  /** Posted requests by their bytes still to be finished, and what was told of each. */
  private readonly left: { tag: number; bytes: number; written: number; failed: boolean }[] = [];
  private readonly expected: number[] = [];
  private readonly ended = new Map<number, { written: number; failed: boolean }>();
  /** For each request that the device took, the one that it is part of. */
  private readonly owners = new Map<object, number>();
  private untaken = 0;
  private seen: Piece[] = [];
  full = 0;

  constructor(format: Format, entries: number, options: PostOptions = {}) {
    this.format = format;
    const layout = queueLayout(format, { entries, pieces: 512, tables: entries });
    this.bytes = new Uint8Array(layout.bytes + 16).fill(0xee);
    this.requests = new Requests(format);
    const shared = {
      memory: new BytesMemory(this.bytes),
      cpu: 0,
      device: BASE,
      wmb: () => undefined,
      rmb: () => undefined,
    };
    this.queue = new DescriptorQueue(format, layout, shared, { moves: this.requests.way, ...options });
    this.device = new PlainDevice(format, layout, this.bytes, BASE, this.requests.way);
  }

  run({ kind, lengths, writes, pick }: Step): void {
    if (kind === 'post') this.post(lengths, writes);
    else if (kind === 'ring') this.ring();
    else if (kind === 'finish' && this.device.waiting.length > 0) this.finish(pick);
    else if (kind === 'reap') this.reap();
  }

  post(lengths: readonly number[], writes: boolean): boolean {
    const pieces = this.requests.make(lengths, writes);
    const tag = this.posted.length;
    const result = this.queue.post(pieces, tag);
    if (result === 'full') {
      this.full++;
      expect(this.queue.outstanding).to.be.greaterThan(0);
      return false;
    }
    if (result !== 'posted') {
      expect(result.problem).to.match(/it takes \d+ entries, and|it has no data/);
      return true;
    }
    this.posted.push(pieces);
    const total = pieces.reduce((sum, { length }) => sum + length, 0);
    this.left.push({ tag, bytes: total, written: 0, failed: false });
    return true;
  }

  ring(): void {
    const value = this.queue.doorbell();
    if (value === undefined) return;
    const before = this.device.waiting.length;
    const heads = this.device.heads;
    this.walks(heads);
    this.device.ring(value);
    for (const taken of this.device.waiting.slice(before)) {
      this.seen.push(...taken.pieces);
      while (this.taken(this.untaken) === 0) this.untaken++;
      this.owners.set(taken, this.untaken);
      this.takenBytes[this.untaken]! -= taken.bytes;
      if (this.takenBytes[this.untaken] === 0) this.untaken++;
    }
    expect(this.untaken, 'requests that the device took').to.equal(this.posted.length);
    expect(runs(this.seen)).to.deep.equal(runs(this.posted.flat().filter(({ length }) => length > 0)));
  }

  private readonly takenBytes: number[] = [];
  private taken(tag: number): number {
    this.takenBytes[tag] ??= this.posted[tag]!.reduce((sum, { length }) => sum + length, 0);
    return this.takenBytes[tag];
  }

  private walks(heads: number): void {
    const { follow, completion } = this.format;
    const outOfOrder = follow.kind === 'heads' || completion.kind !== 'in-place';
    const { findings } = walk(
      this.format,
      wordsOfBytes(this.bytes, BASE),
      { ...this.queue.pending(outOfOrder ? heads : undefined), moves: this.requests.way },
      {},
    );
    expect(findings.map(({ where, message }) => `${where}: ${message}`).join('; ')).to.equal('');
  }

  finish(pick: number): void {
    const which = this.device.inOrder ? 0 : pick % this.device.waiting.length;
    const { tells } = this.device;
    const failed = tells.failed && pick % 5 === 0;
    // No entry can have more written than it has room for.
    const least = Math.min(...this.device.waiting[which]!.pieces.map(({ length }) => length));
    const written = tells.written ? pick % Math.min(60, least + 1) : 0;
    const taken = this.device.finish(which, written, failed);
    const owner = this.owners.get(taken)!;
    const one = this.left[owner]!;
    one.bytes -= taken.bytes;
    one.written += written;
    one.failed ||= failed;
    if (one.bytes > 0) return;
    this.expected.push(owner);
    this.ended.set(owner, one);
  }

  reap(): void {
    const finished = this.queue.reap();
    expect(finished.map(({ tag }) => tag)).to.deep.equal(this.expected.splice(0));
    for (const { tag, written, failed, status } of finished) {
      const { written: told, failed: bad } = this.ended.get(tag)!;
      expect(written).to.equal(this.device.tells.written ? told : undefined);
      expect(failed).to.equal(bad);
      if (!failed) expect(status).to.equal(0);
    }
    expect(this.queue.strays).to.equal(0);
  }

  drain(): void {
    for (let i = 0; i < 1000 && this.queue.outstanding > 0; i++) {
      this.ring();
      while (this.device.waiting.length > 0) this.finish(i);
      this.reap();
    }
    expect(this.queue.outstanding).to.equal(0);
    expect([...this.bytes.subarray(-16)]).to.deep.equal(new Array(16).fill(0xee));
  }
}

describe('descriptors: queues of any format, against a plain device', () => {
  const prepared = ({ name }: Format): PostOptions => (PREPARED[name] === undefined ? {} : { prepare: PREPARED[name] });
  const cases = QUEUE_FORMATS.map((format) => ({ format, name: format.name, options: prepared(format) }));
  const segments = {
    format: nvmeIo,
    name: 'nvme-io with segments',
    options: { prepare: (entry: AnyCursor) => (entry['PSDT'] = 1) },
  };
  for (const { format, name, options } of [...cases, segments]) {
    it(`${name}: random requests in random order, full queues, many laps`, () => {
      let full = 0;
      fc.assert(
        fc.property(fc.constantFrom(8, 16), fc.array(step, { minLength: 20, maxLength: 120 }), (entries, steps) => {
          const trial = new Trial(format, entries, options);
          for (const one of steps) trial.run(one);
          trial.drain();
          full += trial.full;
        }),
        { numRuns: THOROUGH ? 60 : 12 },
      );
      expect(full, 'the queue was full').to.be.greaterThan(0);
    });
  }
});

describe('descriptors: queues at their edges', () => {
  it('a counter of requests runs over', () => {
    const split = QUEUE_FORMATS.find(({ name }) => name === 'virtio-split')!;
    const trial = new Trial(split, 4);
    const pieces = trial.requests.make([1], true);
    for (let i = 0; i < 66_000; i++) {
      expect(trial.queue.post(pieces, i)).to.equal('posted');
      trial.device.ring(trial.queue.doorbell()!);
      trial.device.finish(0, i % 3, false);
      const [one, more] = trial.queue.reap();
      if (one?.tag !== i || one.written !== i % 3 || more !== undefined) expect.fail(`request ${i}`);
    }
  });

  it('lists of pages that do not fit one list go on in the next', () => {
    const trial = new Trial(pageQueue, 4);
    expect(trial.post([89, 89, 89], false)).to.equal(true);
    trial.drain();
  });

  for (const format of [framesToQueue, framesToUsedRing, framesInRing]) {
    it(`${format.name}: a frame ends with the end of its last entry, and may be half done`, () => {
      const trial = new Trial(format, 8);
      const { queue, device } = trial;
      const pieces = trial.requests.make([1, 2, 3], false);
      expect(queue.post(pieces, 7)).to.equal('posted');
      device.ring(queue.doorbell()!);
      for (let i = 0; i < 2; i++) {
        device.finish(0, 0, false);
        expect(queue.reap(), `after entry ${i}`).to.deep.equal([]);
        const start = queue.pending();
        const { findings, requests } = walk(format, wordsOfBytes(trial.bytes, BASE), start, {});
        expect(findings).to.deep.equal([]);
        expect(requests.map(({ entries }) => entries)).to.deep.equal([2 - i]);
      }
      device.finish(0, 0, false);
      expect(queue.reap().map(({ tag }) => tag)).to.deep.equal([7]);
      expect(queue.outstanding).to.equal(0);
    });
  }

  it('a request of more ends than there are ids is refused, not put off', () => {
    const entry = descriptor('two_ids', {
      addr: word64(addressOf('data')),
      len: word32({ LEN: bits(11, 0, lengthIn(1)), FIRST: flag(31, marks('first')), LAST: flag(30, marks('last')) }),
      id: word32({ ID: flag(0, counts('id')) }),
    });
    const trial = new Trial(declare({ ...framesToQueue, name: 'two-ids', entry }), 8);
    expect(trial.queue.post(trial.requests.make([1, 1, 1], false), 0)).to.deep.equal({
      problem: 'it takes 3 ids, and there are 2',
    });
    expect(trial.queue.post(trial.requests.make([1, 1], false), 1)).to.equal('posted');
    expect(trial.queue.post(trial.requests.make([1], false), 2)).to.equal('full');
  });
});
