import { expect } from 'chai';

import { PAGE_SIZE, physAddr } from '../../../base/address';
import { BUS_ACCESS_FAULT, BUS_NO_ADDRESS, BUS_OK, BUS_POISONED, type BusOutcome } from '../../../base/bus-outcome';
import { LabError } from '../../../base/errors';
import { u64, type U64 } from '../../../base/u64';
import { COPY_WRITE_SIDE } from '../../../emulator/bus/device-port';
import type { AccessWidth, MmioTarget } from '../../../emulator/bus/mmio';
import { SystemBus } from '../../../emulator/bus/system-bus';
import { Ram } from '../../../emulator/memory/ram';

const RAM_BASE = 0x8000_0000;
const RAM_END = RAM_BASE + 4 * PAGE_SIZE;

/** Registers that hold what is written and keep a diary. */
class Recorder implements MmioTarget {
  readonly diary: string[] = [];
  readonly bytes: Uint8Array;
  answer: BusOutcome = BUS_OK;
  readonly name: string;
  readonly size: number;

  constructor(name: string, size: number) {
    this.name = name;
    this.size = size;
    this.bytes = Uint8Array.from({ length: size }, (_, i) => i + 1);
  }
  read(offset: number, width: AccessWidth, into: U64): BusOutcome {
    this.diary.push(`r${width}@${offset}`);
    this.peek(offset, width, into);
    return this.answer;
  }
  write(offset: number, width: AccessWidth, lo: number, hi: number): BusOutcome {
    this.diary.push(`w${width}@${offset}=${lo.toString(16)}${width === 8 ? `,${hi.toString(16)}` : ''}`);
    return this.answer;
  }
  peek(offset: number, width: AccessWidth, into: U64): BusOutcome {
    const view = new DataView(this.bytes.buffer);
    into.hi = width === 8 ? view.getUint32(offset + 4, true) : 0;
    into.lo =
      width === 1 ? view.getUint8(offset) : width === 2 ? view.getUint16(offset, true) : view.getUint32(offset, true);
    return BUS_OK;
  }
}

const board = (): { bus: SystemBus; uart: Recorder; dmac: Recorder } => {
  const bus = new SystemBus(new Ram([{ base: physAddr(RAM_BASE), size: 4 * PAGE_SIZE }]));
  const uart = new Recorder('uart', 0x20);
  const dmac = new Recorder('dmac', 0x40);
  bus.mount(0x1000_0000, uart);
  bus.mount(0x1000_0020, dmac);
  bus.mount(RAM_END, new Recorder('after RAM', 0x10));
  return { bus, uart, dmac };
};
const UART = 0x1000_0000;
const DMAC = 0x1000_0020;

describe('system bus', () => {
  it('routes each address to the one block that decodes it, and holes to nobody', () => {
    const { bus, uart, dmac } = board();
    expect(bus.load32(UART + 0x1c)).to.equal(0x201f_1e1d);
    expect(bus.load32(DMAC)).to.equal(0x0403_0201);
    expect(bus.load32(DMAC + 0x3c)).to.be.above(0);
    for (const hole of [0, UART - 4, DMAC + 0x40, RAM_BASE - 4, RAM_END + 0x10, 2 ** 52, 2 ** 56, 2 ** 64]) {
      expect(bus.load32(hole), hole.toString(16)).to.equal(BUS_NO_ADDRESS);
      expect(bus.store32(hole, 1)).to.equal(BUS_NO_ADDRESS);
      expect(bus.load64(hole, u64())).to.equal(BUS_NO_ADDRESS);
      expect(bus.store64(hole, 1, 1)).to.equal(BUS_NO_ADDRESS);
      expect(bus.read(hole, new Uint8Array(4), 0, 4)).to.equal(BUS_NO_ADDRESS);
      expect(bus.write(hole, new Uint8Array(4), 0, 4)).to.equal(BUS_NO_ADDRESS);
      expect(bus.fill(hole, 1, 4)).to.equal(BUS_NO_ADDRESS);
      expect(bus.peek(hole, new Uint8Array(4), 0, 4)).to.equal(BUS_NO_ADDRESS);
      expect(bus.copy(hole, RAM_BASE, 4)).to.equal(BUS_NO_ADDRESS);
      expect(bus.copy(RAM_BASE, hole, 4)).to.equal(BUS_NO_ADDRESS + COPY_WRITE_SIDE);
      expect([bus.isRam(hole), bus.isMmio(hole)]).to.deep.equal([false, false]);
    }
    expect(uart.diary).to.deep.equal(['r4@28']);
    expect(dmac.diary).to.deep.equal(['r4@0', 'r4@60']);
  });

  it('tells RAM from registers', () => {
    const { bus } = board();
    expect([bus.isRam(RAM_BASE), bus.isMmio(RAM_BASE), bus.isRam(RAM_END - 1)]).to.deep.equal([true, false, true]);
    expect([bus.isRam(UART), bus.isMmio(UART), bus.isMmio(DMAC + 0x3f)]).to.deep.equal([false, true, true]);
    expect([bus.isRam(RAM_END), bus.isMmio(RAM_END)]).to.deep.equal([false, true]);
  });

  it('gives registers aligned accesses of their own width, or runs of words', () => {
    const { bus, uart } = board();
    const data = Uint8Array.of(0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc);
    const into = new Uint8Array(14).fill(0xee);
    expect(bus.write(UART + 3, data, 0, 1)).to.equal(BUS_OK);
    expect(bus.write(UART + 2, data, 0, 2)).to.equal(BUS_OK);
    expect(bus.write(UART + 8, data, 0, 8)).to.equal(BUS_OK);
    expect(bus.write(UART + 4, data, 0, 8)).to.equal(BUS_OK);
    expect(bus.store64(UART + 16, 0xffff_fff0, 0x8000_0000)).to.equal(BUS_OK);
    expect(bus.read(UART + 4, into, 1, 12)).to.equal(BUS_OK);
    expect([...into]).to.deep.equal([0xee, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0xee]);
    expect(uart.diary).to.deep.equal([
      'w1@3=f1',
      'w2@2=f2f1',
      'w8@8=f4f3f2f1,f8f7f6f5',
      'w4@4=f4f3f2f1',
      'w4@8=f8f7f6f5',
      'w8@16=fffffff0,80000000',
      'r4@4',
      'r4@8',
      'r4@12',
    ]);
    const value = u64();
    expect(bus.load64(UART + 8, value)).to.equal(BUS_OK);
    expect(value).to.deep.equal({ lo: 0x0c0b_0a09, hi: 0x100f_0e0d });
  });

  it('refuses misaligned and odd-sized accesses to registers; none reaches them', () => {
    const { bus, uart } = board();
    const buffer = new Uint8Array(32);
    for (const [offset, length] of [
      [1, 2],
      [2, 4],
      [1, 4],
      [1, 8],
      [2, 8],
      [0, 3],
      [0, 5],
      [0, 6],
      [2, 12],
      [0, 13],
    ] as const) {
      expect(bus.read(UART + offset, buffer, 0, length), `${length} at ${offset}`).to.equal(BUS_ACCESS_FAULT);
      expect(bus.write(UART + offset, buffer, 0, length)).to.equal(BUS_ACCESS_FAULT);
    }
    expect(bus.load32(UART + 2)).to.equal(BUS_ACCESS_FAULT);
    expect(bus.store32(UART + 2, 1)).to.equal(BUS_ACCESS_FAULT);
    expect(bus.load64(UART + 4, u64())).to.equal(BUS_ACCESS_FAULT);
    expect(bus.store64(UART + 4, 1, 1)).to.equal(BUS_ACCESS_FAULT);
    expect(bus.fill(UART, 1, 4)).to.equal(BUS_ACCESS_FAULT);
    expect(uart.diary).to.deep.equal([]);
  });

  it('transfers nothing of a range that leaves its block or bank', () => {
    const { bus, uart } = board();
    const buffer = new Uint8Array(64).fill(0xee);
    expect(bus.read(UART + 0x1c, buffer, 0, 8)).to.equal(BUS_NO_ADDRESS);
    expect(bus.write(UART + 0x1c, buffer, 0, 8)).to.equal(BUS_NO_ADDRESS);
    expect(bus.read(UART - 4, buffer, 0, 8)).to.equal(BUS_NO_ADDRESS);
    expect(bus.read(RAM_END - 4, buffer, 0, 8)).to.equal(BUS_NO_ADDRESS);
    expect(bus.load64(RAM_END - 4, u64())).to.equal(BUS_NO_ADDRESS);
    expect(bus.copy(UART + 0x1c, RAM_BASE, 8)).to.equal(BUS_NO_ADDRESS);
    expect(bus.copy(RAM_BASE, UART + 0x1c, 8)).to.equal(BUS_NO_ADDRESS + COPY_WRITE_SIDE);
    expect(buffer.every((byte) => byte === 0xee)).to.equal(true);
    expect(uart.diary).to.deep.equal([]);
    expect(bus.copy(UART, RAM_END - 2, 4), 'read first').to.equal(BUS_NO_ADDRESS + COPY_WRITE_SIDE);
    expect(uart.diary).to.deep.equal(['r4@0']);
  });

  it('copies between RAM and registers, either way', () => {
    const { bus, uart, dmac } = board();
    expect(bus.copy(UART, RAM_BASE + 10, 4)).to.equal(BUS_OK);
    expect(bus.load32(RAM_BASE + 10)).to.equal(0x0403_0201);
    expect(bus.copy(RAM_BASE + 10, DMAC + 8, 4)).to.equal(BUS_OK);
    expect(bus.copy(UART, DMAC, 8)).to.equal(BUS_OK);
    expect(uart.diary).to.deep.equal(['r4@0', 'r8@0']);
    expect(dmac.diary).to.deep.equal(['w4@8=4030201', 'w8@0=4030201,8070605']);
  });

  it('passes on what a block answers', () => {
    const { bus, uart } = board();
    uart.answer = BUS_ACCESS_FAULT;
    expect(bus.load32(UART)).to.equal(BUS_ACCESS_FAULT);
    expect(bus.store32(UART, 0)).to.equal(BUS_ACCESS_FAULT);
    expect(bus.read(UART, new Uint8Array(12), 0, 12)).to.equal(BUS_ACCESS_FAULT);
    expect(bus.copy(UART, RAM_BASE, 4)).to.equal(BUS_ACCESS_FAULT);
    expect(bus.copy(RAM_BASE, UART, 4)).to.equal(BUS_ACCESS_FAULT + COPY_WRITE_SIDE);
    expect(uart.diary.filter((entry) => entry === 'r4@0')).to.have.length(3);
  });

  it('peeks without side effects, in RAM regardless of marks', () => {
    const { bus, uart } = board();
    bus.store32(RAM_BASE, 0x0403_0201);
    bus.mark(RAM_BASE, 4, 'faulting');
    const into = new Uint8Array(4);
    expect(bus.peek(UART + 4, into, 0, 4)).to.equal(BUS_OK);
    expect([...into]).to.deep.equal([5, 6, 7, 8]);
    expect(bus.peek(RAM_BASE, into, 0, 4)).to.equal(BUS_OK);
    expect([...into]).to.deep.equal([1, 2, 3, 4]);
    expect(uart.diary).to.deep.equal([]);
    bus.unmark(RAM_BASE, 4);
    bus.mark(RAM_BASE, 1, 'poisoned');
    expect(bus.load32(RAM_BASE)).to.equal(BUS_POISONED);
  });

  it('does nothing for an access to no bytes, wherever', () => {
    const { bus, uart } = board();
    for (const address of [0, UART, UART + 1, RAM_BASE, RAM_END]) {
      expect(bus.read(address, new Uint8Array(0), 0, 0)).to.equal(BUS_OK);
      expect(bus.write(address, new Uint8Array(0), 0, 0)).to.equal(BUS_OK);
      expect(bus.copy(address, 0, 0)).to.equal(BUS_OK);
      expect(bus.fill(address, 0, 0)).to.equal(BUS_OK);
    }
    expect(uart.diary).to.deep.equal([]);
  });

  it('refuses a block over RAM, over another block, at an odd place or beyond the board', () => {
    const { bus } = board();
    const mount = (base: number, size: number) => () => bus.mount(base, new Recorder('new', size));
    expect(mount(UART + 0x10, 8)).to.throw(LabError, 'overlaps uart');
    expect(mount(UART - 8, 16)).to.throw(LabError, 'overlaps uart');
    expect(mount(UART - 8, 0x1000)).to.throw(LabError, 'overlaps');
    expect(mount(RAM_BASE - 8, 16)).to.throw(LabError, 'overlaps memory[0]');
    expect(mount(RAM_END - 8, 8)).to.throw(LabError, 'overlaps memory[0]');
    expect(mount(4, 8)).to.throw(LabError, 'aligned');
    expect(mount(8, 0)).to.throw(LabError, 'size');
    expect(mount(2 ** 52 - 8, 16)).to.throw(LabError, 'beyond');
    expect(mount(UART - 8, 8)).to.not.throw();
  });
});
