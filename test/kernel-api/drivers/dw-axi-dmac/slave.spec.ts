import { expect } from 'chai';

import { virtAddr } from '../../../../base/address';
import { StreamFifo, patternBytes as fifoPattern } from '../../../../devices/stream-fifo';
import { platform_get_drvdata, to_platform_device } from '../../../../kernel-api/base/platform';
import { DMA_TO_DEVICE } from '../../../../kernel-api/dma/direction';
import { dma_map_sgtable, dma_unmap_sgtable } from '../../../../kernel-api/dma/mapping';
import {
  dmaengine_prep_dma_cyclic,
  dmaengine_prep_slave_sg,
  dmaengine_slave_config,
  dmaengine_terminate_sync,
} from '../../../../kernel-api/dmaengine/client';
import { dma_release_channel } from '../../../../kernel-api/dmaengine/dmaengine';
import {
  DMA_DEV_TO_MEM,
  DMA_MEM_TO_DEV,
  DMA_MEM_TO_MEM,
  type DmaSlaveConfig,
} from '../../../../kernel-api/dmaengine/types';
import type { StreamFifoPort } from '../../../../kernel-api/drivers/stream-fifo/stream-fifo';
import { GFP_KERNEL } from '../../../../kernel-api/gfp';
import type { Kernel } from '../../../../kernel-api/kernel';
import { kfree, kmalloc } from '../../../../kernel-api/mm/kmalloc';
import {
  SgTable,
  for_each_sgtable_sg,
  sg_alloc_table,
  sg_free_table,
} from '../../../../kernel-api/scatterlist/sg-table';
import { sg_set_buf } from '../../../../kernel-api/scatterlist/scatterlist';
import { patternBytes } from '../../../../lab/pattern';
import type { Machine } from '../../../../lab/machine';
import { FLAGS, copyChannel, dmaMemory } from '../../../support/dma-channel';
import { onMachine } from '../../../support/on-machine';

const portOf = (kernel: Kernel): StreamFifoPort => {
  const device = kernel.drivers.devices.find(({ driver }) => driver?.name === 'stream-fifo')!;
  return platform_get_drvdata<StreamFifoPort>(to_platform_device(device));
};

const fifoOf = (machine: Machine): StreamFifo => machine.hardware.device('fifo', StreamFifo);

/** A list over one buffer, cut into pieces that begin `skew` bytes into it. */
const listOf = (
  kernel: Kernel,
  lengths: readonly number[],
  skew = 0,
): { sgt: SgTable; bytes: () => Uint8Array; fill: (seed: number) => void; free: () => void } => {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const memory = kmalloc(kernel, total + skew + 64, GFP_KERNEL);
  const buffer = virtAddr(memory + skew);
  const sgt = new SgTable(kernel);
  expect(sg_alloc_table(sgt, lengths.length, GFP_KERNEL)).to.equal(0);
  let at = 0;
  let index = 0;
  for (const sg of for_each_sgtable_sg(sgt)) {
    sg_set_buf(sg, virtAddr(buffer + at), lengths[index]!);
    at += lengths[index++]!;
  }
  return {
    sgt,
    bytes: () => kernel.mm.read(buffer, total),
    fill: (seed) => kernel.mm.write(buffer, patternBytes(seed, 0, total)),
    free: () => {
      sg_free_table(sgt);
      kfree(kernel, memory);
    },
  };
};

describe('dw-axi-dmac: slave transfers', () => {
  for (const iommu of [true, false]) {
    for (const width of [1, 2, 4, 8] as const) {
      it(`moves items of ${width} bytes both ways, ${iommu ? 'behind' : 'without'} an IOMMU`, () =>
        onMachine(
          { iommu, fifo: { width, sinkNs: 5, sourceNs: 5 }, dmac: { blockSize: 24 } },
          async (kernel, machine) => {
            const port = portOf(kernel);
            for (const skew of [0, 1, width, 4, 8]) {
              const lengths = [width, 3 * width, 24, 4096, 200 * width].map((each) => Math.ceil(each / width) * width);
              const total = lengths.reduce((sum, length) => sum + length, 0);
              const list = listOf(kernel, lengths, skew);
              list.fill(3);
              port.start(9);
              expect(await port.transmit(list.sgt), `transmit, skew ${skew}`).to.equal(0);
              const received = fifoOf(machine).received().slice(0, total);
              expect(Buffer.compare(received, patternBytes(3, 0, total)), `sent, skew ${skew}`).to.equal(0);
              port.start(9);
              expect(await port.receive(list.sgt), `receive, skew ${skew}`).to.equal(0);
              const items = total / width;
              expect(Buffer.compare(list.bytes(), fifoPattern(9, 0, items, width)), `got, skew ${skew}`).to.equal(0);
              list.free();
            }
          },
        ));
    }
  }

  it('refuses entries that are no whole number of items, in both directions', () =>
    onMachine({ iommu: false }, (kernel) => {
      const { tx, rx } = portOf(kernel);
      for (const lengths of [[1], [2], [3], [4, 6], [6, 4], [4, 4, 5]]) {
        const list = listOf(kernel, lengths);
        expect(dma_map_sgtable(tx.device.dev, list.sgt, DMA_TO_DEVICE, 0)).to.equal(0);
        expect(dmaengine_prep_slave_sg(tx, list.sgt.sgl!, list.sgt.nents, DMA_MEM_TO_DEV, FLAGS)).to.equal(null);
        expect(dmaengine_prep_slave_sg(rx, list.sgt.sgl!, list.sgt.nents, DMA_DEV_TO_MEM, FLAGS)).to.equal(null);
        dma_unmap_sgtable(tx.device.dev, list.sgt, DMA_TO_DEVICE, 0);
        list.free();
      }
    }));

  it('refuses a peripheral that is not configured, or whose width it does not have', () =>
    onMachine({ dmac: { dataWidth: 3 } }, (kernel) => {
      const chan = copyChannel(kernel);
      const list = listOf(kernel, [64]);
      expect(dma_map_sgtable(chan.device.dev, list.sgt, DMA_TO_DEVICE, 0)).to.equal(0);
      const prepare = (config: DmaSlaveConfig): unknown => {
        expect(dmaengine_slave_config(chan, config)).to.equal(0);
        return dmaengine_prep_slave_sg(chan, list.sgt.sgl!, list.sgt.nents, DMA_MEM_TO_DEV, FLAGS);
      };
      expect(dmaengine_prep_slave_sg(chan, list.sgt.sgl!, 1, DMA_MEM_TO_DEV, FLAGS), 'never configured').to.equal(null);
      for (const dst_addr_width of [0, 0.5, 3, -1, 16, 64, NaN, Infinity]) {
        expect(prepare({ dst_addr: 0x1001_0080, dst_addr_width }), `width ${dst_addr_width}`).to.equal(null);
      }
      expect(prepare({ dst_addr: 0x1001_0080 }), 'no width').to.equal(null);
      expect(prepare({ dst_addr_width: 4 }), 'no address').to.equal(null);
      expect(prepare({ src_addr: 0x1001_0080, src_addr_width: 4 }), 'the other end').to.equal(null);
      expect(prepare({ dst_addr: 0x1001_0080, dst_addr_width: 4 }), 'as it should be').not.to.equal(null);
      expect(dmaengine_prep_slave_sg(chan, list.sgt.sgl!, 0, DMA_MEM_TO_DEV, FLAGS), 'no entries').to.equal(null);
      expect(
        dmaengine_prep_slave_sg(chan, list.sgt.sgl!, 1, DMA_MEM_TO_MEM, FLAGS),
        'a direction without one',
      ).to.equal(null);
      expect(dmaengine_terminate_sync(chan)).to.equal(0);
    }));

  it('keeps the peripheral mapped for what is queued when the channel is configured anew', () =>
    onMachine({}, async (kernel, machine) => {
      const port = portOf(kernel);
      const list = listOf(kernel, [256]);
      list.fill(5);
      port.start(1);
      const sent = port.transmit(list.sgt);
      dmaengine_slave_config(port.tx, { dst_addr: 0x1002_0000, dst_addr_width: 4 });
      const memory = dmaMemory(port.tx, 4096);
      const other = dmaengine_prep_dma_cyclic(port.tx, memory.dma, 256, 64, DMA_MEM_TO_DEV, FLAGS);
      expect(other).not.to.equal(null);
      expect(await sent).to.equal(0);
      expect(Buffer.compare(fifoOf(machine).received().slice(0, 256), patternBytes(5, 0, 256))).to.equal(0);
      expect(kernel.iommu.faults).to.have.length(0);
    }));

  it('takes the peripheral out of the IOMMU when the channel is released', () =>
    onMachine({}, (kernel, machine) => {
      const events: string[] = [];
      machine.trace.subscribe(({ event }) => {
        if ((event.type === 'dma-map' || event.type === 'dma-unmap') && event.what === 'resource') {
          events.push(`${event.type} ${event.address}`);
        }
      });
      const chan = copyChannel(kernel);
      const memory = dmaMemory(chan, 4096);
      for (const src_addr of [0x1001_0088, 0x1002_0000, 0x1001_0088]) {
        dmaengine_slave_config(chan, { src_addr, src_addr_width: 4 });
        expect(dmaengine_prep_dma_cyclic(chan, memory.dma, 256, 64, DMA_DEV_TO_MEM, FLAGS)).not.to.equal(null);
      }
      dma_release_channel(chan);
      const [first, second, ...unmapped] = events;
      expect(unmapped).to.deep.equal([first, second].map((event) => event!.replace('dma-map', 'dma-unmap')));
    }));

  it('ends a transfer whose peripheral never asks with a time-out, and the next one works', () =>
    onMachine({}, async (kernel) => {
      const port = portOf(kernel);
      const list = listOf(kernel, [256]);
      port.stop();
      expect(await port.receive(list.sgt)).to.equal(-110);
      port.start(2);
      expect(await port.receive(list.sgt)).to.equal(0);
      expect(Buffer.compare(list.bytes(), fifoPattern(2, 0, 64, 4))).to.equal(0);
    }));
});
