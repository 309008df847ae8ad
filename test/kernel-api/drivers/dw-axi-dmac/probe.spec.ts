import { expect } from 'chai';

import { dmaAddr } from '../../../../base/address';
import { ENODEV, ENOMEM } from '../../../../base/errno';
import { DwAxiDmac } from '../../../../devices/dw-axi-dmac';
import { dma_async_issue_pending, dmaengine_prep_dma_memcpy } from '../../../../kernel-api/dmaengine/client';
import { dma_release_channel, dma_request_chan_by_mask } from '../../../../kernel-api/dmaengine/dmaengine';
import { DMA_MEMCPY } from '../../../../kernel-api/dmaengine/types';
import { dma_get_mask, dma_get_max_seg_size } from '../../../../kernel-api/dma/mapping';
import { IS_ERR } from '../../../../kernel-api/err';
import type { MachineOptions } from '../../../../lab/machine-options';
import { FLAGS, copyChannel, dmaMemory, finished, submitCopy } from '../../../support/dma-channel';
import { onMachine } from '../../../support/on-machine';

const DRIVER = 'dw_axi_dmac_platform';

/** A node for the driver without the hardware: only what the driver reads before it touches a register. */
const controllerNode = (properties: Record<string, number | number[]>): MachineOptions => ({
  dmac: false,
  nodes: [{ label: 'dma', compatible: ['snps,axi-dma-1.01a'], properties }],
});

const GOOD = {
  'dma-channels': 2,
  'snps,dma-masters': 1,
  'snps,data-width': 3,
  'snps,block-size': [4096, 4096],
  'snps,priority': [0, 1],
  'snps,axi-max-burst-len': 16,
};

describe('dw-axi-dmac: probe', () => {
  it('sets a mask of 64 bits and lets segments be as long as they like', () =>
    onMachine({}, (kernel) => {
      const { dev } = kernel.dmaengine.devices[0]!;
      expect(dma_get_mask(dev)).to.equal(2n ** 64n - 1n);
      expect(dma_get_max_seg_size(dev)).to.equal(0xffff_ffff);
    }));

  it('has the channels, burst and directions of the device tree', () =>
    onMachine({ dmac: { channels: 5, maxBurstLength: 32 }, fifo: false }, (kernel) => {
      const [device] = kernel.dmaengine.devices;
      expect(device!.channels.map(({ chan_id }) => chan_id)).to.deep.equal([0, 1, 2, 3, 4]);
      expect(device!.max_burst).to.equal(32);
      expect(device!.directions).to.equal(7);
    }));

  it('does not bind to a node without registers', () =>
    onMachine(controllerNode(GOOD), (kernel) => {
      expect(kernel.drivers.failures.map(({ driver }) => driver)).to.deep.equal([DRIVER]);
      expect(kernel.dmaengine.devices).to.deep.equal([]);
    }));

  for (const [what, wrong] of [
    ['no channels', { 'dma-channels': 0 }],
    ['nine channels', { 'dma-channels': 9 }],
    ['three masters', { 'snps,dma-masters': 3 }],
    ['a bus of 1024 bits', { 'snps,data-width': 7 }],
    ['too few block sizes', { 'snps,block-size': [4096] }],
    ['an empty block', { 'snps,block-size': [4096, 0] }],
    ['a block that is too long', { 'snps,block-size': [4096, 0x20_0001] }],
    ['too few priorities', { 'snps,priority': [0] }],
    ['a priority that does not exist', { 'snps,priority': [0, 2] }],
    ['a burst of nothing', { 'snps,axi-max-burst-len': 0 }],
    ['a burst of 257 beats', { 'snps,axi-max-burst-len': 257 }],
  ] as const) {
    it(`refuses ${what} with -EINVAL`, async () => {
      const options: MachineOptions = {
        dmac: false,
        nodes: [
          {
            label: 'dma',
            compatible: ['snps,axi-dma-1.01a'],
            device: () => new DwAxiDmac('dma', { channels: 2 }),
            properties: { ...GOOD, ...wrong },
          },
        ],
      };
      await onMachine(options, (kernel) => {
        expect(kernel.drivers.failures.map(({ driver, error }) => [driver, error])).to.deep.equal([[DRIVER, -22]]);
      });
    });
  }

  it('takes a whole list of block sizes and priorities', async () => {
    const device = (): DwAxiDmac => new DwAxiDmac('dma', { channels: 2, blockSize: 4096 });
    await onMachine(
      { dmac: false, nodes: [{ label: 'dma', compatible: ['snps,axi-dma-1.01a'], device, properties: GOOD }] },
      (kernel) => {
        expect(kernel.dmaengine.devices).to.have.length(1);
      },
    );
  });
});

describe('dw-axi-dmac: when memory is short', () => {
  for (const iommu of [true, false]) {
    const where = iommu ? 'behind an IOMMU' : 'without an IOMMU';

    it(`fails to probe at any allocation without leaking, ${where}`, () =>
      onMachine({ iommu, fifo: false }, async (kernel) => {
        const { drivers, mm } = kernel;
        const { name } = drivers.devices.find(({ driver }) => driver?.name === DRIVER)!;
        await drivers.unbind(DRIVER, name);
        await drivers.bind(DRIVER, name);
        await drivers.unbind(DRIVER, name);
        const before = mm.statistics();
        let failed = 0;
        for (let nth = 1; ; nth++) {
          const { injected } = mm.failures;
          mm.failures.failNth(nth);
          const error = await drivers.bind(DRIVER, name);
          mm.failures.clear();
          if (mm.failures.injected === injected) {
            expect(error).to.equal(0);
            break;
          }
          expect(error, `allocation ${nth}`).to.equal(-ENOMEM);
          expect(mm.statistics(), `allocation ${nth}`).to.deep.equal(before);
          expect(kernel.dmaengine.devices, `allocation ${nth}`).to.deep.equal([]);
          expect(kernel.dmaengine.ofControllers, `allocation ${nth}`).to.deep.equal([]);
          failed++;
        }
        expect(failed).to.be.greaterThan(2);
        const chan = copyChannel(kernel);
        const memory = dmaMemory(chan, 4096);
        const submitted = submitCopy(chan, memory.dma, memory.dma + 64n, 64);
        dma_async_issue_pending(chan);
        expect(await finished(submitted)).to.equal(true);
      }));

    it(`prepares all of a transaction or nothing, ${where}`, () =>
      onMachine({ iommu, fifo: false, dmac: { blockSize: 8 } }, async (kernel) => {
        const { mm } = kernel;
        const warm = copyChannel(kernel);
        // Some pages of items, so that the page tables for them are there.
        dmaengine_prep_dma_memcpy(warm, dmaAddr(0), dmaAddr(0), 64 * 64 * 5, FLAGS);
        dma_release_channel(warm);
        const before = mm.statistics();
        let failed = 0;
        for (let nth = 1; ; nth++) {
          const { injected } = mm.failures;
          mm.failures.failNth(nth);
          const chan = dma_request_chan_by_mask(kernel, DMA_MEMCPY);
          const desc = IS_ERR(chan)
            ? chan
            : dmaengine_prep_dma_memcpy(chan, dmaAddr(0), dmaAddr(0), 64 * 64 * 4, FLAGS);
          mm.failures.clear();
          const hit = mm.failures.injected > injected;
          if (IS_ERR(chan)) expect(chan).to.equal(-ENODEV);
          else {
            expect(desc === null, `allocation ${nth}`).to.equal(hit);
            dma_release_channel(chan);
          }
          expect(mm.statistics(), `allocation ${nth}`).to.deep.equal(before);
          if (!hit) break;
          failed++;
        }
        expect(failed).to.be.greaterThan(2);
      }));
  }
});
