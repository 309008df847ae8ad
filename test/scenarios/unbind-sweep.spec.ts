import { expect } from 'chai';

import {
  platform_driver_register,
  platform_driver_unregister,
  type PlatformDriver,
} from '../../kernel-api/base/platform';
import type { BootedKernel } from '../../kernel-api/boot/boot';
import { GFP_KERNEL } from '../../kernel-api/gfp';
import { __get_free_pages, free_pages } from '../../kernel-api/mm/page-alloc';
import { msleep, udelay, ndelay } from '../../kernel-api/sched/delay';
import type { Machine } from '../../lab/machine';
import type { MachineOptions } from '../../lab/machine-options';
import { fillPattern } from '../../lab/pattern';
import { copierDriver } from '../../scenarios/lib/copier';
import { terminateNothing } from './breakages';
import { THOROUGH } from '../unbind/lib/sweep';
import { SMALL_MEMORY, onMachine } from '../support/on-machine';

/**
 * Unbinding at every moment of a transfer. Two runs of the same machine are alike but for that moment, so many moments are
 * tried on machines of their own.
 */

const ORDER = 3;
const LENGTH = 4096 << ORDER;
/** The copy takes some 11 µs; the moments lie 60 ns apart, before its beginning and after its end as well. */
const MOMENTS = 200;
const STEP_NS = 60;
/** Each moment in `npm run sweep:unbind`, else one in ten. */
const STRIDE = THOROUGH ? 1 : 10;
const CONTROLLER = 'dw_axi_dmac_platform';
const CLIENT_NODE = { label: 'copier', compatible: ['dmalab,copier'] };

/** FNV-1a over every page of RAM that was ever written. */
const hashOfRam = (machine: Machine): number => {
  const { ram } = machine.hardware;
  const page = new Uint8Array(4096);
  const words = new Uint32Array(page.buffer);
  let hash = 0x811c_9dc5;
  ram.forEachTouchedPage((number) => {
    ram.peek(number * 4096, page, 0, 4096);
    for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i]!, 0x0100_0193);
  });
  return hash;
};

interface Outcome {
  /** The channel was still running when unbind was called. */
  readonly midway: boolean;
  readonly ramChanged: boolean;
  readonly targetChanged: boolean;
  readonly faults: number;
  readonly drops: number;
  readonly leaked: boolean;
  readonly warnings: number;
}

const unbindAt = (
  moment: number,
  victim: 'client' | 'controller',
  careful: boolean,
  options: MachineOptions,
  breakage: (kernel: BootedKernel) => void = () => undefined,
): Promise<Outcome> =>
  onMachine({ memory: SMALL_MEMORY, fifo: false, nodes: [CLIENT_NODE], ...options }, async (kernel, machine) => {
    const source = __get_free_pages(kernel, GFP_KERNEL, ORDER);
    const target = __get_free_pages(kernel, GFP_KERNEL, ORDER);
    fillPattern(kernel, source, LENGTH, 1);
    fillPattern(kernel, target, LENGTH, 2);
    const driver = copierDriver({ source, target, length: LENGTH }, careful);
    await settle(kernel, copierDriver({ source, target, length: LENGTH }, true));
    fillPattern(kernel, target, LENGTH, 2);
    const before = kernel.mm.statistics();
    let drops = 0;
    machine.trace.subscribe(({ event }) => {
      if (event.type === 'gate-drop') drops++;
    });
    await platform_driver_register(kernel, driver);
    breakage(kernel);
    ndelay(kernel, moment * STEP_NS);
    const midway = kernel.dmaengine.devices[0]!.channels.some(
      (chan) => (chan as unknown as { enabled: boolean }).enabled,
    );
    const name = victim === 'client' ? driver.driver.name : CONTROLLER;
    const device = kernel.drivers.devices.find((dev) => dev.driver?.name === name)!;
    expect(await kernel.drivers.unbind(name, device.name)).to.equal(0);
    const after = hashOfRam(machine);
    const copied = kernel.mm.read(target, LENGTH);
    udelay(kernel, 1000);
    // What the kernel itself writes in this time is nothing: no task runs.
    const ramChanged = hashOfRam(machine) !== after;
    const targetChanged = Buffer.compare(kernel.mm.read(target, LENGTH), copied) !== 0;
    const warnings = kernel.warnings;
    if (victim === 'controller') {
      await platform_driver_unregister(kernel, driver);
      await kernel.drivers.bind(name, device.name);
    }
    await msleep(kernel, 5);
    const leaked = JSON.stringify(kernel.mm.statistics()) !== JSON.stringify(before);
    free_pages(kernel, source, ORDER);
    free_pages(kernel, target, ORDER);
    return { midway, ramChanged, targetChanged, faults: kernel.iommu.faults.length, drops, leaked, warnings };
  });

/** One bind and unbind of both drivers: page tables and workers that stay are there then. */
const settle = async (kernel: BootedKernel, driver: PlatformDriver): Promise<void> => {
  const controller = kernel.drivers.devices.find((dev) => dev.driver?.name === CONTROLLER)!.name;
  await platform_driver_register(kernel, driver);
  await msleep(kernel, 5);
  await platform_driver_unregister(kernel, driver);
  await kernel.drivers.unbind(CONTROLLER, controller);
  await kernel.drivers.bind(CONTROLLER, controller);
  await msleep(kernel, 5);
};

describe('unbinding at any moment of a transfer', () => {
  for (const victim of ['client', 'controller'] as const) {
    for (const [what, careful, revocation] of [
      ['careful driver, linux', true, 'linux'],
      ['careful driver, strict', true, 'strict'],
      ['careless driver, strict', false, 'strict'],
    ] as const) {
      for (const iommu of [true, false]) {
        it(`${victim} of a ${what}, ${iommu ? 'behind' : 'without'} an IOMMU: no byte changes afterwards`, async () => {
          let midway = 0;
          for (let moment = 0; moment < MOMENTS; moment += STRIDE) {
            const outcome = await unbindAt(moment, victim, careful, { iommu, revocation });
            const at = `${moment * STEP_NS} ns: ${JSON.stringify(outcome)}`;
            expect(outcome.ramChanged, at).to.equal(false);
            if (careful) {
              expect(outcome.leaked, at).to.equal(false);
              expect(outcome.faults, at).to.equal(0);
              expect(outcome.drops, at).to.equal(0);
              expect(outcome.warnings, at).to.equal(victim === 'client' ? 0 : 1);
            }
            if (outcome.midway) midway++;
          }
          expect(midway).to.be.within(50 / STRIDE, (MOMENTS - 20) / STRIDE);
        });
      }
    }
  }

  it('is not true of a careless driver under linux: the sweep sees the bytes that change', async () => {
    for (const iommu of [true, false]) {
      let harmed = 0;
      for (let moment = 0; moment < MOMENTS; moment += 20) {
        const outcome = await unbindAt(moment, 'client', false, { iommu, revocation: 'linux' });
        if (outcome.ramChanged) harmed++;
      }
      expect(harmed).to.be.within(3, MOMENTS / 20 - 1);
    }
  });

  it('sees the bytes that change if strict revocation terminates no channel', async () => {
    let harmed = 0;
    for (let moment = 20; moment < MOMENTS; moment += 20) {
      const breakage = (kernel: BootedKernel): void => void terminateNothing({ kernel } as never);
      const outcome = await unbindAt(moment, 'client', false, { revocation: 'strict' }, breakage);
      if (outcome.ramChanged) harmed++;
    }
    expect(harmed).to.be.within(3, MOMENTS / 20 - 1);
  });

  for (const iommu of [true, false]) {
    const refusal = iommu ? 'a fault record' : 'turned away by the gate';
    it(`under strict every attempt of a controller that its driver does not stop is ${refusal}`, async () => {
      let stopped = 0;
      for (let moment = 0; moment < MOMENTS; moment += 20) {
        const breakage = (kernel: BootedKernel): void => void terminateNothing({ kernel } as never);
        const outcome = await unbindAt(moment, 'controller', false, { iommu, revocation: 'strict' }, breakage);
        const at = `${moment * STEP_NS} ns: ${JSON.stringify(outcome)}`;
        expect(outcome.targetChanged, at).to.equal(false);
        // The first attempt that is refused ends the transfer.
        expect(iommu ? outcome.drops : outcome.faults, at).to.equal(0);
        if ((iommu ? outcome.faults : outcome.drops) > 0) stopped++;
      }
      expect(stopped).to.be.within(3, MOMENTS / 20 - 1);
    });
  }
});
