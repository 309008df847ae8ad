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
import type { MachineOptions } from '../../lab/machine-options';
import { fillPattern } from '../../lab/pattern';
import { copierDriver } from '../../scenarios/lib/copier';
import { terminateNothing } from './breakages';
import { BACK_ENDS } from '../unbind/lib/back-ends';
import { EVERY, THOROUGH } from '../unbind/lib/sweep';
import { hashOfRam } from '../support/hash-of-ram';
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
/** Each moment in `npm run sweep:unbind` unless it asks for fewer, else one in twenty. */
const STRIDE = THOROUGH ? EVERY : 20;
/** Longer than lazy invalidation puts anything off. */
const DRAINED_MS = 25;
const CONTROLLER = 'dw_axi_dmac_platform';
const CLIENT_NODE = { label: 'copier', compatible: ['dmalab,copier'] };

/** Memory, bounce slots, and I/O addresses of the controller. */
const inUse = (kernel: BootedKernel): string => {
  kernel.mm.slabs.shrink();
  const [engine] = kernel.dmaengine.devices;
  const cookie = engine?.dev.dma.iommu ?? null;
  const addresses = cookie === null ? 0 : cookie.iovad.ranges().length;
  return JSON.stringify([
    kernel.mm.statistics(),
    kernel.dma.swiotlb.defaultMem?.used,
    addresses,
    cookie?.queue?.length,
  ]);
};

/** The name of the back end that the controller's buffers are mapped by at the moment. */
const backEndOf = (kernel: BootedKernel): string => {
  const { iommu } = kernel.dmaengine.devices[0]!.dev.dma;
  if (iommu !== null) return iommu.queue === null ? 'IOMMU, strict' : 'IOMMU, lazy';
  return (kernel.dma.swiotlb.defaultMem?.used ?? 0) > 0 ? 'swiotlb' : 'direct';
};

const stopNothing = (kernel: BootedKernel): void => void terminateNothing({ kernel } as never);

interface Outcome {
  /** The channel was still running when unbind was called. */
  readonly midway: boolean;
  readonly ramChanged: boolean;
  readonly targetChanged: boolean;
  readonly faults: number;
  readonly drops: number;
  /** What is in use afterwards, if it is not what was in use before. */
  readonly leaked: string;
  readonly warnings: number;
  /** By what the buffers were mapped. */
  readonly mappedBy: string;
}

const unbindAt = (
  moment: number,
  victim: Victim,
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
    const before = inUse(kernel);
    let drops = 0;
    machine.trace.subscribe(({ event }) => {
      if (event.type === 'gate-drop') drops++;
    });
    await platform_driver_register(kernel, driver);
    breakage(kernel);
    const mappedBy = backEndOf(kernel);
    ndelay(kernel, moment * STEP_NS);
    const midway = kernel.dmaengine.devices[0]!.channels.some(
      (chan) => (chan as unknown as { enabled: boolean }).enabled,
    );
    const name = victim === 'client' ? driver.driver.name : CONTROLLER;
    const device = kernel.drivers.devices.find((dev) => dev.driver?.name === name)!;
    expect(await kernel.drivers.unbind(name, device.name)).to.equal(0);
    const hash = hashOfRam(machine);
    const copied = kernel.mm.read(target, LENGTH);
    udelay(kernel, 1000);
    // What the kernel itself writes in this time is nothing: no task runs.
    const ramChanged = hashOfRam(machine) !== hash;
    const targetChanged = Buffer.compare(kernel.mm.read(target, LENGTH), copied) !== 0;
    const warnings = kernel.warnings;
    if (victim === 'controller') {
      await platform_driver_unregister(kernel, driver);
      await kernel.drivers.bind(name, device.name);
    }
    await msleep(kernel, DRAINED_MS);
    const after = inUse(kernel);
    const leaked = after === before ? '' : `${before} -> ${after}`;
    free_pages(kernel, source, ORDER);
    free_pages(kernel, target, ORDER);
    const faults = kernel.iommu.faultCount;
    return { midway, ramChanged, targetChanged, faults, drops, leaked, warnings, mappedBy };
  });

/** One bind and unbind of both drivers: page tables and workers that stay are there then. */
const settle = async (kernel: BootedKernel, driver: PlatformDriver): Promise<void> => {
  const controller = kernel.drivers.devices.find((dev) => dev.driver?.name === CONTROLLER)!.name;
  await platform_driver_register(kernel, driver);
  await msleep(kernel, 5);
  await platform_driver_unregister(kernel, driver);
  await kernel.drivers.unbind(CONTROLLER, controller);
  await kernel.drivers.bind(CONTROLLER, controller);
  await msleep(kernel, DRAINED_MS);
};

/** Drivers and settings under which no byte may change. */
const COURSES = [
  ['careful driver, linux', true, 'linux'],
  ['careful driver, strict', true, 'strict'],
  ['careless driver, strict', false, 'strict'],
] as const;

type Victim = 'client' | 'controller';

/** What does not hold after an unbind, and should. */
const complaints = (victim: Victim, careful: boolean, outcome: Outcome): string[] => {
  const found: string[] = [];
  if (outcome.ramChanged) found.push('RAM changed');
  if (!careful) return found;
  if (outcome.leaked !== '') found.push('something leaked');
  if (outcome.faults > 0 || outcome.drops > 0) found.push('an access was refused');
  // Of a controller that is gone while it has clients, the kernel warns.
  if (outcome.warnings !== (victim === 'client' ? 0 : 1)) found.push('warnings');
  return found;
};

const describeAt = (moment: number, outcome: Outcome): string => `${moment * STEP_NS} ns: ${JSON.stringify(outcome)}`;

for (const { name, translated, options: backEnd } of BACK_ENDS) {
  describe(`unbinding at any moment of a transfer, ${name}`, () => {
    for (const victim of ['client', 'controller'] as const) {
      for (const [what, careful, revocation] of COURSES) {
        it(`${victim} of a ${what}: no byte changes afterwards`, async function () {
          this.timeout(600_000);
          let midway = 0;
          for (let moment = 0; moment < MOMENTS; moment += STRIDE) {
            const outcome = await unbindAt(moment, victim, careful, { ...backEnd, revocation });
            expect(complaints(victim, careful, outcome), describeAt(moment, outcome)).to.deep.equal([]);
            expect(outcome.mappedBy).to.equal(name);
            if (outcome.midway) midway++;
          }
          expect(midway).to.be.within(50 / STRIDE, (MOMENTS - 20) / STRIDE);
        });
      }
    }

    it('is not true of a careless driver under linux: the sweep sees the bytes that change', async () => {
      let harmed = 0;
      for (let moment = 0; moment < MOMENTS; moment += 20) {
        const outcome = await unbindAt(moment, 'client', false, { ...backEnd, revocation: 'linux' });
        if (outcome.ramChanged) harmed++;
      }
      expect(harmed).to.be.within(3, MOMENTS / 20 - 1);
    });

    const refusal = translated ? 'a fault record' : 'turned away by the gate';
    it(`under strict every attempt of a controller that its driver does not stop is ${refusal}`, async () => {
      let stopped = 0;
      for (let moment = 0; moment < MOMENTS; moment += 20) {
        const options: MachineOptions = { ...backEnd, revocation: 'strict' };
        const outcome = await unbindAt(moment, 'controller', false, options, stopNothing);
        const at = describeAt(moment, outcome);
        expect(outcome.targetChanged, at).to.equal(false);
        // The first attempt that is refused ends the transfer.
        expect(translated ? outcome.drops : outcome.faults, at).to.equal(0);
        if ((translated ? outcome.faults : outcome.drops) > 0) stopped++;
      }
      expect(stopped).to.be.within(3, MOMENTS / 20 - 1);
    });

    it('sees the bytes that change if strict revocation terminates no channel', async () => {
      let harmed = 0;
      for (let moment = 20; moment < MOMENTS; moment += 20) {
        const outcome = await unbindAt(moment, 'client', false, { ...backEnd, revocation: 'strict' }, stopNothing);
        if (outcome.ramChanged) harmed++;
      }
      expect(harmed).to.be.within(3, MOMENTS / 20 - 1);
    });
  });
}
