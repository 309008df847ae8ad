import { expect } from 'chai';
import {
  addressOf,
  bits,
  descriptor,
  flag,
  format,
  lengthIn,
  marks,
  ring,
  word32,
  word64,
} from '../../../base/descriptor';
import { Q, Rig, STATUS } from './rig';

const copyRing = format({
  name: 'copy-ring',
  entry: descriptor('copy_entry', {
    src: word64(addressOf('source')),
    dst: word64(addressOf('destination')),
    len: word32({ LEN: bits(30, 0, lengthIn(1)), OWN: flag(31, marks('owner')) }),
    status: word32({ DONE: flag(0, marks('done')) }),
  }),
  follow: ring(),
  ownership: { kind: 'bit' },
  completion: { kind: 'in-place' },
  doorbell: { register: 'KICK', value: 'notify' },
});

describe('prototype: a ring of copies', () => {
  it('copies, gives entries back and rests', () => {
    const rig = new Rig(copyRing);
    const { port } = rig;
    port.map(0x10_0000, 0x1_0000);
    port.map(0x1000, 4096);
    const view = new DataView(new ArrayBuffer(24 * 4));
    for (let i = 0; i < 4; i++) {
      view.setBigUint64(24 * i, 0x10_0000n + BigInt(0x1000 * i), true);
      view.setBigUint64(24 * i + 8, 0x10_8000n + BigInt(0x1000 * i), true);
      view.setUint32(24 * i + 16, 4096 + 2 ** 31, true);
    }
    port.poke(0x1000, new Uint8Array(view.buffer));
    for (let i = 0; i < 0x4000; i++) port.poke(0x10_0000 + i, [(i * 7 + (i >> 8)) & 0xff]);
    rig.start(0, { base: 0x1000, size: 4 });
    rig.ring(0);
    rig.run();
    expect(port.bytes(0x10_8000, 0x4000)).to.deep.equal(port.bytes(0x10_0000, 0x4000));
    expect(rig.read(0, Q.STATUS)).to.equal(STATUS.ENABLED | STATUS.IDLE);
    expect(rig.read(0, Q.REQUESTS)).to.equal(4);
    expect(rig.read(0, Q.ERROR)).to.equal(0);
    expect([...port.bytes(0x1000 + 16, 8)]).to.deep.equal([0, 16, 0, 0, 1, 0, 0, 0]);
  });
});
