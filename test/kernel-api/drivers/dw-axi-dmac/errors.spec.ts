import { expect } from 'chai';

import { virtAddr } from '../../../../base/address';
import { dma_async_issue_pending, dmaengine_tx_status } from '../../../../kernel-api/dmaengine/client';
import {
  DMA_COMPLETE,
  DMA_CTRL_REUSE,
  DMA_TRANS_NOERROR,
  DMA_TRANS_READ_FAILED,
  DMA_TRANS_WRITE_FAILED,
  dma_tx_state,
} from '../../../../kernel-api/dmaengine/types';
import { patternBytes } from '../../../../lab/pattern';
import { FLAGS, copyChannel, dmaMemory, finished, submit, submitCopy } from '../../../support/dma-channel';
import { onMachine } from '../../../support/on-machine';

const PAGE = 4096;
/** Nobody maps anything here, and no RAM is here either. */
const NOWHERE = 0x7_0000_1230n;

/** The items of a transaction, for tests that spoil them. */
const itemsOf = (desc: unknown): { lli: number }[] => (desc as { items: { lli: number }[] }).items;

describe('dw-axi-dmac: errors', () => {
  for (const iommu of [true, false]) {
    const where = iommu ? 'behind an IOMMU' : 'without an IOMMU';

    it(`tells the client which transaction failed, ${where}; the others go on`, () =>
      onMachine({ iommu }, async (kernel) => {
        const chan = copyChannel(kernel);
        const [source, target] = [dmaMemory(chan, 3 * PAGE), dmaMemory(chan, 3 * PAGE)];
        source.fill(1);
        target.fill(2);
        const all = [
          submitCopy(chan, target.dma, source.dma, PAGE),
          submitCopy(chan, NOWHERE, source.dma, PAGE),
          submitCopy(chan, target.dma + BigInt(2 * PAGE), source.dma + BigInt(2 * PAGE), PAGE),
        ];
        dma_async_issue_pending(chan);
        expect(await finished(all[2]!)).to.equal(true);
        expect(all.map(({ results }) => results)).to.deep.equal([
          [{ result: DMA_TRANS_NOERROR, residue: 0 }],
          [{ result: DMA_TRANS_WRITE_FAILED, residue: PAGE }],
          [{ result: DMA_TRANS_NOERROR, residue: 0 }],
        ]);
        const wanted = patternBytes(2, 0, 3 * PAGE);
        wanted.set(patternBytes(1, 0, PAGE), 0);
        wanted.set(patternBytes(1, 2 * PAGE, PAGE), 2 * PAGE);
        expect(Buffer.compare(target.bytes(), wanted)).to.equal(0);
        const state = dma_tx_state();
        for (const { cookie } of all) expect(dmaengine_tx_status(chan, cookie, state)).to.equal(DMA_COMPLETE);
        expect(kernel.iommu.faults.map(({ iova, write }) => ({ iova, write }))).to.deep.equal(
          iommu ? [{ iova: NOWHERE, write: true }] : [],
        );
      }));

    it(`tells a failed read from a failed write, and how many bytes are left, ${where}`, () =>
      onMachine({ iommu, dmac: { blockSize: 64 } }, async (kernel) => {
        const chan = copyChannel(kernel);
        const memory = dmaMemory(chan, PAGE);
        const read = submitCopy(chan, memory.dma, NOWHERE & ~0xfffn, 1000);
        const write = submitCopy(chan, NOWHERE & ~0xfffn, memory.dma, 1000);
        dma_async_issue_pending(chan);
        expect(await finished(write)).to.equal(true);
        expect(read.results).to.deep.equal([{ result: DMA_TRANS_READ_FAILED, residue: 1000 }]);
        expect(write.results).to.deep.equal([{ result: DMA_TRANS_WRITE_FAILED, residue: 1000 }]);
      }));
  }

  it('counts the blocks before the one that failed as done', () =>
    onMachine({ iommu: false, dmac: { blockSize: 64 } }, async (kernel) => {
      const chan = copyChannel(kernel);
      const ram = kernel.mm.memblock.memory.at(-1)!;
      const end = BigInt(ram.base + ram.size);
      const memory = dmaMemory(chan, PAGE);
      const submitted = submitCopy(chan, memory.dma, end - 1024n, 2048);
      dma_async_issue_pending(chan);
      expect(await finished(submitted)).to.equal(true);
      expect(submitted.results).to.deep.equal([{ result: DMA_TRANS_READ_FAILED, residue: 1024 }]);
    }));

  it('survives addresses of any 64 bits', () =>
    onMachine({}, async (kernel) => {
      const chan = copyChannel(kernel);
      const memory = dmaMemory(chan, PAGE);
      for (const address of [0n, 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n - 4096n, 2n ** 52n, 0xffff_ffffn]) {
        const all = [
          submitCopy(chan, address, memory.dma, PAGE),
          submitCopy(chan, memory.dma, address, PAGE),
          submitCopy(chan, memory.dma, memory.dma, 8),
        ];
        dma_async_issue_pending(chan);
        expect(await finished(all[2]!), String(address)).to.equal(true);
        expect(all.map(({ results }) => results[0]!.result === DMA_TRANS_NOERROR)).to.deep.equal([false, false, true]);
      }
    }));

  for (const [what, offset, low, high] of [
    ['an item that is not valid', 0x24, 0, undefined],
    ['a link to nowhere', 0x18, 0x7000_0000, 7],
    ['a link to an address that no bus has', 0x18, 0xffff_ffc0, 0xffff_ffff],
    ['an item with a reserved width', 0x20, 7 << 8, undefined],
  ] as const) {
    it(`ends a transaction whose list has ${what}`, () =>
      onMachine({ dmac: { blockSize: 64 } }, async (kernel) => {
        const chan = copyChannel(kernel);
        const [source, target] = [dmaMemory(chan, PAGE), dmaMemory(chan, PAGE)];
        source.fill(1);
        const spoilt = submitCopy(chan, target.dma, source.dma, PAGE);
        const item = itemsOf(spoilt.desc)[2]!;
        if (high === undefined) kernel.mm.store32(virtAddr(item.lli + offset), low);
        else kernel.mm.store64(virtAddr(item.lli + offset), low, high);
        const good = submitCopy(chan, target.dma, source.dma, PAGE);
        dma_async_issue_pending(chan);
        expect(await finished(good)).to.equal(true);
        expect(spoilt.results[0]!.result).not.to.equal(DMA_TRANS_NOERROR);
        expect(spoilt.results[0]!.residue).to.be.within(PAGE - 3 * 512, PAGE - 2 * 512);
        expect(good.results).to.deep.equal([{ result: DMA_TRANS_NOERROR, residue: 0 }]);
        expect(Buffer.compare(target.bytes(), patternBytes(1, 0, PAGE))).to.equal(0);
      }));
  }

  it('gives up waiting for a list that never ends; terminating it stops the controller', () =>
    onMachine({ dmac: { blockSize: 64, lliWriteBack: false } }, async (kernel) => {
      const chan = copyChannel(kernel);
      const [source, target] = [dmaMemory(chan, PAGE), dmaMemory(chan, PAGE)];
      const endless = submitCopy(chan, target.dma, source.dma, PAGE);
      const [first, second] = itemsOf(endless.desc);
      const to = (endless.desc as unknown as { items: { llp: bigint }[] }).items[0]!.llp;
      expect(first).not.to.equal(second);
      kernel.mm.store64(virtAddr(second!.lli + 0x18), Number(to & 0xffff_ffffn), Number(to >> 32n));
      dma_async_issue_pending(chan);
      expect(await finished(endless)).to.equal(false);
      expect(chan.device.device_terminate_all!(chan)).to.equal(0);
      const good = submitCopy(chan, target.dma, source.dma, PAGE);
      dma_async_issue_pending(chan);
      expect(await finished(good)).to.equal(true);
    }));

  it('forgets the error of a reusable transaction when it is submitted again', () =>
    onMachine({ iommu: false }, async (kernel, machine) => {
      const chan = copyChannel(kernel);
      const [source, target] = [dmaMemory(chan, PAGE), dmaMemory(chan, PAGE)];
      const { bus } = machine.hardware;
      source.fill(1);
      bus.mark(Number(source.dma), PAGE, 'poisoned');
      const first = submitCopy(chan, target.dma, source.dma, PAGE, FLAGS | DMA_CTRL_REUSE);
      dma_async_issue_pending(chan);
      expect(await finished(first)).to.equal(true);
      expect(first.results).to.deep.equal([{ result: DMA_TRANS_READ_FAILED, residue: PAGE }]);
      bus.unmark(Number(source.dma), PAGE);
      const second = submit(first.desc);
      dma_async_issue_pending(chan);
      expect(await finished(second)).to.equal(true);
      expect(second.results).to.deep.equal([{ result: DMA_TRANS_NOERROR, residue: 0 }]);
      expect(Buffer.compare(target.bytes(), patternBytes(1, 0, PAGE))).to.equal(0);
    }));
});
