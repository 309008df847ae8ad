import { expect } from 'chai';

import {
  dma_async_issue_pending,
  dmaengine_pause,
  dmaengine_resume,
  dmaengine_synchronize,
  dmaengine_terminate_async,
  dmaengine_terminate_sync,
  dmaengine_tx_status,
} from '../../../../kernel-api/dmaengine/client';
import { dma_release_channel } from '../../../../kernel-api/dmaengine/dmaengine';
import {
  DMA_COMPLETE,
  DMA_IN_PROGRESS,
  DMA_PAUSED,
  dma_tx_state,
  type DmaChan,
  type DmaStatus,
} from '../../../../kernel-api/dmaengine/types';
import type { Kernel } from '../../../../kernel-api/kernel';
import { local_irq_disable, local_irq_enable } from '../../../../kernel-api/sched/atomic';
import { msleep, udelay } from '../../../../kernel-api/sched/delay';
import { firstDifference, patternBytes } from '../../../../lab/pattern';
import { copyChannel, dmaMemory, finished, submitCopy, type DmaMemory } from '../../../support/dma-channel';
import { onMachine } from '../../../support/on-machine';

/** At 4 bytes in a nanosecond and 50 ns for each 4 KiB, a copy takes some 70 µs. */
const SIZE = 256 * 1024;

const rig = (kernel: Kernel): { chan: DmaChan; source: DmaMemory; target: DmaMemory } => {
  const chan = copyChannel(kernel);
  const [source, target] = [dmaMemory(chan, SIZE), dmaMemory(chan, SIZE)];
  source.fill(1);
  target.fill(2);
  return { chan, source, target };
};

const statusOf = (chan: DmaChan, cookie: number): { status: DmaStatus; residue: number } => {
  const state = dma_tx_state();
  const status = dmaengine_tx_status(chan, cookie, state);
  return { status, residue: state.residue };
};

/** How many bytes have arrived. */
const arrived = (target: DmaMemory): number => firstDifference(target.bytes(), patternBytes(1, 0, SIZE));

describe('dw-axi-dmac: control', () => {
  it('tells a residue of all bytes while queued, falling ones while running, none when done', () =>
    onMachine({ dmac: { blockSize: 4096 } }, async (kernel) => {
      const { chan, source, target } = rig(kernel);
      const first = submitCopy(chan, target.dma, source.dma, SIZE);
      const second = submitCopy(chan, target.dma, source.dma, SIZE);
      const third = submitCopy(chan, target.dma, source.dma, 512);
      expect(statusOf(chan, first.cookie), 'submitted').to.deep.equal({ status: DMA_IN_PROGRESS, residue: SIZE });
      dma_async_issue_pending(chan);
      let last = SIZE;
      const steps = new Set<number>();
      while (first.results.length === 0) {
        const { status, residue } = statusOf(chan, first.cookie);
        if (status === DMA_COMPLETE) break;
        expect(status).to.equal(DMA_IN_PROGRESS);
        expect(residue).to.be.within(0, last);
        // The bytes of a step have moved when it begins, and count when it is over.
        expect(SIZE - residue).to.be.at.most(arrived(target) < 0 ? SIZE : arrived(target));
        last = residue;
        steps.add(residue);
        udelay(kernel, 1);
      }
      expect(steps.size).to.be.greaterThan(30);
      expect(statusOf(chan, first.cookie)).to.deep.equal({ status: DMA_COMPLETE, residue: 0 });
      expect(statusOf(chan, third.cookie), 'queued').to.deep.equal({ status: DMA_IN_PROGRESS, residue: 512 });
      expect(dmaengine_tx_status(chan, second.cookie, null)).to.equal(DMA_IN_PROGRESS);
      expect(await finished(third)).to.equal(true);
      expect(statusOf(chan, third.cookie)).to.deep.equal({ status: DMA_COMPLETE, residue: 0 });
    }));

  it('tells the full residue right after the start, whatever the channel did before', () =>
    onMachine({}, async (kernel) => {
      const { chan, source, target } = rig(kernel);
      for (const length of [SIZE, 4096, SIZE]) {
        const submitted = submitCopy(chan, target.dma, source.dma, length);
        dma_async_issue_pending(chan);
        expect(statusOf(chan, submitted.cookie).residue, `${length}`).to.be.within(length - 4096, length);
        expect(await finished(submitted)).to.equal(true);
      }
    }));

  it('holds a paused transfer where it is, and finishes it after resume', () =>
    onMachine({}, async (kernel) => {
      const { chan, source, target } = rig(kernel);
      const submitted = submitCopy(chan, target.dma, source.dma, SIZE);
      dma_async_issue_pending(chan);
      udelay(kernel, 20);
      expect(dmaengine_pause(chan)).to.equal(0);
      const paused = statusOf(chan, submitted.cookie);
      expect(paused.status).to.equal(DMA_PAUSED);
      expect(paused.residue).to.be.within(1, SIZE - 1);
      expect(arrived(target)).to.equal(SIZE - paused.residue);
      await msleep(kernel, 5);
      expect(statusOf(chan, submitted.cookie)).to.deep.equal(paused);
      expect(arrived(target)).to.equal(SIZE - paused.residue);
      expect(dmaengine_resume(chan)).to.equal(0);
      expect(await finished(submitted)).to.equal(true);
      expect(arrived(target)).to.equal(-1);
      expect(statusOf(chan, submitted.cookie)).to.deep.equal({ status: DMA_COMPLETE, residue: 0 });
    }));

  it('pauses at any moment, again and again, without harm', () =>
    onMachine({}, async (kernel) => {
      const { chan, source, target } = rig(kernel);
      const submitted = submitCopy(chan, target.dma, source.dma, SIZE);
      const behind = submitCopy(chan, target.dma, source.dma, 64);
      dma_async_issue_pending(chan);
      let pauses = 0;
      while (submitted.results.length === 0) {
        udelay(kernel, 3);
        if (dmaengine_pause(chan) === 0) pauses++;
        expect(dmaengine_resume(chan)).to.equal(0);
      }
      expect(pauses).to.be.greaterThan(5);
      expect(await finished(behind)).to.equal(true);
      expect(arrived(target)).to.equal(-1);
    }));

  it('cannot pause a channel that does nothing, and resumes it without effect', () =>
    onMachine({}, async (kernel) => {
      const { chan, source, target } = rig(kernel);
      expect(dmaengine_pause(chan)).to.equal(-11);
      expect(dmaengine_resume(chan)).to.equal(0);
      const submitted = submitCopy(chan, target.dma, source.dma, SIZE);
      dma_async_issue_pending(chan);
      expect(await finished(submitted)).to.equal(true);
    }));

  it('drops everything when terminated: no byte moves and nobody is called back', () =>
    onMachine({ iommu: false }, async (kernel) => {
      const { chan, source, target } = rig(kernel);
      const prepared = submitCopy(chan, target.dma, source.dma, 64);
      const all = [1, 2, 3].map(() => submitCopy(chan, target.dma, source.dma, SIZE));
      dma_async_issue_pending(chan);
      const notIssued = submitCopy(chan, target.dma, source.dma, SIZE);
      udelay(kernel, 30);
      expect(dmaengine_terminate_sync(chan)).to.equal(0);
      const before = target.bytes();
      expect(arrived(target)).to.be.within(1, SIZE - 1);
      await msleep(kernel, 10);
      expect(Buffer.compare(target.bytes(), before)).to.equal(0);
      expect(prepared.results).to.have.length(1);
      for (const { results } of [...all, notIssued]) expect(results).to.have.length(0);
      dma_async_issue_pending(chan);
      const next = submitCopy(chan, target.dma, source.dma, SIZE);
      dma_async_issue_pending(chan);
      expect(await finished(next)).to.equal(true);
      expect(arrived(target)).to.equal(-1);
    }));

  it('terminates a paused channel, which then works again', () =>
    onMachine({}, async (kernel) => {
      const { chan, source, target } = rig(kernel);
      submitCopy(chan, target.dma, source.dma, SIZE);
      dma_async_issue_pending(chan);
      udelay(kernel, 20);
      expect(dmaengine_pause(chan)).to.equal(0);
      expect(dmaengine_terminate_sync(chan)).to.equal(0);
      const next = submitCopy(chan, target.dma, source.dma, SIZE);
      expect(statusOf(chan, next.cookie).status).to.equal(DMA_IN_PROGRESS);
      dma_async_issue_pending(chan);
      expect(await finished(next)).to.equal(true);
    }));

  it('terminates from a callback; what was queued behind is dropped', () =>
    onMachine({}, async (kernel) => {
      const { chan, source, target } = rig(kernel);
      const first = submitCopy(chan, target.dma, source.dma, 64);
      const second = submitCopy(chan, target.dma, source.dma, SIZE);
      first.desc.callback_result = () => expect(dmaengine_terminate_async(chan)).to.equal(0);
      dma_async_issue_pending(chan);
      await msleep(kernel, 10);
      expect(second.results).to.have.length(0);
      expect(arrived(target)).to.be.within(64, SIZE - 1);
      dmaengine_synchronize(chan);
      const next = submitCopy(chan, target.dma, source.dma, SIZE);
      dma_async_issue_pending(chan);
      expect(await finished(next)).to.equal(true);
    }));

  it('warns of terminate_sync in a callback, and survives it', () =>
    onMachine({}, async (kernel) => {
      const { chan, source, target } = rig(kernel);
      const first = submitCopy(chan, target.dma, source.dma, 64);
      first.desc.callback_result = () => dmaengine_terminate_sync(chan);
      const { warnings } = kernel;
      dma_async_issue_pending(chan);
      await msleep(kernel, 10);
      expect(kernel.warnings - warnings).to.equal(2);
      const next = submitCopy(chan, target.dma, source.dma, SIZE);
      dma_async_issue_pending(chan);
      expect(await finished(next)).to.equal(true);
    }));

  it('has made or dropped a pending callback when terminate_sync returns, but never makes it later', () =>
    onMachine({}, async (kernel) => {
      const { chan, source, target } = rig(kernel);
      const submitted = submitCopy(chan, target.dma, source.dma, 64);
      local_irq_disable(kernel);
      dma_async_issue_pending(chan);
      udelay(kernel, 10);
      local_irq_enable(kernel);
      expect(submitted.results, 'the interrupt came at once').to.have.length(1);
      const other = submitCopy(chan, target.dma, source.dma, 64);
      local_irq_disable(kernel);
      dma_async_issue_pending(chan);
      udelay(kernel, 10);
      expect(dmaengine_terminate_async(chan)).to.equal(0);
      local_irq_enable(kernel);
      dmaengine_synchronize(chan);
      await msleep(kernel, 10);
      expect(other.results).to.have.length(0);
    }));

  it('gives everything back when released in the middle of a transfer', () =>
    onMachine({ iommu: false }, async (kernel) => {
      const before = kernel.mm.statistics();
      const { chan, source, target } = rig(kernel);
      for (let i = 0; i < 5; i++) submitCopy(chan, target.dma, source.dma, SIZE);
      dma_async_issue_pending(chan);
      submitCopy(chan, target.dma, source.dma, SIZE);
      udelay(kernel, 20);
      dma_release_channel(chan);
      const stopped = target.bytes();
      await msleep(kernel, 10);
      expect(Buffer.compare(target.bytes(), stopped)).to.equal(0);
      source.free();
      target.free();
      expect(kernel.mm.statistics()).to.deep.equal(before);
      expect(kernel.warnings).to.equal(0);
    }));

  it('serves all channels at once, each with its own bytes', () =>
    onMachine({ fifo: false }, async (kernel) => {
      const channels = Array.from({ length: 8 }, () => copyChannel(kernel));
      const jobs = channels.map((chan, index) => {
        const [source, target] = [dmaMemory(chan, 8192), dmaMemory(chan, 8192)];
        source.fill(10 + index);
        return { target, submitted: submitCopy(chan, target.dma, source.dma, 8192 - index), index };
      });
      for (const chan of channels) dma_async_issue_pending(chan);
      for (const { target, submitted, index } of jobs) {
        expect(await finished(submitted)).to.equal(true);
        const length = 8192 - index;
        expect(Buffer.compare(target.bytes(0, length), patternBytes(10 + index, 0, length))).to.equal(0);
      }
    }));

  for (const interrupts of ['combined', 'per-channel'] as const) {
    it(`is interrupted over ${interrupts} wires`, () =>
      onMachine({ dmac: { interrupts, channels: 4 } }, async (kernel) => {
        copyChannel(kernel);
        const { chan, source, target } = rig(kernel);
        const submitted = submitCopy(chan, target.dma, source.dma, SIZE);
        dma_async_issue_pending(chan);
        expect(await finished(submitted)).to.equal(true);
      }));
  }
});
