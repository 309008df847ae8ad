import { expect } from 'chai';

import { dmaAddr } from '../../../../base/address';
import { EAGAIN, EINVAL } from '../../../../base/errno';
import {
  dma_async_issue_pending,
  dmaengine_pause,
  dmaengine_prep_dma_cyclic,
  dmaengine_prep_dma_memcpy,
  dmaengine_prep_slave_sg,
  dmaengine_resume,
  dmaengine_slave_config,
  dmaengine_submit,
  dmaengine_terminate_sync,
  dmaengine_tx_status,
} from '../../../../kernel-api/dmaengine/client';
import { dma_release_channel } from '../../../../kernel-api/dmaengine/dmaengine';
import { DMA_CTRL_REUSE, DMA_DEV_TO_MEM, DMA_IN_PROGRESS, dma_tx_state } from '../../../../kernel-api/dmaengine/types';
import type { BootedKernel } from '../../../../kernel-api/boot/boot';
import { msleep, udelay } from '../../../../kernel-api/sched/delay';
import { patternBytes } from '../../../../lab/pattern';
import type { MachineOptions } from '../../../../lab/machine-options';
import { FLAGS, copy, copyChannel, dmaMemory, submitCopy } from '../../../support/dma-channel';
import { onMachine } from '../../../support/on-machine';

const DRIVER = 'dw_axi_dmac_platform';
const SIZE = 64 * 1024;

const controllerOf = (kernel: BootedKernel): string =>
  kernel.drivers.devices.find(({ driver }) => driver?.name === DRIVER)!.name;

/** Unbinds the controller under a client that has all kinds of transactions, and binds it again. */
const unbindUnderClient = async (kernel: BootedKernel): Promise<void> => {
  const name = controllerOf(kernel);
  const held = copyChannel(kernel);
  const other = copyChannel(kernel);
  dma_release_channel(other);
  for (let i = 0; i < 3; i++) submitCopy(held, 0n, 0n, SIZE);
  dma_async_issue_pending(held);
  dmaengine_prep_dma_memcpy(held, dmaAddr(0), dmaAddr(0), 64, FLAGS | DMA_CTRL_REUSE);
  expect(await kernel.drivers.unbind(DRIVER, name)).to.equal(0);
  dma_release_channel(held);
  expect(await kernel.drivers.bind(DRIVER, name)).to.equal(0);
};

const MACHINES: readonly (readonly [string, MachineOptions])[] = [
  ['behind an IOMMU, linux', { fifo: false, revocation: 'linux' }],
  ['behind an IOMMU, strict', { fifo: false, revocation: 'strict' }],
  ['without an IOMMU, linux', { fifo: false, iommu: false, revocation: 'linux' }],
  ['without an IOMMU, strict', { fifo: false, iommu: false, revocation: 'strict' }],
];

describe('dw-axi-dmac: unbinding the controller', () => {
  for (const [what, options] of MACHINES) {
    it(`leaves clients with channels that do nothing, ${what}`, () =>
      onMachine(options, async (kernel) => {
        const name = controllerOf(kernel);
        const chan = copyChannel(kernel);
        const [source, target] = [dmaMemory(chan, SIZE), dmaMemory(chan, SIZE)];
        source.fill(1);
        const reusable = dmaengine_prep_dma_memcpy(chan, target.dma, source.dma, 64, FLAGS | DMA_CTRL_REUSE)!;
        const running = submitCopy(chan, target.dma, source.dma, SIZE);
        dma_async_issue_pending(chan);
        const queued = submitCopy(chan, target.dma, source.dma, SIZE);
        udelay(kernel, 5);
        const { warnings } = kernel;
        expect(await kernel.drivers.unbind(DRIVER, name)).to.equal(0);
        expect(kernel.warnings - warnings, 'a client holds a channel').to.equal(1);
        const stopped = target.bytes();
        await msleep(kernel, 10);
        expect(Buffer.compare(target.bytes(), stopped), 'bytes changed after unbind').to.equal(0);

        const state = { ...dma_tx_state(), residue: 9 };
        expect(dmaengine_tx_status(chan, running.cookie, state)).to.equal(DMA_IN_PROGRESS);
        expect(state.residue).to.equal(0);
        expect(dmaengine_prep_dma_memcpy(chan, target.dma, source.dma, 64, FLAGS)).to.equal(null);
        expect(dmaengine_slave_config(chan, { src_addr: 0x1000_0000, src_addr_width: 4 })).to.equal(0);
        expect(dmaengine_prep_dma_cyclic(chan, target.dma, 64, 64, DMA_DEV_TO_MEM, FLAGS)).to.equal(null);
        expect(dmaengine_prep_slave_sg(chan, null as never, 0, DMA_DEV_TO_MEM, FLAGS)).to.equal(null);
        expect(dmaengine_submit(reusable)).to.equal(-EINVAL);
        dma_async_issue_pending(chan);
        expect(dmaengine_pause(chan)).to.equal(-EAGAIN);
        expect(dmaengine_resume(chan)).to.equal(0);
        expect(dmaengine_terminate_sync(chan)).to.equal(0);
        dma_release_channel(chan);
        expect([...running.results, ...queued.results]).to.deep.equal([]);
      }));

    it(`works again after it was bound anew, also while old channels are held, ${what}`, () =>
      onMachine(options, async (kernel) => {
        const name = controllerOf(kernel);
        const old = copyChannel(kernel);
        const [source, target] = [dmaMemory(old, SIZE), dmaMemory(old, SIZE)];
        submitCopy(old, target.dma, source.dma, SIZE);
        dma_async_issue_pending(old);
        udelay(kernel, 5);
        expect(await kernel.drivers.unbind(DRIVER, name)).to.equal(0);
        expect(await kernel.drivers.bind(DRIVER, name)).to.equal(0);
        const chan = copyChannel(kernel);
        const [from, to] = [dmaMemory(chan, SIZE), dmaMemory(chan, SIZE)];
        from.fill(3);
        await copy(chan, to.dma, from.dma, SIZE);
        expect(Buffer.compare(to.bytes(), patternBytes(3, 0, SIZE))).to.equal(0);
        expect(dmaengine_prep_dma_memcpy(old, dmaAddr(0), dmaAddr(0), 64, FLAGS)).to.equal(null);
        expect(dmaengine_terminate_sync(old)).to.equal(0);
        dma_release_channel(old);
        await copy(chan, to.dma, from.dma, SIZE);
        expect(kernel.iommu.faults).to.deep.equal([]);
      }));

    it(`leaks nothing, ${what}`, () =>
      onMachine(options, async (kernel) => {
        // The first time leaves what stays: page tables, the worker that retries deferred probes.
        await unbindUnderClient(kernel);
        await msleep(kernel, 5);
        const before = kernel.mm.statistics();
        const tasks = kernel.sched.tasks.map(({ name }) => name);
        for (let round = 0; round < 3; round++) await unbindUnderClient(kernel);
        await msleep(kernel, 5);
        expect(kernel.sched.tasks.map(({ name }) => name)).to.deep.equal(tasks);
        expect(kernel.mm.statistics()).to.deep.equal(before);
      }));
  }

  it('takes the controller out of the device tree lookups', () =>
    onMachine({ fifo: false }, async (kernel) => {
      await kernel.drivers.unbind(DRIVER, controllerOf(kernel));
      expect(kernel.dmaengine.devices).to.deep.equal([]);
      expect(kernel.dmaengine.ofControllers).to.deep.equal([]);
    }));

  it('puts a controller to rest that is found running', () =>
    onMachine({ fifo: false, iommu: false }, async (kernel, machine) => {
      const name = controllerOf(kernel);
      const chan = copyChannel(kernel);
      const [source, target] = [dmaMemory(chan, SIZE), dmaMemory(chan, SIZE)];
      source.fill(1);
      const submitted = submitCopy(chan, target.dma, source.dma, SIZE);
      const { llp } = (submitted.desc as unknown as { items: { llp: bigint }[] }).items[0]!;
      const item = Number(llp);
      const copyOfItem = new Uint8Array(64);
      machine.hardware.bus.peek(item, copyOfItem, 0, 64);
      await kernel.drivers.unbind(DRIVER, name);
      // What firmware may leave behind: channel 5 enabled, its list still valid.
      machine.hardware.bus.write(item, copyOfItem, 0, 64);
      const regs = machine.hardware.device('dmac').mmio[0]!;
      const poke = (offset: number, value: number): void => {
        expect(regs.write(offset, 4, value, 0)).to.equal(0);
      };
      poke(0x10, 3);
      poke(0x600 + 0x20, 0xf);
      poke(0x600 + 0x24, 0);
      poke(0x600 + 0x28, item % 2 ** 32);
      poke(0x600 + 0x2c, Math.floor(item / 2 ** 32));
      poke(0x18, 0x2020);
      udelay(kernel, 3);
      expect(await kernel.drivers.bind(DRIVER, name)).to.equal(0);
      const before = target.bytes();
      await msleep(kernel, 10);
      expect(Buffer.compare(target.bytes(), before)).to.equal(0);
      expect(kernel.warnings).to.equal(1);
    }));
});
