import { expect } from 'chai';
import { ENODEV } from '../../../base/errno';
import type { BootedKernel } from '../../../kernel-api/boot/boot';
import {
  platform_driver_register,
  platform_driver_unregister,
  type PlatformDriver,
} from '../../../kernel-api/base/platform';
import { dma_request_chan_by_mask } from '../../../kernel-api/dmaengine/dmaengine';
import { DMA_MEMCPY, type DmaChan } from '../../../kernel-api/dmaengine/types';
import { msleep } from '../../../kernel-api/sched/delay';
import { kthread_run } from '../../../kernel-api/sched/kthread';
import { WorkStruct, schedule_work } from '../../../kernel-api/sched/workqueue';
import { onMachine } from '../../support/on-machine';

const NODE = { nodes: [{ label: 'client', compatible: ['test,client'] }], fifo: false } as const;

/** A driver that leaves it to `start` to ask for a channel, and never gives it back. */
const clientDriver = (start: () => void): PlatformDriver => ({
  driver: { name: 'client', of_match_table: [{ compatible: 'test,client' }] },
  probe: () => {
    start();
    return 0;
  },
});

const held = (kernel: BootedKernel): DmaChan[] =>
  kernel.dmaengine.devices[0]!.channels.filter(({ client_count }) => client_count > 0);

describe('dmaengine: whose a channel is', () => {
  const ways: [string, (kernel: BootedKernel, request: () => void) => void][] = [
    ['a thread made in probe', (kernel, request) => void kthread_run(kernel, () => (request(), 0), 'worker')],
    ['a work item made in probe', (kernel, request) => void schedule_work(new WorkStruct(kernel, request))],
  ];
  for (const [who, start] of ways) {
    it(`belongs to the device if ${who} asks for it, and is revoked with it`, () =>
      onMachine({ ...NODE, revocation: 'strict' }, async (kernel) => {
        const request = (): void => void dma_request_chan_by_mask(kernel, DMA_MEMCPY);
        const driver = clientDriver(() => start(kernel, request));
        await platform_driver_register(kernel, driver);
        await msleep(kernel, 1);
        expect(held(kernel).map(({ slave }) => slave?.name)).to.deep.equal(['client']);
        await platform_driver_unregister(kernel, driver);
        expect(held(kernel)).to.deep.equal([]);
      }));
  }

  it('gives none to what an unbound driver left running, under strict revocation', () =>
    onMachine({ ...NODE, revocation: 'strict' }, async (kernel) => {
      const answers: unknown[] = [];
      const late = async (): Promise<number> => {
        await msleep(kernel, 20);
        answers.push(dma_request_chan_by_mask(kernel, DMA_MEMCPY));
        return 0;
      };
      const driver = clientDriver(() => void kthread_run(kernel, late, 'late'));
      await platform_driver_register(kernel, driver);
      await platform_driver_unregister(kernel, driver);
      await msleep(kernel, 50);
      expect(answers).to.deep.equal([-ENODEV]);
    }));

  it('is nobody in particular of a scenario itself', () =>
    onMachine(NODE, (kernel) => {
      dma_request_chan_by_mask(kernel, DMA_MEMCPY);
      expect(held(kernel).map(({ slave }) => slave)).to.deep.equal([null]);
    }));
});
