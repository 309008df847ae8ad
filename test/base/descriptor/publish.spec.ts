import { expect } from 'chai';
import {
  descriptor,
  flag,
  marks,
  publisher,
  runPublisher,
  word16,
  word32,
  word64,
  word8,
  type AnyDescriptor,
} from '../../../base/descriptor';
import { LabError } from '../../../base/errors';
import { BytesMemory } from '../../../base/layout';
import { simple } from './samples';
import { packedRing } from './formats';

/** What lies in memory when the barrier is called, and in the end, if all bits of the entry are ones. */
const stages = (made: AnyDescriptor): { before: string; after: string } => {
  const bytes = new Uint8Array(made.size);
  let before = '';
  const text = (): string => Buffer.from(bytes).toString('hex');
  publisher(made)(
    new BytesMemory(bytes),
    0,
    new Int32Array(2 * made.lanes).fill(-1),
    () => (before += text()),
    made.lanes,
  );
  return { before, after: text() };
};

describe('descriptors: giving an entry away', () => {
  it("stores the owner's word after the barrier, and all else before", () => {
    expect(stages(simple)).to.deep.equal({ before: 'ffffffffffffffff00000000ffffffff', after: 'f'.repeat(32) });
    expect(stages(packedRing.entry).before).to.equal('f'.repeat(24) + '0'.repeat(8));
    const high = descriptor('high', { ctl: word64({ OWN: flag(63, marks('owner')) }), more: word32() });
    expect(stages(high).before).to.equal('ffffffff00000000ffffffff');
  });

  it('an entry that ends within a word gives its last byte', () => {
    const small = descriptor('small', {
      a: word16(),
      b: word8(),
      c: word8({ OWN: flag(0, marks('owner')) }),
      d: word16({ X: flag(0) }),
    });
    expect(stages(small).before).to.equal('00000000ffff');
    const odd = descriptor('odd', { a: word32(), b: word16({ OWN: flag(15, marks('owner')) }) });
    expect(stages(odd)).to.deep.equal({ before: 'ffffffffff00', after: 'ffffffffffff' });
  });

  it('needs a bit to give by, and one store that reaches it', () => {
    expect(() => publisher(descriptor('d', { a: word32() }))).to.throw(LabError, /d has no owner or phase bit/);
    const split = descriptor('s', {
      a: word32({ P: flag(0, marks('phase')) }),
      b: word32({ U: flag(0, marks('used-phase')) }),
    });
    expect(() => publisher(split)).to.throw(LabError, /s\.a bit 0 and s\.b bit 0/);
  });

  it("entries of one request: all words first, then the owners', that of the first entry last", () => {
    const bytes = new Uint8Array(3 * packedRing.entry.size);
    const seen: string[] = [];
    const given = (): void => {
      const text = Buffer.from(bytes).toString('hex');
      seen.push([0, 1, 2].map((i) => text.slice(32 * i, 32 * i + 32)).join(' '));
    };
    const lanes = new Int32Array(packedRing.entry.lanes).fill(-1);
    runPublisher(packedRing.entry)(new BytesMemory(bytes), [0, 16, 32], [lanes, lanes, lanes], given);
    given();
    const [body, all] = ['f'.repeat(24) + '0'.repeat(8), 'f'.repeat(32)];
    expect(seen).to.deep.equal([`${body} ${body} ${body}`, `${body} ${all} ${all}`, `${all} ${all} ${all}`]);
  });
});
