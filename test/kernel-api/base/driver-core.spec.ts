import { expect } from 'chai';
import fc from 'fast-check';

import { EAGAIN, EBUSY, EINVAL, EIO, ENODEV, ENOENT, ENXIO, EPROBE_DEFER } from '../../../base/errno';
import { LabError } from '../../../base/errors';
import { cells, cells64, property, strings } from '../../../base/fdt';
import type { NodeSource } from '../../../base/fdt';
import { devm_add_action } from '../../../kernel-api/base/devres';
import { of_platform_populate } from '../../../kernel-api/base/of-platform';
import {
  devm_platform_ioremap_resource,
  of_device_get_match_data,
  platform_driver_register,
  platform_driver_unregister,
  platform_get_irq,
  platform_set_drvdata,
  type PlatformDevice,
  type PlatformDriver,
} from '../../../kernel-api/base/platform';
import { KernelOops } from '../../../kernel-api/oops';
import { msleep } from '../../../kernel-api/sched/delay';
import { makeRunningKernel, rootNode, type RunningKernel } from '../../support/running-kernel';

const node = (index: number, ...more: NodeSource['properties'] & object): NodeSource => ({
  name: `dev@${(0x1000_0000 + index * 0x1000).toString(16)}`,
  properties: [
    property('compatible', strings(`test,dev${index}`, 'test,dev')),
    property('reg', cells64(0x1000_0000 + index * 0x1000, 0x1000)),
    ...more,
  ],
});

const deviceName = (index: number): string => `${(0x1000_0000 + index * 0x1000).toString(16)}.dev`;

type Behaviour = (pdev: PlatformDevice) => number | Promise<number>;

const driver = (
  name: string,
  compatible: string,
  probe: Behaviour,
  remove?: PlatformDriver['remove'],
): PlatformDriver => ({
  driver: { name, of_match_table: [{ compatible, data: `data of ${name}` }] },
  probe,
  ...(remove === undefined ? {} : { remove }),
});

/** Populates `count` devices, and lets deferred probing run. */
const prepare = async ({ kernel }: RunningKernel): Promise<void> => {
  await of_platform_populate(kernel, null, null);
  await kernel.drivers.enableDeferredProbing();
};

const failure = async (run: Promise<unknown>): Promise<Error> => {
  try {
    await run;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
};

describe('driver core', () => {
  it('names devices after their address, and binds by compatible', async () => {
    const running = makeRunningKernel({ tree: rootNode(node(0), node(1)) });
    const { kernel, sched } = running;
    const probed: string[] = [];
    running.record();
    await sched.run(async () => {
      await prepare(running);
      expect(kernel.drivers.devices.map(({ name }) => name)).to.include.members([deviceName(0), deviceName(1)]);
      const bound = driver('d', 'test,dev1', (pdev) => {
        probed.push(`${pdev.dev.name} ${pdev.dev.driver!.name} ${of_device_get_match_data<string>(pdev.dev) ?? ''}`);
        expect(kernel.drivers.owner).to.equal(pdev.dev);
        return 0;
      });
      expect(await platform_driver_register(kernel, bound)).to.equal(0);
      expect(await platform_driver_register(kernel, bound)).to.equal(-EBUSY);
      expect(kernel.drivers.owner).to.equal(null);
    });
    expect(probed).to.deep.equal([`${deviceName(1)} d data of d`]);
    expect(kernel.drivers.find(deviceName(1))!.driver!.name).to.equal('d');
    const seen = running.events.filter(({ type }) => type === 'bind');
    expect(seen).to.deep.equal([{ type: 'bind', device: deviceName(1), driver: 'd', error: 0 }]);
  });

  it('binds and unbinds in the order of dd.c', async () => {
    const running = makeRunningKernel({ tree: rootNode(node(0)) });
    const { kernel, sched, dmaCalls } = running;
    const name = deviceName(0);
    kernel.drivers.revocation.push({
      beforeBind: () => (dmaCalls.push('beforeBind'), 0),
      afterRemove: async (dev) => {
        expect(dev.driver).to.not.equal(null);
        await msleep(kernel, 1);
        dmaCalls.push('afterRemove');
      },
      released: (dev) => {
        expect(dev.driver).to.equal(null);
        dmaCalls.push('released');
      },
    });
    const note = (what: string): void => void dmaCalls.push(what);
    const drv = driver(
      'd',
      'test,dev',
      async (pdev) => {
        note('probe');
        platform_set_drvdata(pdev, 'mine');
        devm_add_action(pdev.dev, () => note('release 1'), null);
        await msleep(kernel, 1);
        devm_add_action(pdev.dev, () => note('release 2'), null);
        return 0;
      },
      async (pdev) => {
        expect(pdev.dev.driver_data).to.equal('mine');
        await msleep(kernel, 1);
        note('remove');
      },
    );
    await sched.run(async () => {
      await prepare(running);
      await platform_driver_register(kernel, drv);
      expect(dmaCalls.splice(0)).to.deep.equal(['beforeBind', `configure ${name}`, 'probe']);
      expect(await kernel.drivers.unbind('d', name)).to.equal(0);
      expect(dmaCalls.splice(0)).to.deep.equal([
        'remove',
        'afterRemove',
        'release 2',
        'release 1',
        `cleanup ${name}`,
        'released',
      ]);
      expect(kernel.drivers.find(name)!.driver_data).to.equal(null);
      expect(await kernel.drivers.bind('d', name)).to.equal(0);
      await platform_driver_unregister(kernel, drv);
      expect(dmaCalls).to.include('remove');
      expect(kernel.drivers.find(name)!.driver).to.equal(null);
    });
  });

  it('returns from bind and unbind what sysfs returns', async () => {
    const running = makeRunningKernel({ tree: rootNode(node(0), node(1)) });
    const { kernel, sched } = running;
    const results = [-EIO, -ENODEV, -EPROBE_DEFER, -EINVAL, 0];
    let next = 0;
    const drv = driver('d', 'test,dev0', () => results[next++]!);
    await sched.run(async () => {
      await prepare(running);
      await platform_driver_register(kernel, drv);
      const { drivers } = kernel;
      expect(await drivers.bind('nobody', deviceName(0))).to.equal(-ENOENT);
      expect(await drivers.bind('d', 'nobody')).to.equal(-ENODEV);
      expect(await drivers.bind('d', deviceName(1))).to.equal(-ENODEV);
      expect(await drivers.unbind('d', deviceName(0))).to.equal(-ENODEV);
      expect(await drivers.unbind('nobody', deviceName(0))).to.equal(-ENOENT);
      expect(await drivers.bind('d', deviceName(0))).to.equal(-ENODEV);
      expect(await drivers.bind('d', deviceName(0))).to.equal(-EAGAIN);
      expect(drivers.deferred).to.deep.equal([]);
      expect(await drivers.bind('d', deviceName(0))).to.equal(-EINVAL);
      expect(await drivers.bind('d', deviceName(0))).to.equal(0);
      expect(await drivers.bind('d', deviceName(0))).to.equal(-EBUSY);
    });
    expect(kernel.drivers.failures).to.deep.equal([
      { device: deviceName(0), driver: 'd', error: -EIO },
      { device: deviceName(0), driver: 'd', error: -EINVAL },
    ]);
  });

  it('unwinds a failing probe completely, and tries the next driver', async () => {
    const running = makeRunningKernel({ tree: rootNode(node(0)) });
    const { kernel, sched, dmaCalls } = running;
    await sched.run(async () => {
      for (const [index, error] of [-EIO, -ENODEV, -ENXIO].entries()) {
        const bad = driver(`bad${index}`, 'test,dev', (pdev) => {
          devm_add_action(pdev.dev, () => void dmaCalls.push('release'), null);
          platform_set_drvdata(pdev, 'mine');
          return error;
        });
        await platform_driver_register(kernel, bad);
      }
      await platform_driver_register(
        kernel,
        driver('good', 'test,dev', () => 0),
      );
      await prepare(running);
    });
    const dev = kernel.drivers.find(deviceName(0))!;
    expect(dev.driver!.name).to.equal('good');
    expect(dev.driver_data).to.equal(null);
    const mine = dmaCalls.filter((call) => !call.includes('c000000'));
    expect(mine.filter((call) => call === 'release')).to.have.length(3);
    expect(mine.filter((call) => call.startsWith('cleanup'))).to.have.length(3);
    expect(kernel.drivers.failures.map(({ error }) => error)).to.deep.equal([-EIO]);
    expect(kernel.mm.statistics().kmallocObjects).to.equal(0);
  });

  it('a driver that throws is a recorded failure that surfaces, and leaves nothing locked', async () => {
    const running = makeRunningKernel({ tree: rootNode(node(0)) });
    const { kernel, sched } = running;
    let released = 0;
    let mood: 'throws in probe' | 'throws in remove' | 'well' = 'throws in probe';
    const drv = driver(
      'd',
      'test,dev',
      (pdev) => {
        devm_add_action(
          pdev.dev,
          () => {
            released++;
            if (mood === 'throws in remove') throw new KernelOops('wild in a managed resource');
          },
          null,
        );
        if (mood === 'throws in probe') throw new KernelOops('wild in probe');
        return 0;
      },
      () => {
        if (mood === 'throws in remove') throw new KernelOops('wild in remove');
      },
    );
    await sched.run(() => prepare(running));
    expect((await failure(sched.run(() => platform_driver_register(kernel, drv)))).message).to.equal('wild in probe');
    expect(released).to.equal(1);
    expect(kernel.drivers.failures).to.have.length(1);
    mood = 'throws in remove';
    await sched.run(async () => expect(await kernel.drivers.bind('d', deviceName(0))).to.equal(0));
    expect((await failure(sched.run(() => kernel.drivers.unbind('d', deviceName(0))))).message).to.equal(
      'wild in remove',
    );
    expect(released).to.equal(2);
    mood = 'well';
    await sched.run(async () => {
      expect(await kernel.drivers.bind('d', deviceName(0))).to.equal(0);
      expect(await kernel.drivers.unbind('d', deviceName(0))).to.equal(0);
    });
    expect(released).to.equal(3);
  });

  it('a probe that forgets its return value is a mistake that is named', async () => {
    const running = makeRunningKernel({ tree: rootNode(node(0)) });
    const { kernel, sched } = running;
    await sched.run(() => prepare(running));
    const forgetful = driver('forgetful', 'test,dev', () => undefined as unknown as number);
    const error = await failure(sched.run(() => platform_driver_register(kernel, forgetful)));
    expect(error).to.be.instanceOf(LabError);
    expect(error.message).to.match(/probe of driver 'forgetful' returned 'undefined'/);
  });

  it('retries deferred probes after each successful bind', async () => {
    const running = makeRunningKernel({ tree: rootNode(node(0), node(1), node(2)) });
    const { kernel, sched } = running;
    const ready = new Set<number>();
    const order: string[] = [];
    const dependent = (index: number, on: number | null): PlatformDriver =>
      driver(`d${index}`, `test,dev${index}`, async () => {
        await msleep(kernel, 1);
        order.push(`${index}`);
        if (on !== null && !ready.has(on)) return -EPROBE_DEFER;
        ready.add(index);
        return 0;
      });
    running.record();
    await sched.run(async () => {
      await prepare(running);
      await platform_driver_register(kernel, dependent(0, 1));
      await platform_driver_register(kernel, dependent(1, 2));
      expect(kernel.drivers.deferred).to.deep.equal([deviceName(0), deviceName(1)]);
      await platform_driver_register(kernel, dependent(2, null));
      await kernel.drivers.waitForProbes();
      expect(kernel.drivers.deferred).to.deep.equal([]);
    });
    expect([...ready].sort()).to.deep.equal([0, 1, 2]);
    expect(order).to.deep.equal(['0', '1', '2', '0', '1', '0']);
    expect(running.events.filter(({ type }) => type === 'probe-defer')).to.have.length(3);
    expect(sched.tasks).to.deep.equal([]);
  });

  it('an error of configuring DMA keeps all drivers away, a deferral is retried', async () => {
    const running = makeRunningKernel({ tree: rootNode(node(0)) });
    const { kernel, sched } = running;
    let probes = 0;
    let error = -EPROBE_DEFER;
    running.dmaConfigure = ({ name }) => (name === deviceName(0) ? error : 0);
    await sched.run(async () => {
      await prepare(running);
      await platform_driver_register(
        kernel,
        driver('d', 'test,dev', () => (probes++, 0)),
      );
      expect(probes).to.equal(0);
      expect(kernel.drivers.deferred).to.deep.equal([deviceName(0)]);
      error = 0;
      expect(await kernel.drivers.bind('d', deviceName(0))).to.equal(0);
      expect(kernel.drivers.deferred).to.deep.equal([]);
    });
    expect(probes).to.equal(1);
  });

  it('gives registers to one driver at a time, and takes them back', async () => {
    const overlapping: NodeSource = {
      name: 'dev@10000800',
      properties: [property('compatible', strings('test,dev')), property('reg', cells64(0x1000_0800, 0x100))],
    };
    const running = makeRunningKernel({ tree: rootNode(node(0), overlapping) });
    const { kernel, sched } = running;
    const mapped: (number | object)[] = [];
    const drv = driver('d', 'test,dev', (pdev) => {
      const io = devm_platform_ioremap_resource(pdev, 0);
      mapped.push(io);
      expect(devm_platform_ioremap_resource(pdev, 1)).to.equal(-EINVAL);
      return typeof io === 'number' ? io : 0;
    });
    const areas = kernel.mm.statistics().vmallocAreas;
    await sched.run(async () => {
      await prepare(running);
      await platform_driver_register(kernel, drv);
      expect(mapped[1]).to.equal(-EBUSY);
      await kernel.drivers.unbind('d', deviceName(0));
      expect(await kernel.drivers.bind('d', '10000800.dev')).to.equal(0);
      await platform_driver_unregister(kernel, drv);
    });
    expect(kernel.mm.statistics().vmallocAreas).to.equal(areas);
  });

  it('finds interrupts, and says -ENXIO where there is none', async () => {
    const running = makeRunningKernel({ tree: rootNode(node(0, property('interrupts', cells(7)))) });
    const { kernel, sched } = running;
    await sched.run(async () => {
      await prepare(running);
      const drv = driver('d', 'test,dev', (pdev) => {
        expect(platform_get_irq(pdev, 0)).to.be.above(0);
        expect(platform_get_irq(pdev, 1)).to.equal(-ENXIO);
        return 0;
      });
      await platform_driver_register(kernel, drv);
      expect(kernel.drivers.find(deviceName(0))!.driver).to.not.equal(null);
    });
  });

  it('agrees with a model, whatever is registered, bound, unbound and deferred', async () => {
    const DEVICES = 4;
    const index = fc.nat(DEVICES - 1);
    const act = fc.record({
      act: fc.constantFrom('register', 'unregister', 'bind', 'unbind', 'allow', 'forbid'),
      index,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
        const running = makeRunningKernel({ tree: rootNode(...Array.from({ length: DEVICES }, (_, i) => node(i))) });
        const { kernel, sched } = running;
        const allowed = new Set<number>();
        const [probes, removes, releases] = [
          [0, 0, 0, 0],
          [0, 0, 0, 0],
          [0, 0, 0, 0],
        ];
        const drivers = Array.from({ length: DEVICES }, (_, i) =>
          driver(
            `d${i}`,
            `test,dev${i}`,
            async (pdev) => {
              devm_add_action(
                pdev.dev,
                () => {
                  releases[i]!++;
                },
                null,
              );
              await sched.yield();
              probes[i]!++;
              return allowed.has(i) ? 0 : -EPROBE_DEFER;
            },
            () => {
              removes[i]!++;
            },
          ),
        );
        const model = Array.from({ length: DEVICES }, () => ({ registered: false, bound: false, deferred: false }));
        const afterBind = (): void => {
          let progress = true;
          while (progress) {
            progress = false;
            for (const [i, state] of model.entries()) {
              if (!state.deferred || !state.registered || !allowed.has(i)) continue;
              Object.assign(state, { bound: true, deferred: false });
              progress = true;
            }
          }
          for (const state of model) if (!state.registered) state.deferred = false;
        };
        const tryBind = (i: number, remember: boolean): void => {
          const state = model[i]!;
          if (allowed.has(i)) {
            Object.assign(state, { bound: true, deferred: false });
            afterBind();
          } else if (remember) state.deferred = true;
        };
        await sched.run(async () => {
          await prepare(running);
          for (const { act: what, index: i } of acts) {
            const state = model[i]!;
            if (what === 'allow') allowed.add(i);
            if (what === 'forbid') allowed.delete(i);
            if (what === 'register') {
              expect(await platform_driver_register(kernel, drivers[i]!)).to.equal(state.registered ? -EBUSY : 0);
              if (!state.registered) {
                state.registered = true;
                tryBind(i, true);
              }
            } else if (what === 'unregister' && state.registered) {
              await platform_driver_unregister(kernel, drivers[i]!);
              Object.assign(state, { registered: false, bound: false });
            } else if (what === 'bind') {
              const expected = !state.registered ? -ENOENT : state.bound ? -EBUSY : allowed.has(i) ? 0 : -EAGAIN;
              expect(await kernel.drivers.bind(`d${i}`, deviceName(i))).to.equal(expected);
              if (state.registered && !state.bound) tryBind(i, false);
            } else if (what === 'unbind') {
              const expected = !state.registered ? -ENOENT : state.bound ? 0 : -ENODEV;
              expect(await kernel.drivers.unbind(`d${i}`, deviceName(i))).to.equal(expected);
              state.bound = false;
            }
            await kernel.drivers.waitForProbes();
            const bound = model.map((_, at) => kernel.drivers.find(deviceName(at))!.driver !== null);
            expect(bound).to.deep.equal(model.map((each) => each.bound));
          }
        });
        for (let i = 0; i < DEVICES; i++) {
          expect(releases[i]).to.equal(probes[i]! - (model[i]!.bound ? 1 : 0));
        }
        expect(kernel.warned).to.deep.equal([]);
      }),
      { numRuns: 60 },
    );
  });
});
