import { expect } from 'chai';

import { virtAddr } from '../../../base/address';
import { platform_get_drvdata, to_platform_device } from '../../../kernel-api/base/platform';
import { dma_alloc_coherent } from '../../../kernel-api/dma/mapping';
import type { StreamFifoPort } from '../../../kernel-api/drivers/stream-fifo/stream-fifo';
import { out } from '../../../kernel-api/err';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import type { Kernel } from '../../../kernel-api/kernel';
import { kfree, kmalloc } from '../../../kernel-api/mm/kmalloc';
import { sg_init_table, sg_set_buf } from '../../../kernel-api/scatterlist/scatterlist';
import { SgTable, sg_alloc_table, sg_free_table } from '../../../kernel-api/scatterlist/sg-table';
import { msleep, usleep_range } from '../../../kernel-api/sched/delay';
import { patternBytes } from '../../../lab/pattern';
import { onMachine } from '../../support/on-machine';

const FIFO = 'stream-fifo';
const DMAC = 'dw_axi_dmac_platform';
const LENGTH = 4096;

const boundTo = (kernel: Kernel, driver: string) => kernel.drivers.devices.find((dev) => dev.driver?.name === driver)!;

const portOf = (kernel: Kernel): StreamFifoPort =>
  platform_get_drvdata<StreamFifoPort>(to_platform_device(boundTo(kernel, FIFO)));

const oneBuffer = (kernel: Kernel): { sgt: SgTable; bytes: () => Uint8Array; free: () => void } => {
  const memory = kmalloc(kernel, LENGTH, GFP_KERNEL);
  kernel.mm.write(memory, patternBytes(4, 0, LENGTH));
  const sgt = new SgTable(kernel);
  expect(sg_alloc_table(sgt, 1, GFP_KERNEL)).to.equal(0);
  sg_init_table(sgt.sgl!, 1);
  sg_set_buf(sgt.sgl!, virtAddr(memory), LENGTH);
  return {
    sgt,
    bytes: () => kernel.mm.read(memory, LENGTH),
    free: () => {
      sg_free_table(sgt);
      kfree(kernel, memory);
    },
  };
};

describe('stream-fifo driver', () => {
  it('sends what it receives in loopback', () =>
    onMachine({}, async (kernel) => {
      const port = portOf(kernel);
      const [from, to] = [oneBuffer(kernel), oneBuffer(kernel)];
      port.startLoopback();
      let result = -1;
      const task = kernel.sched.spawn('receiver', async () => {
        result = await port.receive(to.sgt);
      });
      expect(await port.transmit(from.sgt)).to.equal(0);
      await kernel.sched.join(task);
      expect(result).to.equal(0);
      expect(Buffer.compare(to.bytes(), patternBytes(4, 0, LENGTH))).to.equal(0);
      expect(port.transmitChecksum()).to.equal(port.receiveChecksum());
    }));

  for (const [what, options] of [
    ['linux', { revocation: 'linux' }],
    ['strict', { revocation: 'strict' }],
    ['linux, no IOMMU', { revocation: 'linux', iommu: false }],
    ['strict, no IOMMU', { revocation: 'strict', iommu: false }],
  ] as const) {
    it(`ends a transfer under way when it is unbound, with nothing left mapped (${what})`, () =>
      onMachine({ ...options, fifo: { sourceNs: 500 } }, async (kernel) => {
        const round = async (): Promise<void> => {
          const port = portOf(kernel);
          const { name } = boundTo(kernel, FIFO);
          const list = oneBuffer(kernel);
          port.start(1);
          let result = 1;
          const task = kernel.sched.spawn('receiver', async () => {
            result = await port.receive(list.sgt);
          });
          await usleep_range(kernel, 50, 50);
          const begun = list.bytes();
          expect(Buffer.compare(begun, patternBytes(4, 0, LENGTH)), 'it has begun').not.to.equal(0);
          expect(await kernel.drivers.unbind(FIFO, name)).to.equal(0);
          const stopped = list.bytes();
          await kernel.sched.join(task);
          expect(result).to.equal(-19);
          await msleep(kernel, 5);
          expect(Buffer.compare(list.bytes(), stopped)).to.equal(0);
          expect(await port.receive(list.sgt), 'a port that is gone').to.equal(-19);
          list.free();
          expect(await kernel.drivers.bind(FIFO, name)).to.equal(0);
        };
        await round();
        const before = kernel.mm.statistics();
        for (let i = 0; i < 3; i++) await round();
        expect(kernel.mm.statistics()).to.deep.equal(before);
        expect(kernel.warnings).to.equal(0);
        expect(kernel.iommu.faults).to.deep.equal([]);
        const list = oneBuffer(kernel);
        portOf(kernel).start(1);
        expect(await portOf(kernel).receive(list.sgt)).to.equal(0);
      }));
  }

  it('ends transfers with an error when the controller is unbound, and cannot start new ones', () =>
    onMachine({ iommu: false, fifo: { sourceNs: 500 } }, async (kernel) => {
      const port = portOf(kernel);
      const list = oneBuffer(kernel);
      port.start(1);
      let result = 1;
      const task = kernel.sched.spawn('receiver', async () => {
        result = await port.receive(list.sgt);
      });
      await usleep_range(kernel, 50, 50);
      const controller = boundTo(kernel, DMAC).name;
      expect(await kernel.drivers.unbind(DMAC, controller)).to.equal(0);
      await kernel.sched.join(task);
      expect(result).to.equal(-110);
      expect(await port.transmit(list.sgt)).to.equal(-22);
      const fifo = boundTo(kernel, FIFO).name;
      expect(await kernel.drivers.unbind(FIFO, fifo)).to.equal(0);
      expect(await kernel.drivers.bind(FIFO, fifo), 'no controller').to.equal(-11);
      expect(await kernel.drivers.bind(DMAC, controller)).to.equal(0);
      expect(await kernel.drivers.bind(FIFO, fifo)).to.equal(0);
      portOf(kernel).start(1);
      expect(await portOf(kernel).receive(list.sgt)).to.equal(0);
    }));

  it('stops a cyclic transfer when it is unbound', () =>
    onMachine({ fifo: { sourceNs: 100 } }, async (kernel) => {
      const port = portOf(kernel);
      const { name } = boundTo(kernel, FIFO);
      const handle = out(0n as never);
      const ring = dma_alloc_coherent(port.rx.device.dev, LENGTH, handle, GFP_KERNEL);
      let periods = 0;
      port.start(1);
      expect(port.startCyclic(handle.value, LENGTH, 512, () => periods++)).to.equal(0);
      await msleep(kernel, 1);
      expect(periods).to.be.greaterThan(3);
      expect(await kernel.drivers.unbind(FIFO, name)).to.equal(0);
      const [count, bytes] = [periods, kernel.mm.read(ring, LENGTH)];
      await msleep(kernel, 1);
      expect(periods).to.equal(count);
      expect(Buffer.compare(kernel.mm.read(ring, LENGTH), bytes)).to.equal(0);
      expect(port.startCyclic(handle.value, LENGTH, 512, () => periods++)).to.equal(-19);
      expect(port.stopCyclic()).to.equal(0);
    }));

  it('does not bind without a channel for each direction, and gives back the one it got', () =>
    onMachine({ dmac: { channels: 1 } }, (kernel) => {
      expect(kernel.drivers.devices.some((dev) => dev.driver?.name === FIFO)).to.equal(false);
      expect(kernel.dmaengine.devices[0]!.channels.map(({ client_count }) => client_count)).to.deep.equal([0]);
    }));
});
