import { expect } from 'chai';

import { patternBytes as fifoPattern } from '../../../../devices/stream-fifo';
import { platform_get_drvdata, to_platform_device } from '../../../../kernel-api/base/platform';
import {
  dma_async_issue_pending,
  dmaengine_pause,
  dmaengine_prep_dma_cyclic,
  dmaengine_resume,
  dmaengine_submit,
  dmaengine_terminate_async,
  dmaengine_terminate_sync,
  dmaengine_tx_status,
} from '../../../../kernel-api/dmaengine/client';
import {
  DMA_CTRL_REUSE,
  DMA_DEV_TO_MEM,
  DMA_IN_PROGRESS,
  DMA_MEM_TO_MEM,
  DMA_PAUSED,
  dma_tx_state,
  type DmaChan,
} from '../../../../kernel-api/dmaengine/types';
import type { StreamFifoPort } from '../../../../kernel-api/drivers/stream-fifo/stream-fifo';
import type { Kernel } from '../../../../kernel-api/kernel';
import {
  local_bh_disable,
  local_bh_enable,
  local_irq_disable,
  local_irq_enable,
} from '../../../../kernel-api/sched/atomic';
import { udelay, usleep_range } from '../../../../kernel-api/sched/delay';
import { FLAGS, dmaMemory, type DmaMemory } from '../../../support/dma-channel';
import { onMachine } from '../../../support/on-machine';

const PERIOD = 256;
const RING = 1024;
const MACHINE = { timeLimit: 100, fifo: { sourceNs: 40 } } as const;

interface Ring {
  readonly port: StreamFifoPort;
  readonly chan: DmaChan;
  readonly memory: DmaMemory;
  readonly cookie: number;
  /** How many period callbacks there were. */
  readonly periods: () => number;
  readonly residue: () => number;
}

const startRing = (kernel: Kernel, length = RING, period = PERIOD): Ring => {
  const device = kernel.drivers.devices.find(({ driver }) => driver?.name === 'stream-fifo')!;
  const port = platform_get_drvdata<StreamFifoPort>(to_platform_device(device));
  const chan = port.rx;
  const memory = dmaMemory(chan, length);
  memory.fill(77);
  port.start(6);
  let periods = 0;
  const desc = dmaengine_prep_dma_cyclic(chan, memory.dma, length, period, DMA_DEV_TO_MEM, FLAGS)!;
  desc.callback = () => periods++;
  const cookie = dmaengine_submit(desc);
  dma_async_issue_pending(chan);
  const residue = (): number => {
    const state = dma_tx_state();
    expect(dmaengine_tx_status(chan, cookie, state)).to.be.oneOf([DMA_IN_PROGRESS, DMA_PAUSED]);
    return state.residue;
  };
  return { port, chan, memory, cookie, periods: () => periods, residue };
};

/** The stream that ends at the newest byte of the ring, given how many bytes there were. */
const expectRing = (memory: DmaMemory, received: number, length: number): void => {
  const stream = fifoPattern(6, 0, received / 4, 4);
  const ring = memory.bytes();
  for (let back = 1; back <= Math.min(length, received); back++) {
    const at = received - back;
    if (ring[at % length] !== stream[at]) throw new Error(`byte ${at} of the stream is wrong in the ring`);
  }
};

describe('dw-axi-dmac: cyclic transfers', () => {
  // A period must take longer than its interrupt, or the CPU does nothing else any more.
  for (const [length, period, blockSize, sourceNs] of [
    [1024, 256, 65536, 40],
    [1024, 256, 16, 40],
    [1024, 1024, 65536, 40],
    [4, 4, 65536, 3000],
    [256, 4, 65536, 3000],
    [48, 12, 65536, 1000],
  ] as const) {
    it(`goes round a ring of ${length} bytes in periods of ${period}, blocks of up to ${blockSize} items`, () =>
      onMachine({ ...MACHINE, fifo: { sourceNs }, dmac: { blockSize } }, async (kernel) => {
        const { chan, memory, periods, residue } = startRing(kernel, length, period);
        await usleep_range(kernel, 1000, 1000);
        const left = residue();
        expect(dmaengine_terminate_sync(chan)).to.equal(0);
        const count = periods();
        const mostBytes = (1e6 / sourceNs) * 4 + 64;
        expect(count).to.be.within((mostBytes / period) * 0.6 - 1, mostBytes / period + 1);
        expect(left).to.be.within(0, length);
        memory.fill(77);
        await usleep_range(kernel, 1000, 1000);
        expect(periods(), 'callbacks after the end').to.equal(count);
      }));
  }

  it('loses no byte, and tells where it is at every moment', () =>
    onMachine(MACHINE, async (kernel) => {
      const { chan, memory, residue, periods } = startRing(kernel);
      let turns = 0;
      let last = RING;
      for (let moment = 0; moment < 400; moment++) {
        udelay(kernel, 1);
        const left = residue();
        if (left > last) turns++;
        expect(left).to.be.within(0, RING);
        last = left;
      }
      expect(dmaengine_pause(chan)).to.equal(0);
      const left = residue();
      if (left > last) turns++;
      const received = turns * RING + RING - left;
      expect(received).to.be.greaterThan(3 * RING);
      expect(received % 4).to.equal(0);
      expectRing(memory, received, RING);
      expect(periods()).to.equal(Math.floor(received / PERIOD));
      expect(dmaengine_resume(chan)).to.equal(0);
      await usleep_range(kernel, 1000, 1000);
      expect(periods()).to.be.greaterThan(Math.floor(received / PERIOD) + 20);
      dmaengine_terminate_sync(chan);
    }));

  it('tells the place in the ring while interrupts are off and items are not handed back', () =>
    onMachine(MACHINE, (kernel) => {
      const { residue } = startRing(kernel);
      const seen: number[] = [];
      local_irq_disable(kernel);
      for (let moment = 0; moment < 12; moment++) {
        udelay(kernel, 1);
        seen.push(residue());
      }
      local_irq_enable(kernel);
      // 4 bytes in 40 ns and more: the ring takes a little more than 10 µs.
      expect(seen).to.deep.equal(seen.toSorted((a, b) => b - a));
      expect(seen.at(-1)).to.be.lessThan(PERIOD);
    }));

  it('goes on after the controller has lapped the driver', () =>
    onMachine(MACHINE, async (kernel) => {
      const { chan, memory, residue, periods } = startRing(kernel);
      local_irq_disable(kernel);
      udelay(kernel, 30);
      expect(residue(), 'held at the first item').to.equal(0);
      local_irq_enable(kernel);
      expect(periods()).to.equal(1);
      await usleep_range(kernel, 1000, 1000);
      expect(periods()).to.be.greaterThan(50);
      expect(dmaengine_pause(chan)).to.equal(0);
      const left = residue();
      const ring = memory.bytes();
      const at = (RING - left) % RING;
      expect(at % 4).to.equal(0);
      // The peripheral waits while the controller does, so the stream has no gap: the ring holds its last 1024 bytes.
      const stream = fifoPattern(6, 0, 60_000, 4);
      const unrolled = Buffer.concat([ring.subarray(at), ring.subarray(0, at)]);
      expect(Buffer.from(stream.buffer, stream.byteOffset, stream.length).indexOf(unrolled)).to.be.greaterThan(0);
    }));

  it('calls back once for periods that ended together', () =>
    onMachine(MACHINE, (kernel) => {
      const { periods } = startRing(kernel);
      local_irq_disable(kernel);
      udelay(kernel, 8);
      local_irq_enable(kernel);
      expect(periods()).to.equal(1);
    }));

  it('may be terminated in its own callback', () =>
    onMachine(MACHINE, async (kernel) => {
      const { port, chan, memory } = startRing(kernel);
      dmaengine_terminate_sync(chan);
      let calls = 0;
      const desc = dmaengine_prep_dma_cyclic(chan, memory.dma, RING, PERIOD, DMA_DEV_TO_MEM, FLAGS)!;
      desc.callback = () => {
        calls++;
        expect(dmaengine_terminate_async(chan)).to.equal(0);
      };
      port.start(6);
      dmaengine_submit(desc);
      dma_async_issue_pending(chan);
      await usleep_range(kernel, 1000, 1000);
      expect(calls).to.equal(1);
      const before = memory.bytes();
      await usleep_range(kernel, 1000, 1000);
      expect(Buffer.compare(memory.bytes(), before)).to.equal(0);
    }));

  it('has no callback pending once terminate_sync has returned', () =>
    onMachine(MACHINE, async (kernel) => {
      const { chan, periods } = startRing(kernel);
      local_irq_disable(kernel);
      udelay(kernel, 4);
      expect(dmaengine_terminate_sync(chan)).to.equal(0);
      const count = periods();
      local_irq_enable(kernel);
      await usleep_range(kernel, 1000, 1000);
      expect(periods()).to.equal(count);
    }));

  it('drops a period that ended but was not reported when the transfer is terminated', () =>
    onMachine(MACHINE, async (kernel) => {
      const { chan, periods } = startRing(kernel);
      local_bh_disable(kernel);
      udelay(kernel, 4);
      const count = periods();
      expect(dmaengine_terminate_async(chan)).to.equal(0);
      local_bh_enable(kernel);
      await usleep_range(kernel, 1000, 1000);
      expect(periods()).to.equal(count);
    }));

  it('starts anew with a reusable transaction', () =>
    onMachine(MACHINE, async (kernel) => {
      const { port, chan, memory } = startRing(kernel);
      dmaengine_terminate_sync(chan);
      const desc = dmaengine_prep_dma_cyclic(chan, memory.dma, RING, PERIOD, DMA_DEV_TO_MEM, FLAGS | DMA_CTRL_REUSE)!;
      let calls = 0;
      desc.callback = () => calls++;
      for (const wait of [3, 7, 9]) {
        memory.fill(77);
        port.start(6);
        calls = 0;
        dmaengine_submit(desc);
        dma_async_issue_pending(chan);
        udelay(kernel, wait);
        await usleep_range(kernel, 1000, 1000);
        expect(calls).to.be.greaterThan(50);
        expect(dmaengine_terminate_sync(chan)).to.equal(0);
      }
    }));

  it('refuses rings that make no sense', () =>
    onMachine(MACHINE, (kernel) => {
      const { chan, memory } = startRing(kernel);
      const prepare = (length: number, period: number, direction = DMA_DEV_TO_MEM as 0 | 1 | 2): unknown =>
        dmaengine_prep_dma_cyclic(chan, memory.dma, length, period, direction, FLAGS);
      for (const [length, period] of [
        [0, 0],
        [0, 4],
        [1024, 0],
        [1024, -4],
        [-1024, 4],
        [1024, 300],
        [1024, 2048],
        [1023, 1023],
        [NaN, 4],
        [1024, NaN],
        [2 ** 52, 4],
        [Infinity, 4],
      ] as const) {
        expect(prepare(length, period), `${length} in periods of ${period}`).to.equal(null);
      }
      expect(prepare(1024, 256, DMA_MEM_TO_MEM)).to.equal(null);
      expect(prepare(1024, 256)).not.to.equal(null);
    }));
});
