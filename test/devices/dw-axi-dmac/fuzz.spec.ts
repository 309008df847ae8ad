import { expect } from 'chai';
import fc from 'fast-check';
import { StreamFifo } from '../../../devices/stream-fifo';
import { DmaRequestLine } from '../../../emulator/dma-request';
import { fakeDeviceHost } from '../../support/fake-device-host';
import * as hw from './rig';
import { pattern, Rig } from './rig';

const MEMORY = 0x8000_0000;
const FIFO = 0x1000_0000;
const OWN = 0x2000_0000;

/** Calls to the port in one firing: the longest burst, item by item, and what goes with it. */
const MOST_CALLS = 3000;

const fuzzRig = (lliWriteBack: boolean): Rig => {
  const lines = [new DmaRequestLine(0), new DmaRequestLine(1)];
  const rig = new Rig({ lliWriteBack, channels: 2 }, lines);
  const fifo = new StreamFifo('fifo');
  fifo.connect(fakeDeviceHost({ clock: rig.host.clock, dmaRequests: lines }));
  fifo.write(0x04, 4, 0x3b, 0);
  rig.port.mount(FIFO, fifo.mmio[0]!);
  rig.port.mount(OWN, rig.dmac.mmio[0]);
  rig.port.map(MEMORY, 0x4000);
  rig.port.poke(MEMORY, pattern(0x4000));
  return rig;
};

/** Lets time pass. Work is bounded at each firing, and time goes on. */
const letRun = (rig: Rig, firings: number): void => {
  for (let i = 0; i < firings; i++) {
    const [calls, time] = [rig.port.calls, rig.now];
    const deadline = rig.host.clock.nextDeadline;
    expect(deadline === Infinity || deadline >= time).to.equal(true);
    if (!rig.step()) return;
    expect(rig.port.calls - calls).to.be.below(MOST_CALLS);
  }
};

/** Addresses: some that lead somewhere, some that do not. */
const address = fc.oneof(
  fc.nat(0x3fff).map((at) => BigInt(MEMORY + at)),
  fc.nat(0x3ff).map((at) => BigInt(MEMORY + (at << 4))),
  fc.constantFrom(BigInt(FIFO + 0x80), BigInt(FIFO + 0x88)),
  fc.nat(0xfff).map((at) => BigInt(OWN + (at & ~3))),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.nat(300).map((at) => 2n ** 64n - 1n - BigInt(at)),
);

const lli = fc.oneof(
  fc.uint8Array({ minLength: 64, maxLength: 64 }),
  fc
    .record({
      sar: address,
      dar: address,
      llp: fc.oneof(
        fc.nat(7).map((n) => BigInt(MEMORY + 64 * n)),
        address,
      ),
      items: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 2 ** 32 })),
      srcWidth: fc.nat(7),
      dstWidth: fc.nat(7),
      srcFixed: fc.boolean(),
      dstFixed: fc.boolean(),
      srcMsize: fc.nat(15),
      dstMsize: fc.nat(15),
      last: fc.boolean(),
      ioc: fc.boolean(),
    })
    .map((item) => hw.lliBytes(item)),
);

const registerWrite = fc.record({
  offset: fc.oneof(
    fc.nat(0x3ff).map((word) => word * 4),
    fc.constantFrom(hw.DMAC_CHEN, hw.DMAC_CHEN_H, hw.DMAC_CFG, hw.DMAC_RESET),
    fc.constantFrom(0x118, 0x11c, 0x120, 0x124, 0x128, 0x148, 0x110),
  ),
  value: fc.oneof(
    fc.nat(0xffff_ffff),
    fc.constantFrom(0, 1, 3, 0x101, 0x303, 0x100, 0x101_0000, 0xffff_ffff, MEMORY, 0x8000_0000, 0xf),
  ),
  firings: fc.nat(6),
});

describe('dw-axi-dmac: whatever a guest writes', () => {
  it('no list item crashes it, hangs it or makes it work without bounds', () => {
    fc.assert(
      fc.property(
        fc.array(lli, { minLength: 1, maxLength: 8 }),
        fc.nat(3),
        fc.boolean(),
        fc.boolean(),
        (items, ttFc, writeBack, software) => {
          const rig = fuzzRig(writeBack);
          items.forEach((bytes, i) => rig.port.poke(MEMORY + 64 * i, bytes));
          rig.configure(0, { srcType: 3, dstType: 3, ttFc, srcPer: 0, dstPer: 1, softwareHandshake: software });
          rig.address(0, hw.CH_LLP, MEMORY);
          rig.enable(0);
          letRun(rig, 60);
          rig.readCh(0, hw.CH_STATUS);
          rig.regs.writel(hw.DMAC_CFG, 1);
          rig.disable(0);
          for (let i = 0; i < 60 && rig.isEnabled(0); i++) rig.step();
          expect(rig.isEnabled(0), 'can be stopped').to.equal(false);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('no sequence of register accesses does', () => {
    fc.assert(
      fc.property(fc.array(registerWrite, { maxLength: 60 }), fc.boolean(), (writes, writeBack) => {
        const rig = fuzzRig(writeBack);
        for (const { offset, value, firings } of writes) {
          rig.regs.writel(offset, value);
          rig.regs.readq(offset & ~7);
          rig.regs.peekl(offset);
          letRun(rig, firings);
        }
        rig.dmac.reset();
        expect(rig.regs.readq(hw.DMAC_CHEN)).to.equal(0n);
        expect(rig.host.interrupts[0]!.level).to.equal(false);
      }),
      { numRuns: 120 },
    );
  });

  it('a circular list costs time', () => {
    const rig = fuzzRig(false);
    const item = { sar: MEMORY + 256, dar: MEMORY + 512, items: 1, llp: MEMORY };
    rig.port.poke(MEMORY, hw.lliBytes(item));
    rig.configure(0, { srcType: 3, dstType: 3 });
    rig.address(0, hw.CH_LLP, MEMORY);
    rig.enable(0);
    const start = rig.now;
    letRun(rig, 1000);
    expect(rig.now - start).to.be.at.least(1000);
  });
});
