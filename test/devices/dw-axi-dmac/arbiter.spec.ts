import { expect } from 'chai';
import * as hw from './rig';
import { IRQ, pattern, Rig } from './rig';

const SRC = 0x8000_0000;
const DST = 0x9000_0000;

/** Channels by the order in which their blocks finish, and how far the others were each time. */
const race = (priorities: readonly number[], items = 4096) => {
  const rig = new Rig({ chunkBytes: 1024 });
  rig.port.map(SRC, 0x8000);
  rig.port.poke(SRC, pattern(0x8000));
  priorities.forEach((priority, channel) => {
    const dar = DST + channel * 0x10000;
    rig.port.map(dar, 0x8000);
    rig.block(channel, { sar: SRC, dar, items, srcWidth: 3, dstWidth: 3 }, { priority });
  });
  rig.regs.writel(hw.DMAC_CHEN, 0x101 * ((1 << priorities.length) - 1));
  const order: number[] = [];
  const progress: number[][] = [];
  while (rig.step()) {
    const done = priorities.map((_, channel) => rig.readCh(channel, hw.CH_STATUS));
    progress.push(done);
    priorities.forEach((_, channel) => {
      if (!rig.isEnabled(channel) && !order.includes(channel)) order.push(channel);
    });
  }
  priorities.forEach((_, channel) => {
    expect(rig.status(channel)).to.equal(IRQ.DMA_TRF);
    const bytes = rig.port.bytes(DST + channel * 0x10000, items * 8);
    expect(Buffer.compare(bytes, rig.port.bytes(SRC, items * 8))).to.equal(0);
  });
  return { order, progress };
};

describe('dw-axi-dmac: arbiter', () => {
  it('serves equals in turn', () => {
    const { progress, order } = race([3, 3, 3, 3]);
    for (const done of progress) expect(Math.max(...done) - Math.min(...done)).to.be.at.most(128);
    expect(order).to.deep.equal([0, 1, 2, 3]);
  });

  it('serves the higher priority first', () => {
    const { progress, order } = race([0, 7, 3]);
    expect(order).to.deep.equal([1, 2, 0]);
    for (const [low, high, middle] of progress) {
      if (middle! > 0) expect(high).to.equal(4096);
      if (low! > 0) expect(middle).to.equal(4096);
    }
  });

  it('runs all eight channels', () => {
    expect(race([0, 0, 0, 0, 0, 0, 0, 0], 64).order).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});
