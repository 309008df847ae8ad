import { expect } from 'chai';

import { ETIMEDOUT } from '../../../base/errno';
import { physAddr } from '../../../base/address';
import { BUS_OK } from '../../../base/bus-outcome';
import type { U64 } from '../../../base/u64';
import type { MmioTarget } from '../../../emulator/bus/mmio';
import { out } from '../../../kernel-api/err';
import {
  hi_lo_writeq,
  lo_hi_readq,
  lo_hi_writeq,
  readb,
  readl,
  readq,
  readw,
  writeb,
  writel,
  writeq,
  writew,
} from '../../../kernel-api/io/accessors';
import type { IoMem } from '../../../kernel-api/io/io-mem';
import { ioremap, iounmap } from '../../../kernel-api/io/ioremap';
import { readl_poll_timeout, readl_poll_timeout_atomic } from '../../../kernel-api/io/poll';
import { KernelOops } from '../../../kernel-api/oops';
import { makeRunningKernel, type RunningKernel } from '../../support/running-kernel';

const BASE = 0x1000_0800;

/** Registers that remember every access, and read as the number of reads so far. */
class Recorder implements MmioTarget {
  readonly name = 'recorder';
  readonly size = 0x100;
  readonly log: string[] = [];
  reads = 0;
  read(offset: number, width: number, into: U64): typeof BUS_OK {
    this.log.push(`r${width * 8}@${offset}`);
    into.lo = ++this.reads;
    into.hi = width === 8 ? 0x8000_0000 : 0;
    return BUS_OK;
  }
  peek(): typeof BUS_OK {
    return BUS_OK;
  }
  write(offset: number, width: number, lo: number, hi: number): typeof BUS_OK {
    this.log.push(`w${width * 8}@${offset}=${hi.toString(16)}:${lo.toString(16)}`);
    return BUS_OK;
  }
}

const bench = (): { running: RunningKernel; device: Recorder; io: IoMem } => {
  const running = makeRunningKernel();
  const device = new Recorder();
  running.bus.mount(BASE, device);
  return { running, device, io: ioremap(running.kernel, physAddr(BASE), 0x100)! };
};

describe('registers', () => {
  it('are reached with the width and the value that was asked for', () => {
    const { device, io } = bench();
    writeb(0x1ff, io);
    writew(0x1_2345, io.add(2));
    writel(-1, io.add(4));
    writeq(0xfedc_ba98_7654_3210n, io.add(8));
    lo_hi_writeq(0x1_0000_0002n, io.add(16));
    hi_lo_writeq(0x1_0000_0002n, io.add(16));
    expect(device.log.splice(0)).to.deep.equal([
      'w8@0=0:ff',
      'w16@2=0:2345',
      'w32@4=0:ffffffff',
      'w64@8=fedcba98:76543210',
      'w32@16=0:2',
      'w32@20=0:1',
      'w32@20=0:1',
      'w32@16=0:2',
    ]);
    expect([readb(io), readw(io), readl(io.add(0xfc)), readq(io.add(8))]).to.deep.equal([
      1,
      2,
      3,
      0x8000_0000_0000_0004n,
    ]);
    expect(lo_hi_readq(io.add(8))).to.equal(0x6_0000_0005n);
    expect(device.log).to.deep.equal(['r8@0', 'r16@0', 'r32@252', 'r64@8', 'r32@8', 'r32@12']);
  });

  it('cost time', () => {
    const { running, io } = bench();
    const start = running.cpu.now;
    readl(io);
    expect(running.cpu.now).to.be.above(start);
  });

  it('stop the kernel outside of the mapping, after iounmap, and where nothing answers', () => {
    const { running, io } = bench();
    const { kernel } = running;
    for (const [at, width] of [
      [0x100, 1],
      [0xfd, 4],
      [0xf9, 8],
      [-1, 1],
    ] as const) {
      const access = { 1: readb, 4: readl, 8: readq }[width];
      expect(() => access(io.add(at)), `${at}`).to.throw(KernelOops, /paging request/);
    }
    const hole = ioremap(kernel, physAddr(0x2000_0000), 0x1000)!;
    expect(() => readl(hole)).to.throw(KernelOops, /0x20000000 answer 'no such address'/);
    expect(() => writel(1, hole)).to.throw(KernelOops);
    iounmap(io);
    expect(() => readl(io)).to.throw(KernelOops);
    expect(kernel.warned).to.deep.equal([]);
    iounmap(io);
    expect(kernel.warned).to.have.length(1);
    expect(ioremap(kernel, physAddr(BASE), 0)).to.equal(null);
  });
});

describe('polling a register', () => {
  it('ends when the value fits', async () => {
    const { running, device, io } = bench();
    await running.sched.run(async () => {
      const value = out(0);
      expect(await readl_poll_timeout(io, (v) => v >= 5, 10, 1000, value)).to.equal(0);
      expect(value.value).to.equal(5);
      expect(readl_poll_timeout_atomic(io, (v) => v >= 9, 0, 0)).to.equal(0);
      expect(device.reads).to.equal(9);
    });
  });

  for (const [sleep, timeout] of [
    [10, 100],
    [0, 100],
    [1000, 10],
  ] as const) {
    it(`gives up after ${timeout} us, looking every ${sleep} us and once more`, async () => {
      const { running, device, io } = bench();
      const { sched, cpu } = running;
      await sched.run(async () => {
        for (const atomic of [true, false]) {
          device.reads = 0;
          const start = cpu.now;
          const never = (): boolean => false;
          const result = atomic
            ? readl_poll_timeout_atomic(io, never, sleep, timeout)
            : await readl_poll_timeout(io, never, sleep, timeout);
          expect(result).to.equal(-ETIMEDOUT);
          expect(cpu.now - start).to.be.within(timeout * 1000, (timeout + 2 * sleep + 2) * 1000);
          expect(device.reads).to.be.above(2);
        }
      });
    });
  }
});
