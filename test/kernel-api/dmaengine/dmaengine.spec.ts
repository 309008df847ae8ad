import { expect } from 'chai';

import { EIO, ENODEV, EPROBE_DEFER } from '../../../base/errno';
import {
  platform_driver_register,
  platform_driver_unregister,
  type PlatformDriver,
} from '../../../kernel-api/base/platform';
import { devm_add_action } from '../../../kernel-api/base/devres';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import {
  dma_async_issue_pending,
  dmaengine_prep_dma_memcpy,
  dmaengine_slave_config,
} from '../../../kernel-api/dmaengine/client';
import {
  devm_dma_request_chan,
  dma_async_device_register,
  dma_chan_name,
  dma_get_slave_channel,
  dma_release_channel,
  dma_request_chan,
  dma_request_chan_by_mask,
} from '../../../kernel-api/dmaengine/dmaengine';
import { DMA_CYCLIC, DMA_MEMCPY, DMA_PRIVATE, DMA_SLAVE, type DmaChan } from '../../../kernel-api/dmaengine/types';
import { IS_ERR } from '../../../kernel-api/err';
import type { Kernel } from '../../../kernel-api/kernel';
import { of_device_is_compatible } from '../../../kernel-api/of/property';
import { copyChannel, dmaMemory, submitCopy } from '../../support/dma-channel';
import { onMachine } from '../../support/on-machine';

const CONTROLLER = 'dw_axi_dmac_platform';

const deviceOf = (kernel: Kernel, driver: string): StructDevice => {
  const device = kernel.drivers.devices.find((dev) => dev.driver?.name === driver);
  if (device === undefined) throw new Error(`nothing is bound to ${driver}`);
  return device;
};

const byCompatible = (kernel: Kernel, compatible: string): StructDevice => {
  const device = kernel.drivers.devices.find(
    ({ of_node }) => of_node !== null && of_device_is_compatible(of_node, compatible),
  );
  if (device === undefined) throw new Error(`no device ${compatible}`);
  return device;
};

const warningsOf = (kernel: Kernel, body: () => void): number => {
  const before = kernel.warnings;
  body();
  return kernel.warnings - before;
};

/** A node that has channels of the controller, and no driver of its own. */
const CLIENT = {
  fifo: false,
  nodes: [
    {
      label: 'client',
      compatible: ['test,client'],
      dmas: [
        { controller: 'dmac', request: 3, name: 'rx' },
        { controller: 'dmac', request: 4, name: 'tx' },
        { controller: 'dmac', request: 32, name: 'far' },
      ],
    },
  ],
} as const;

describe('dmaengine', () => {
  it('gives out a channel by mask, one after the other, until there is none', () =>
    onMachine({ dmac: { channels: 3 }, fifo: false }, (kernel) => {
      const channels = [1, 2, 3].map(() => copyChannel(kernel));
      expect(channels.map(dma_chan_name)).to.deep.equal(['dma0chan0', 'dma0chan1', 'dma0chan2']);
      expect(channels.map(({ client_count }) => client_count)).to.deep.equal([1, 1, 1]);
      expect(dma_request_chan_by_mask(kernel, DMA_MEMCPY)).to.equal(-ENODEV);
      dma_release_channel(channels[1]!);
      expect(dma_chan_name(copyChannel(kernel))).to.equal('dma0chan1');
    }));

  it('knows no channel for a capability that nobody has', () =>
    onMachine({}, (kernel) => {
      expect(dma_request_chan_by_mask(kernel, 1 << 20)).to.equal(-ENODEV);
    }));

  it('defers while there is no controller at all', () =>
    onMachine({ dmac: false }, (kernel) => {
      expect(dma_request_chan_by_mask(kernel, DMA_MEMCPY)).to.equal(-EPROBE_DEFER);
    }));

  it('finds a channel by its name in the device tree', () =>
    onMachine(CLIENT, (kernel) => {
      const dev = byCompatible(kernel, 'test,client');
      const chan = dma_request_chan(dev, 'tx') as DmaChan;
      expect(chan.name).to.equal('dma:tx');
      expect(chan.slave).to.equal(dev);
      expect((chan as unknown as { handshake: number }).handshake).to.equal(4);
      expect(kernel.dmaengine.channelsOf(dev)).to.deep.equal([chan]);
      dma_release_channel(chan);
      expect(chan.name).to.equal(null);
      expect(chan.slave).to.equal(null);
    }));

  it('has no channel for an unknown name, a node without dmas, or a handshake that the controller does not have', () =>
    onMachine(CLIENT, (kernel) => {
      const dev = byCompatible(kernel, 'test,client');
      expect(dma_request_chan(dev, 'other')).to.equal(-ENODEV);
      expect(dma_request_chan(dev, '')).to.equal(-ENODEV);
      expect(dma_request_chan(deviceOf(kernel, CONTROLLER), 'tx')).to.equal(-ENODEV);
      expect(dma_request_chan(dev, 'far')).to.equal(-ENODEV);
    }));

  it('has no channel for a name when all are taken', () =>
    onMachine({ ...CLIENT, dmac: { channels: 1 } }, (kernel) => {
      copyChannel(kernel);
      expect(dma_request_chan(byCompatible(kernel, 'test,client'), 'tx')).to.equal(-ENODEV);
    }));

  it('defers while the controller has no driver, and finds it once it has', () =>
    onMachine(CLIENT, async (kernel) => {
      const dev = byCompatible(kernel, 'test,client');
      const { name } = deviceOf(kernel, CONTROLLER);
      expect(await kernel.drivers.unbind(CONTROLLER, name)).to.equal(0);
      expect(dma_request_chan(dev, 'tx')).to.equal(-EPROBE_DEFER);
      expect(await kernel.drivers.bind(CONTROLLER, name)).to.equal(0);
      expect(IS_ERR(dma_request_chan(dev, 'tx'))).to.equal(false);
    }));

  it('probes a client that deferred as soon as the controller is there', () =>
    onMachine(CLIENT, async (kernel) => {
      const { name } = deviceOf(kernel, CONTROLLER);
      await kernel.drivers.unbind(CONTROLLER, name);
      const probes: (number | string)[] = [];
      const driver: PlatformDriver = {
        driver: { name: 'client', of_match_table: [{ compatible: 'test,client' }] },
        probe: ({ dev }) => {
          const chan = devm_dma_request_chan(dev, 'rx');
          probes.push(IS_ERR(chan) ? chan : dma_chan_name(chan));
          return IS_ERR(chan) ? chan : 0;
        },
      };
      await platform_driver_register(kernel, driver);
      expect(kernel.drivers.deferred).to.have.length(1);
      await kernel.drivers.bind(CONTROLLER, name);
      await kernel.drivers.waitForProbes();
      expect(probes).to.deep.equal([-EPROBE_DEFER, 'dma1chan0']);
      expect(kernel.drivers.deferred).to.deep.equal([]);
      await platform_driver_unregister(kernel, driver);
      expect(kernel.dmaengine.devices[0]!.channels.map(({ client_count }) => client_count))
        .to.include(0)
        .and.not.include(1);
    }));

  it('marks a controller private while somebody holds a channel of it', () =>
    onMachine({ fifo: false }, (kernel) => {
      const [device] = kernel.dmaengine.devices;
      const first = copyChannel(kernel);
      const second = copyChannel(kernel);
      expect(device!.cap_mask & DMA_PRIVATE).to.equal(DMA_PRIVATE);
      dma_release_channel(first);
      expect(device!.cap_mask & DMA_PRIVATE).to.equal(DMA_PRIVATE);
      dma_release_channel(second);
      expect(device!.cap_mask & DMA_PRIVATE).to.equal(0);
    }));

  it('warns of a channel that is released twice, and leaves it as it is', () =>
    onMachine({}, (kernel) => {
      const chan = copyChannel(kernel);
      dma_release_channel(chan);
      expect(warningsOf(kernel, () => dma_release_channel(chan))).to.equal(1);
      expect(chan.client_count).to.equal(0);
      expect(copyChannel(kernel)).to.equal(chan);
    }));

  it('does not give a held channel to somebody else', () =>
    onMachine({}, (kernel) => {
      const chan = copyChannel(kernel);
      expect(dma_get_slave_channel(chan)).to.equal(null);
    }));

  it('refuses a controller that claims what it has no operation for', () =>
    onMachine({}, (kernel) => {
      const [device] = kernel.dmaengine.devices;
      for (const [mask, operation] of [
        [DMA_MEMCPY, 'device_prep_dma_memcpy'],
        [DMA_SLAVE, 'device_prep_slave_sg'],
        [DMA_CYCLIC, 'device_prep_dma_cyclic'],
      ] as const) {
        const broken = { ...device!, cap_mask: mask, [operation]: undefined };
        expect(dma_async_device_register(broken), operation).to.equal(-EIO);
      }
      expect(kernel.dmaengine.devices).to.have.length(1);
    }));

  it('answers for a controller that lacks an operation', () =>
    onMachine({}, (kernel) => {
      const chan = copyChannel(kernel);
      const bare = { ...chan, device: { ...chan.device } };
      delete bare.device.device_prep_dma_memcpy;
      delete bare.device.device_config;
      expect(dmaengine_prep_dma_memcpy(bare, 0n as never, 0n as never, 1, 0)).to.equal(null);
      expect(dmaengine_slave_config(bare, {})).to.equal(-38);
    }));

  it('gives up the channel of a probe that fails after it was requested, if it is managed', () =>
    onMachine(CLIENT, async (kernel) => {
      const driver: PlatformDriver = {
        driver: { name: 'client', of_match_table: [{ compatible: 'test,client' }] },
        probe: ({ dev }) => (IS_ERR(devm_dma_request_chan(dev, 'rx')) ? -ENODEV : -EIO),
      };
      await platform_driver_register(kernel, driver);
      expect(kernel.dmaengine.devices[0]!.channels.every(({ client_count }) => client_count === 0)).to.equal(true);
    }));

  it('under strict revocation stops a channel that its client holds before managed memory is freed', () =>
    onMachine({ ...CLIENT, revocation: 'strict' }, async (kernel) => {
      const seen: (number | boolean)[] = [];
      const driver: PlatformDriver = {
        driver: { name: 'client', of_match_table: [{ compatible: 'test,client' }] },
        probe: ({ dev }) => {
          const chan = copyChannel(kernel) as DmaChan & { readonly enabled: boolean };
          const memory = dmaMemory(chan, 0x1_0000);
          submitCopy(chan, memory.dma, memory.dma, 0x1_0000);
          dma_async_issue_pending(chan);
          seen.push(chan.enabled);
          return devm_add_action(dev, () => void seen.push(chan.enabled, chan.client_count), null);
        },
      };
      await platform_driver_register(kernel, driver);
      await platform_driver_unregister(kernel, driver);
      expect(seen).to.deep.equal([true, false, 1]);
      expect(kernel.dmaengine.devices[0]!.channels.every(({ client_count }) => client_count === 0)).to.equal(true);
    }));

  it('charges a channel that is requested by mask to the device whose probe asks for it', () =>
    onMachine(CLIENT, async (kernel) => {
      let taken: DmaChan | undefined;
      const driver: PlatformDriver = {
        driver: { name: 'client', of_match_table: [{ compatible: 'test,client' }] },
        probe: () => {
          taken = copyChannel(kernel);
          return 0;
        },
      };
      await platform_driver_register(kernel, driver);
      expect(taken!.slave).to.equal(byCompatible(kernel, 'test,client'));
      expect(copyChannel(kernel).slave).to.equal(null);
    }));
});
