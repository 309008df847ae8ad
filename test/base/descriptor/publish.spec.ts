import { expect } from 'chai';
import {
  descriptor,
  flag,
  marks,
  publisher,
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
});
