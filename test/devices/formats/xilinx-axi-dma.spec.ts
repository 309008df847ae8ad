import { expect } from 'chai';
import { axiDmaMm2sDesc, axiDmaS2mmDesc } from '../../../devices/formats/xilinx-axi-dma';
import { expectFigures } from './figures';

// AMD PG021 7.1, "Scatter Gather Descriptor", "MM2S_CONTROL" … "S2MM_STATUS". The embeddedsw driver `xaxidma_hw.h`,
// `XAXIDMA_BD_*`, and Linux's `xilinx_dma.c`, `XILINX_DMA_BD_*` and `xilinx_axidma_desc_hw`, have the same figures.
describe('Xilinx AXI DMA descriptors, as data', () => {
  for (const one of [axiDmaMm2sDesc, axiDmaS2mmDesc]) {
    it(`${one.typeName}: has its words where the product guide has them, 16 words apart`, () => {
      expect([one.size, one.align]).to.deep.equal([64, 64]);
      const offsets = new Map(one.words.map(({ path, offset }) => [path, offset]));
      expect([...offsets]).to.deep.equal([
        ['NXTDESC', 0x00],
        ['NXTDESC_MSB', 0x04],
        ['BUFFER_ADDRESS', 0x08],
        ['BUFFER_ADDRESS_MSB', 0x0c],
        ['CONTROL', 0x18],
        ['STATUS', 0x1c],
        ...[0, 1, 2, 3, 4].map((i) => [`APP[${i}]`, 0x20 + 4 * i]),
      ]);
      expectFigures(one, [
        ['LENGTH', 0x18, 25, 0],
        ['TRANSFERRED', 0x1c, 25, 0],
        ['DMAINTERR', 0x1c, 28, 28],
        ['DMASLVERR', 0x1c, 29, 29],
        ['DMADECERR', 0x1c, 30, 30],
        ['CMPLT', 0x1c, 31, 31],
      ]);
      const cursor = one.cursor();
      cursor.NEXT = 0x0123_4567_89ab_cdc0n;
      cursor.BUFFER = 0xfedc_ba98_7654_3210n;
      expect([...cursor.lanes.subarray(0, 4)].map((lane) => lane >>> 0)).to.deep.equal([
        0x89ab_cdc0, 0x0123_4567, 0x7654_3210, 0xfedc_ba98,
      ]);
    });
  }

  it('marks packets in the control word of one channel, and in the status word of the other', () => {
    expectFigures(axiDmaMm2sDesc, [
      ['TXEOF', 0x18, 26, 26],
      ['TXSOF', 0x18, 27, 27],
    ]);
    expectFigures(axiDmaS2mmDesc, [
      ['RXEOF', 0x1c, 26, 26],
      ['RXSOF', 0x1c, 27, 27],
    ]);
  });
});
