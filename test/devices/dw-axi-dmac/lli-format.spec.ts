import { expect } from 'chai';
import { invalidSample, validSample, walk, wordsOfLoads, type DescriptorValue } from '../../../base/descriptor';
import { BytesMemory } from '../../../base/layout';
import { Prng } from '../../../base/prng';
import { dwAxiDmacList, lliDescriptor } from '../../../devices/dw-axi-dmac/lli-format';
import {
  CTL_HI_IOC_BLKTFR,
  CTL_HI_LAST,
  CTL_HI_VALID,
  LLI,
  LLI_BYTES,
  dmacBlock,
} from '../../../devices/dw-axi-dmac/spec';
import { dma_async_issue_pending } from '../../../kernel-api/dmaengine/client';
import { copyChannel, dmaMemory, finished, submitCopy } from '../../support/dma-channel';
import { onMachine } from '../../support/on-machine';
import * as hw from './rig';
import { Rig } from './rig';

const LIST = 0x9000_0000;
const DATA = 0x8000_0000;

describe('dw-axi-dmac: the declaration of list items', () => {
  it("has its words and bits where the driver's header of Linux has them", () => {
    const { CTL_LO, CTL_HI, STATUS_LO, STATUS_HI, SAR, DAR, BLOCK_TS, LLP } = LLI;
    // struct axi_dma_lli: sar, dar, block_ts_lo, block_ts_hi, llp, ctl_lo, ctl_hi, sstat, dstat, status_lo, status_hi
    expect([SAR, DAR, BLOCK_TS, LLP, CTL_LO, CTL_HI, STATUS_LO, STATUS_HI]).to.deep.equal([
      0, 8, 16, 24, 32, 36, 48, 52,
    ]);
    expect(LLI_BYTES).to.equal(64);
    expect([CTL_HI_IOC_BLKTFR, CTL_HI_LAST, CTL_HI_VALID]).to.deep.equal([hw.CTL_H_IOC, hw.CTL_H_LAST, hw.CTL_H_VALID]);
    const { fields } = dmacBlock(1).registers.CH_CTL;
    expect(fields.SRC_TR_WIDTH).to.deep.include({ bits: [10, 8] });
    expect(fields.SINC).to.deep.equal({
      bits: [4, 4],
      doc: '0 increment, 1 fixed',
      values: { 0: 'increment', 1: 'fixed' },
    });
    expect(fields.SRC_STAT_EN).to.deep.equal({ bits: [56, 56], unimplemented: true });
  });

  it('reads an item that was written by hand', () => {
    const item = { sar: 0x1_2345_6780n, dar: 0x2_0000_0040n, items: 17, srcWidth: 3, dstWidth: 2, dstFixed: true };
    const bytes = hw.lliBytes({ ...item, srcMsize: 5, dstMsize: 6, llp: 0x3_0000_0040n, ioc: true, last: true });
    const value = lliDescriptor.read(new BytesMemory(bytes), 0);
    const wanted: Partial<DescriptorValue<typeof lliDescriptor>> = {
      SAR: item.sar,
      DAR: item.dar,
      ITEMS: 16,
      LMS: false,
      LOC: 0x3_0000_0040n,
      SINC: false,
      DINC: true,
      SRC_TR_WIDTH: 3,
      DST_TR_WIDTH: 2,
      SRC_MSIZE: 5,
      DST_MSIZE: 6,
      IOC_BLKTFR: true,
      SHADOWREG_OR_LLI_LAST: true,
      SHADOWREG_OR_LLI_VALID: true,
      SSTAT: 0x5555_5555,
      DSTAT: 0x6666_6666,
    };
    expect(value).to.deep.include(wanted);
  });

  it("a walk through the device's port sees what the device will, and that it is done with it", () => {
    const rig = new Rig();
    rig.port.map(DATA, 0x4000);
    const items = [0, 1, 2].map((n) => ({ sar: DATA + 0x100 * n, dar: DATA + 0x2000 + 0x100 * n, items: 256 }));
    rig.list(0, LIST, items);
    const look = () => walk(dwAxiDmacList, rig.port, { at: BigInt(LIST) });
    const { entries, findings } = look();
    expect(findings).to.deep.equal([]);
    expect(
      entries.map(({ owned, pieces }) => [owned, ...pieces.map(({ address, length }) => [Number(address), length])]),
    ).to.deep.equal(items.map(({ sar, dar }) => [true, [sar, 256], [dar, 256]]));
    rig.run();
    expect(look().entries.map(({ owned }) => owned)).to.deep.equal([false, false, false]);
    expect(look().findings).to.deep.equal([]);
  });

  it('the device takes what the generator makes, and ends', () => {
    const prng = new Prng(5);
    for (let round = 0; round < 150; round++) {
      const make = prng.oneIn(2) ? validSample : invalidSample;
      const { base, bytes, start } = make(dwAxiDmacList, prng);
      const rig = new Rig();
      rig.port.map(base, bytes.length);
      rig.port.poke(base, bytes);
      rig.configure(0, { srcType: 3, dstType: 3 });
      rig.address(0, hw.CH_LLP, start.at);
      rig.enable(0);
      rig.run();
    }
  });

  for (const blockSize of [64, 65_536]) {
    it(`finds nothing wrong with the lists of the kernel's driver, blocks of ${blockSize} items`, () =>
      onMachine({ iommu: false, dmac: { blockSize } }, async (kernel, { hardware }) => {
        const chan = copyChannel(kernel);
        const [source, target] = [dmaMemory(chan, 8192), dmaMemory(chan, 8192)];
        const copy = submitCopy(chan, target.dma, source.dma, 5001);
        const [{ llp }] = (copy.desc as unknown as { items: [{ llp: bigint }] }).items;
        const inside = (at: bigint, length: number, from: bigint): boolean =>
          at >= from && at + BigInt(length) <= from + 8192n;
        const live = (at: bigint, length: number, writes: boolean): boolean =>
          inside(at, length, target.dma) || (!writes && (inside(at, length, source.dma) || length === LLI_BYTES));
        const look = () => walk(dwAxiDmacList, wordsOfLoads(hardware.cpu), { at: llp }, { live });
        const { entries, findings } = look();
        expect(findings).to.deep.equal([]);
        const moved = entries.flatMap(({ pieces }) => pieces.filter(({ of }) => of === 'destination'));
        expect(moved.reduce((sum, { length }) => sum + length, 0)).to.equal(5001);
        dma_async_issue_pending(chan);
        expect(await finished(copy)).to.equal(true);
      }));
  }
});
