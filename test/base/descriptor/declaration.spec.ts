import { expect } from 'chai';
import { LabError } from '../../../base/errors';
import {
  across,
  addressOf,
  bits,
  counts,
  descriptor,
  flag,
  format,
  heads,
  lengthIn,
  linked,
  marks,
  nested,
  repeat,
  ring,
  values,
  variants,
  word16,
  word32,
  word64,
  word8,
  type FormatSpec,
} from '../../../base/descriptor';
import { simple } from './samples';

/** Each says one sentence, with both places in it. */
const refused = (declare: () => unknown, ...parts: readonly string[]): void => {
  let error: unknown;
  try {
    declare();
  } catch (caught) {
    error = caught;
  }
  expect(error).to.be.instanceOf(LabError);
  const { message } = error as LabError;
  for (const part of parts) expect(message).to.include(part);
  expect(message).to.match(/\.$/);
  expect(message).not.to.match(/\. [A-Z]/);
};

describe('descriptors: declarations that contradict themselves', () => {
  it('fields that overlap', () => {
    refused(
      () => descriptor('d', { w: word32({ A: bits(7, 0), B: bits(9, 7) }) }),
      'd.w.A (bits 7:0)',
      'd.w.B (bits 9:7)',
    );
    refused(() => descriptor('d', { w: word8({ A: flag(3), B: flag(3) }) }), 'd.w.A', 'd.w.B', 'bit 3');
  });

  it('a field wider than its word, or without bits', () => {
    refused(() => descriptor('d', { w: word16({ A: bits(16, 0) }) }), 'd.w.A', 'bits 16:0', 'd.w has 16 bits');
    refused(() => descriptor('d', { w: word16({ A: bits(1, 2) }) }), 'd.w.A', '1:2');
    refused(() => descriptor('d', { w: word64({ A: bits(60, 0) }) }), 'd.A', '61 bits', 'd.w', 'wide');
  });

  it('fields across words that overlap, leave their words or lie nowhere', () => {
    const words = { a: word32({ X: bits(3, 0) }), b: word32({}) };
    refused(
      () =>
        descriptor('d', words, {
          joined: {
            f: across([
              ['a', 31, 3],
              ['b', 3, 0],
            ]),
          },
        }),
      'd.f',
      'd.a.X (bits 3:0)',
    );
    refused(() => descriptor('d', words, { joined: { f: across([['b', 32, 0]]) } }), 'd.f', 'd.b');
    refused(() => descriptor('d', words, { joined: { f: across([['c', 1, 0]]) } }), 'd.f', 'd.c');
    refused(() => descriptor('d', { a: word32() }, { joined: { f: across([['a', 1, 0]]) } }), 'd.f', 'd.a');
    refused(
      () => descriptor('d', words, { joined: { f: across([['b', 3, 0]]), g: across([['b', 5, 3]]) } }),
      'd.g',
      'd.f (bits 3:0)',
    );
  });

  it('names twice, words that are not aligned, and sizes', () => {
    refused(() => descriptor('d', { a: word32({ X: flag(0) }), b: word32({ X: flag(0) }) }), 'd.a', 'd.b', 'twice');
    refused(() => descriptor('d', { a: word16(), b: word32() }), 'd.b', 'd.a', 'byte 2');
    refused(() => descriptor('d', { a: word32() }, { size: 8 }), 'd', '4 bytes', '8');
    refused(() => descriptor('d', { a: word32() }, { align: 3 }), 'd', '3');
    refused(() => descriptor('d', {}), 'd', 'words');
    refused(() => descriptor('a-b', { a: word32() }), 'a-b');
    refused(() => descriptor('d', { 'a b': word32() }), 'd', 'a b');
    refused(() => descriptor('d', { a: repeat(word32(), 0) }), 'd.a', '0 elements');
    refused(() => descriptor('d', { a: repeat(word32({ X: flag(0) }), 2) }), 'd.a', 'repeats');
    refused(() => descriptor('d', { a: repeat(word64(), 1e6) }), 'd.a');
  });

  it('values that do not fit or have two names', () => {
    refused(() => descriptor('d', { w: word32({ A: bits(1, 0, values({ x: 4 })) }) }), 'd.A', 'd.w bits 1:0', 'x');
    refused(() => descriptor('d', { w: word32({ A: bits(1, 0, values({ x: 1, y: 1 })) }) }), 'd.A', 'x and y');
    refused(() => descriptor('d', { w: word32({ O: flag(0, marks('owner', 2)) }) }), 'd.O', 'd.w bit 0', '2');
  });

  it('variants without a field to choose, or with two cases for one value', () => {
    refused(() => descriptor('d', { v: variants('op', { a: { when: 0, words: {} } }) }), 'd.v', 'd.op');
    const cases = { a: { when: 1, words: {} }, b: { when: 1, words: {} } };
    refused(() => descriptor('d', { op: word32(), v: variants('op', cases) }), 'd.v.b', 'v.a', 'op 1');
    const big = { a: { when: 256, words: {} } };
    refused(() => descriptor('d', { op: word8(), p: word8(), q: word16(), v: variants('op', big) }), 'd.v.a', 'd.op');
  });

  it('meanings twice, lengths of nothing, and units that do not match', () => {
    const data = word64(addressOf('data'));
    const both = { a: word64(addressOf('next')), b: word64(addressOf('next')) };
    refused(() => descriptor('d', both), 'd.a', 'd.b', 'next');
    refused(() => descriptor('d', { n: word32(lengthIn(1)) }), 'd.n', 'data');
    refused(() => descriptor('d', { data, n: word32(lengthIn('W')) }), 'd.n', 'd.W');
    refused(() => descriptor('d', { data, n: word32(lengthIn('W')), W: word32() }), 'd.n', 'd.W', 'log2');
    refused(() => descriptor('d', { data, n: word32(lengthIn(4, { max: 4095 })) }), 'd.n', '4 bytes', '4095');
    refused(
      () => descriptor('d', { data, n: word8(lengthIn(1, { max: 256 })), x: word8(), y: word16() }),
      'd.n',
      '255',
      '256',
    );
    refused(
      () => descriptor('d', { data, n: word32(lengthIn(1, { minusOne: true, zeroMeans: 65536 })) }),
      'd.n',
      '65536',
    );
    refused(() => descriptor('d', { data: word64(addressOf('data', { align: 3 })) }), 'd.data', '3');
    refused(
      () => descriptor('d', { data: word64(addressOf('data', { align: 64, boundary: 32 })) }),
      'd.data',
      '32',
      '64',
    );
  });

  it('parts of nested descriptors are told by their path', () => {
    const inner = descriptor('inner', { x: word32() });
    expect(descriptor('outer', { a: nested(inner), b: word32() }).field('a.x').offset).to.equal(0);
    refused(() => descriptor('outer', { h: word16(), a: nested(inner) }), 'outer.a', 'outer.h');
    refused(() => simple.field('nope'), 'simple_desc', 'nope');
  });
});

describe('formats: declarations that contradict themselves', () => {
  const good: FormatSpec = {
    name: 'simple',
    entry: simple,
    follow: ring(),
    ownership: { kind: 'bit' },
    completion: { kind: 'in-place' },
    doorbell: { register: 'TAIL', value: 'tail-index' },
  };

  it('a good one has its defaults', () => {
    const made = format(good);
    expect(made.pieces).to.deep.equal({ kind: 'own' });
    expect(made.descriptors).to.deep.equal([simple]);
  });

  const element = descriptor('element', { id: word32(counts('id')), written: word32(counts('written', 4)) });
  const header = descriptor('header', { flags: word16(), idx: word16(counts('index')) });

  const WRONG: readonly (readonly [title: string, change: Partial<FormatSpec>, parts: readonly string[]])[] = [
    ['links without an address of the next', { follow: linked('last') }, ['simple', 'simple_desc', 'address of next']],
    ['a phase that nothing holds', { ownership: { kind: 'phase' } }, ['simple', 'simple_desc', 'phase']],
    ['chains without a mark', { pieces: { kind: 'chain', next: 'index', limit: 4 } }, ['simple_desc', 'more']],
    ['frames without a start', { pieces: { kind: 'frame', limit: 4 } }, ['simple_desc', 'first']],
    ['page lists without one', { pieces: { kind: 'pages', page: 4096, element } }, ['simple_desc', 'list']],
    ['segments without addresses', { pieces: { kind: 'segments', element, limit: 4 } }, ['element', 'data']],
    ['indirect tables without a mark', { indirect: true }, ['simple_desc', 'indirect']],
    ['heads without a count', { follow: heads(element, element) }, ['simple', 'element', 'index']],
    ['a completion queue without a phase', { completion: { kind: 'queue', entry: element } }, ['element', 'phase']],
    ['completion in the ring without its bit', { completion: { kind: 'in-ring' } }, ['simple_desc', 'used-phase']],
    [
      'a length told back in another unit',
      { completion: { kind: 'used-ring', header, element } },
      ['simple_desc.LENGTH', 'element.written', 'units'],
    ],
    [
      'a tail address where entries have indices',
      { doorbell: { register: 'TAIL', value: 'tail-address' } },
      ['simple', 'TAIL', 'ring'],
    ],
    ['a name that is none', { name: 'Simple One' }, ['Simple One']],
  ];
  for (const [title, change, parts] of WRONG) {
    it(title, () => refused(() => format({ ...good, ...change }), ...parts));
  }

  describe('with jumps', () => {
    const flags = { JUMP: flag(18, marks('jump')), D: flag(17, marks('done')), O: flag(16, marks('owner')) };
    const members = { a: word64(addressOf('data')), l: word32({ L: bits(15, 0, lengthIn(1)), ...flags }) };
    const next = word64(addressOf('next'));
    const entry = descriptor('e', { ...members, n: next });
    const jumps: FormatSpec = { ...good, entry };

    it('they have an address of next in the same entry, or in the shape that they choose', () => {
      expect(format(jumps).jumps).to.equal(true);
      expect(format(good).jumps).to.equal(false);
      refused(() => format({ ...jumps, entry: descriptor('e', members) }), 'simple', 'e.JUMP', 'no address of next');
      const body = (when: number) =>
        variants('KIND', { link: { when, words: { n: next } }, other: { when: 9, words: {} } });
      const typed = (when: number) =>
        descriptor('typed', {
          a: members.a,
          l: word32({ ...flags, L: bits(15, 0, lengthIn(1)), JUMP: flag(19), KIND: bits(31, 24, marks('jump', 6)) }),
          body: body(when),
        });
      expect(format({ ...good, entry: typed(6) }).jumps).to.equal(true);
      refused(() => format({ ...good, entry: typed(7) }), 'typed.KIND', 'no address of next');
    });

    it('they lead on in rings only, and not where ends are told in the ring', () => {
      const links = { follow: linked('null'), doorbell: { register: 'T', value: 'notify' } } as const;
      refused(() => format({ ...jumps, ...links }), 'e.JUMP', 'linked', 'only a ring');
      refused(() => format({ ...jumps, follow: heads(header, header) }), 'simple');
      const packed = descriptor('p', {
        ...members,
        n: next,
        f: word32({ P: flag(0, marks('phase')), U: flag(1, marks('used-phase')) }),
      });
      const inRing: FormatSpec = {
        ...jumps,
        entry: packed,
        ownership: { kind: 'phase' },
        completion: { kind: 'in-ring' },
      };
      refused(() => format(inRing), 'p.JUMP', 'in its ring');
    });

    it('the mark is in every entry; one that changes the phase needs jumps and a phase', () => {
      const hidden = descriptor('h', {
        ...members,
        l: word32({
          L: bits(15, 0, lengthIn(1)),
          D: flag(17, marks('done')),
          O: flag(16, marks('owner')),
          K: bits(31, 30),
        }),
        body: variants('K', { j: { when: 1, words: { n: next, f: word32({ JUMP: flag(0, marks('jump')) }) } } }),
      });
      refused(() => format({ ...good, entry: hidden }), 'h.body.j.JUMP', 'only in one shape');
      const toggle = { t: word32({ T: flag(0, marks('toggle')) }) };
      refused(() => format({ ...jumps, entry: descriptor('e', { ...members, n: next, ...toggle }) }), 'e.T', 'by bit');
      const plain = word32({ L: bits(15, 0, lengthIn(1)), D: flag(17, marks('done')), O: flag(16, marks('owner')) });
      refused(
        () => format({ ...jumps, entry: descriptor('e', { a: members.a, l: plain, ...toggle }) }),
        'e.T',
        'no mark for jumps',
      );
    });
  });

  it('a phase without laps, a cycle that ends, and an entry without data', () => {
    const entry = descriptor('e', {
      a: word64(addressOf('data')),
      n: word64(addressOf('next')),
      l: word32({ L: bits(15, 0, lengthIn(1)), P: flag(16, marks('phase')), D: flag(17, marks('done')) }),
    });
    const links: FormatSpec = {
      ...good,
      entry,
      follow: linked('tail'),
      doorbell: { register: 'T', value: 'tail-address' },
    };
    refused(() => format({ ...links, ownership: { kind: 'phase' } }), 'phase', 'linked');
    const indices: FormatSpec = { ...links, ownership: { kind: 'indices' } };
    expect(format(indices).name).to.equal('simple');
    refused(() => format({ ...indices, follow: linked('null', { cyclic: true }) }), 'cyclic', 'zero');
    const frames = descriptor('frames', {
      a: word64(addressOf('data')),
      n: word64(addressOf('next')),
      l: word32({ L: bits(15, 0, lengthIn(1)), F: flag(16, marks('first')), E: flag(17, marks('last')) }),
      i: word32({ M: flag(0, marks('more')), D: flag(1, marks('done')) }),
      x: word16(counts('next-index')),
    });
    const pieces = { kind: 'frame', limit: 4 } as const;
    expect(format({ ...indices, entry: frames, pieces }).pieces).to.equal(pieces);
    refused(
      () => format({ ...indices, entry: frames, pieces, follow: linked('last') }),
      'frames.E',
      'frames and lists',
    );
    refused(() => format({ ...indices, entry: frames, pieces, follow: heads(header, element) }), 'frames', 'heads');
    const chains = { kind: 'chain', next: 'index', limit: 4 } as const;
    refused(() => format({ ...indices, entry: frames, pieces: chains }), 'chains entries by index', 'linked');
    const empty = descriptor('empty', { l: word32({ D: flag(17, marks('done')), O: flag(1, marks('owner')) }) });
    refused(() => format({ ...good, entry: empty }), 'simple', 'empty', 'data');
  });
});
