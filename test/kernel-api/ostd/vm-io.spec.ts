import { expect } from 'chai';
import { array, bytes, struct, u16, u32, u64, u8 } from '../../../base/layout';
import { LabError } from '../../../base/errors';
import { KernelOops } from '../../../kernel-api/oops';
import { DmaCoherent, FrameAllocOptions, type OstdError, VmReader, VmWriter } from '../../../kernel-api/ostd';
import { kindOf, onRig, PAGE_SIZE, pattern } from './rig';

const item = struct('item', { tag: u16, length: u32, words: array(u64, 2) });

describe('kernel-api/ostd: readers and writers', () => {
  it('copy until one of the two is at its end', () => {
    const from = Uint8Array.from(pattern(1, 100));
    const into = new Uint8Array(60);
    const reader = VmReader.from(from);
    const writer = VmWriter.from(into);
    expect([reader.remain(), reader.hasRemain(), writer.avail(), writer.hasAvail()]).to.deep.equal([
      100,
      true,
      60,
      true,
    ]);
    reader.skip(10);
    writer.skip(5).limit(20);
    expect(reader.read(writer)).to.equal(20);
    expect([reader.remain(), writer.avail(), writer.hasAvail()]).to.deep.equal([70, 0, false]);
    expect(reader.read(writer)).to.equal(0);
    expect(writer.write(reader)).to.equal(0);
    const second = reader.clone();
    expect([...second.collect()]).to.deep.equal(pattern(1, 100).slice(30));
    expect([second.hasRemain(), reader.remain(), reader.cursor()]).to.deep.equal([false, 70, 30]);
    expect([...into]).to.deep.equal([
      ...new Array<number>(5).fill(0),
      ...pattern(1, 100).slice(10, 30),
      ...new Array<number>(35).fill(0),
    ]);
  });

  it('limit only shortens', () => {
    const reader = VmReader.from(new Uint8Array(10));
    expect(reader.limit(20).remain()).to.equal(10);
    expect(reader.limit(4).remain()).to.equal(4);
    expect(reader.limit(0).remain()).to.equal(0);
    expect(() => reader.limit(-1)).to.throw(KernelOops);
  });

  it('do not go past their end', () => {
    const reader = VmReader.from(new Uint8Array(7));
    const writer = VmWriter.from(new Uint8Array(7));
    for (const bad of [8, -1, 0.5, NaN]) {
      expect(() => reader.skip(bad)).to.throw(KernelOops, 'assertion failed');
      expect(() => writer.skip(bad)).to.throw(KernelOops, 'assertion failed');
    }
    expect(kindOf(() => reader.readVal(u64))).to.equal('InvalidArgs');
    expect(kindOf(() => writer.writeVal(u64, 1n))).to.equal('InvalidArgs');
    expect(kindOf(() => writer.skip(4).writeOnce(u32, 1))).to.equal('InvalidArgs');
    expect([reader.remain(), writer.avail()]).to.deep.equal([7, 3]);
    expect(writer.fillZeros(100)).to.equal(3);
    expect(writer.fillZeros(1)).to.equal(0);
    expect(() => VmReader.from(new Uint8Array(8)).skip(2).readOnce(u32)).to.throw(KernelOops, 'not aligned to a u32');
  });

  it('go over kernel memory', () =>
    onRig({}, (rig) => {
      using segment = new FrameAllocOptions(rig.kernel).allocSegment(1);
      const start = segment.reader().cursor();
      VmWriter.fromKernelSpace(rig.kernel, start, 8).writeVal(u64, 0x0102_0304_0506_0708n);
      expect(VmReader.fromKernelSpace(rig.kernel, start, 8).readVal(u32)).to.equal(0x0506_0708);
      expect(segment.reader().limit(3).collect()).to.deep.equal(Uint8Array.of(8, 7, 6));
    }));

  it('copy between overlapping kernel memory as memmove does', () =>
    onRig({}, (rig) => {
      using segment = new FrameAllocOptions(rig.kernel).allocSegment(1);
      segment.writeBytes(0, Uint8Array.from(pattern(3, 200)));
      segment.write(50, segment.reader().limit(100));
      expect([...segment.reader().skip(50).limit(100).collect()]).to.deep.equal(pattern(3, 100));
    }));
});

describe('kernel-api/ostd: access at offsets', () => {
  it('reads and writes bytes, values, slices and integers', () =>
    onRig({ coherent: false }, (rig) => {
      using dma = DmaCoherent.alloc(rig.dev, 2);
      const edge = PAGE_SIZE - 3;
      dma.writeVal(edge, item, { tag: 1, length: 2, words: [3n, 4n] });
      expect(dma.readVal(edge, item)).to.deep.equal({ tag: 1, length: 2, words: [3n, 4n] });
      dma.writeSlice(10, u16, [1, 2, 3]);
      expect(dma.readSlice(10, u16, 3)).to.deep.equal([1, 2, 3]);
      expect(dma.readSlice(10, u8, 0)).to.deep.equal([]);
      dma.writeOnce(64, u64, 5n);
      expect(dma.readOnce(64, u64)).to.equal(5n);
      const out = new Uint8Array(4);
      dma.read(10, VmWriter.from(out));
      expect([...out]).to.deep.equal([1, 0, 2, 0]);
      dma.write(8, VmReader.from(Uint8Array.of(9, 9)));
      expect(dma.readVal(8, bytes(4))).to.deep.equal(Uint8Array.of(9, 9, 1, 0));
      dma.fillZeros(8, 4);
      expect(dma.readVal(8, u32)).to.equal(0);
    }));

  it('all of it up to the end, and not a byte more', () =>
    onRig({}, (rig) => {
      using dma = DmaCoherent.alloc(rig.dev, 1);
      const access: readonly ((offset: number, length: number) => unknown)[] = [
        (offset, length) => dma.readBytes(offset, new Uint8Array(length)),
        (offset, length) => dma.writeBytes(offset, new Uint8Array(length)),
        (offset, length) => dma.read(offset, VmWriter.from(new Uint8Array(length))),
        (offset, length) => dma.write(offset, VmReader.from(new Uint8Array(length))),
        (offset, length) => dma.readSlice(offset, u8, length),
        (offset, length) => dma.writeSlice(offset, u8, new Array<number>(length).fill(0)),
        (offset, length) => dma.fillZeros(offset, length),
      ];
      for (const [i, run] of access.entries()) {
        const result = (offset: number, length: number): string => kindOf(() => run(offset, length));
        for (const length of [0, 1, 7, 4096]) {
          expect(result(PAGE_SIZE - length, length), `access ${i}`).to.equal('nothing');
          expect(result(PAGE_SIZE - length + 1, length), `access ${i}`).to.equal('InvalidArgs');
        }
        for (const bad of [-1, 0.5, NaN]) expect(result(bad, 1)).to.equal('InvalidArgs');
        expect(result(Number.MAX_SAFE_INTEGER, 1)).to.be.oneOf(['Overflow', 'InvalidArgs']);
      }
      expect(kindOf(() => dma.readBytes(Number.MAX_SAFE_INTEGER, new Uint8Array(1)))).to.equal('Overflow');
      expect(kindOf(() => dma.readVal(PAGE_SIZE - 7, u64))).to.equal('InvalidArgs');
      expect(kindOf(() => dma.writeVal(PAGE_SIZE - 7, u64, 0n))).to.equal('InvalidArgs');
      expect(kindOf(() => dma.readOnce(PAGE_SIZE + 4, u32))).to.equal('InvalidArgs');
      expect(kindOf(() => dma.readSlice(0, u8, -1))).to.equal('InvalidArgs');
      expect(() => dma.readOnce(2, u32)).to.throw(KernelOops, 'not aligned');
      expect(() => dma.writeOnce(2, u32, 0)).to.throw(KernelOops, 'not aligned');
    }));

  it('zeroes as much as there is room for, and says how much', () =>
    onRig({}, (rig) => {
      using segment = new FrameAllocOptions(rig.kernel).allocSegment(1);
      segment.writeBytes(0, new Uint8Array(PAGE_SIZE).fill(1));
      try {
        segment.fillZeros(PAGE_SIZE - 10, 11);
        expect.fail('too many zeroes');
      } catch (error) {
        expect([(error as OstdError).kind, (error as OstdError).done]).to.deep.equal(['InvalidArgs', 10]);
      }
      expect(segment.readSlice(PAGE_SIZE - 11, u8, 11)).to.deep.equal([1, ...new Array<number>(10).fill(0)]);
    }));

  it('zeroed frames unless said otherwise; wrong values are mistakes', () =>
    onRig({}, (rig) => {
      using old = new FrameAllocOptions(rig.kernel).allocSegment(1);
      old.writeBytes(0, new Uint8Array(PAGE_SIZE).fill(0xee));
      old.drop();
      using same = new FrameAllocOptions(rig.kernel).zeroed(false).allocSegment(1);
      expect(same.readVal(0, u8)).to.equal(0xee);
      same.drop();
      using zeroed = new FrameAllocOptions(rig.kernel).allocSegment(1);
      expect(zeroed.readVal(0, u8)).to.equal(0);
      expect(() => zeroed.writeVal(0, u8, 256)).to.throw(LabError);
    }));
});
