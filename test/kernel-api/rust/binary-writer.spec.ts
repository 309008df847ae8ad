import { expect } from 'chai';
import { PAGE_SIZE, virtAddr } from '../../../base/address';
import { EFAULT, EINVAL, ERANGE } from '../../../base/errno';
import { u8 } from '../../../base/layout';
import { out } from '../../../kernel-api/err';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { UserProcess } from '../../../kernel-api/mm/user';
import { Coherent, KernelError, UserSliceWriter } from '../../../kernel-api/rust';
import { makeBoundDevice } from '../../support/bound-device';

const SIZE = 5000;
const pattern = Uint8Array.from({ length: SIZE }, (_, i) => (i * 7 + (i >>> 8)) & 0xff);

describe('kernel-api/rust: coherent memory as a file of debugfs', () => {
  const setUp = (): {
    read: (offset: number, length: number, at?: number) => { returned: number; offset: number; left: number };
    bytes: (length: number) => Uint8Array;
    coherent: Coherent<never>;
  } => {
    const { kernel, dev } = makeBoundDevice();
    const coherent = Coherent.fromSlice(dev, u8, pattern, GFP_KERNEL);
    const process = new UserProcess(kernel);
    const buffer = process.allocate(4 * PAGE_SIZE);
    process.write(buffer, new Uint8Array(4 * PAGE_SIZE).fill(0xee));
    return {
      read: (from, length, at = buffer) => {
        const offset = out(from);
        const writer = new UserSliceWriter(kernel, virtAddr(at), length);
        const returned = process.syscall(() => coherent.writeToSlice(writer, offset));
        return { returned, offset: offset.value, left: writer.len() };
      },
      bytes: (length) => process.read(buffer, length),
      coherent: coherent as unknown as Coherent<never>,
    };
  };

  it('gives what is there from an offset on, as far as there is room', () => {
    const { read, bytes } = setUp();
    for (const [from, length] of [
      [0, 0],
      [0, 1],
      [0, SIZE],
      [0, SIZE + 1],
      [1, 100],
      [4095, 2],
      [SIZE - 1, 1],
      [SIZE - 1, 100],
    ] as const) {
      const count = Math.min(SIZE - from, length);
      expect(read(from, length)).to.deep.equal({ returned: count, offset: from + count, left: length - count });
      expect(bytes(count)).to.deep.equal(pattern.slice(from, from + count));
    }
  });

  it('writes nothing beyond what it returns', () => {
    const { read, bytes } = setUp();
    expect(read(SIZE - 3, 100).returned).to.equal(3);
    expect([...bytes(6)]).to.deep.equal([...pattern.slice(-3), 0xee, 0xee, 0xee]);
  });

  it('ends: 0 from the end on, however far', () => {
    const { read } = setUp();
    for (const from of [SIZE, SIZE + 1, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      expect(read(from, 10)).to.deep.equal({ returned: 0, offset: from, left: 10 });
    }
  });

  it('refuses a negative offset, and user memory that is not there', () => {
    const { read, coherent } = setUp();
    expect(() => read(-1, 10))
      .to.throw(KernelError)
      .with.property('errno', EINVAL);
    expect(() => read(0, 10, 0x1000))
      .to.throw(KernelError)
      .with.property('errno', EFAULT);
    const writer = new UserSliceWriter({} as never, virtAddr(0), 10);
    expect(() => writer.writeDma(coherent, SIZE - 5, 6))
      .to.throw(KernelError)
      .with.property('errno', ERANGE);
    expect(() => writer.writeDma(coherent, 0, 11))
      .to.throw(KernelError)
      .with.property('errno', ERANGE);
    coherent.drop();
    expect(() => read(0, 10)).to.throw('was used after it was dropped');
  });
});
