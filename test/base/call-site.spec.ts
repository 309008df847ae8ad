import { expect } from 'chai';

import { dmaAddr } from '../../base/address';
import { callSite } from '../../base/call-site';
import { DMA_TO_DEVICE } from '../../kernel-api/dma/direction';
import { dma_unmap_single } from '../../kernel-api/dma/mapping';
import { GFP_KERNEL } from '../../kernel-api/gfp';
import { kfree, kmalloc } from '../../kernel-api/mm/kmalloc';
import { onMachine } from '../support/on-machine';

const here = (): string | null => callSite();

/** The line of this file that a frame of the stack has. */
const lineHere = (): number => Number(/call-site\.spec\.ts:(\d+)/.exec(new Error().stack!.split('\n')[2]!)![1]);

describe('the line of a driver', () => {
  it('is that of the first frame outside of the project', () => {
    expect(here()).to.match(/test\/base\/call-site\.spec\.ts:\d+$/);
    const deep = (depth: number): string | null => (depth === 0 ? callSite() : deep(depth - 1));
    expect(deep(40)).to.match(/call-site\.spec\.ts:\d+$/);
  });

  it('comes with a warning of the kernel: the call that is wrong', async () => {
    const sites: (string | null)[] = [];
    const lines: number[] = [];
    await onMachine({}, (kernel) => {
      kernel.trace.subscribe(({ event }) => {
        if (event.type === 'warn') sites.push(event.site);
      });
      const dev = kernel.drivers.devices.find(({ driver }) => driver?.name === 'dw_axi_dmac_platform')!;
      lines.push(lineHere() + 1);
      dma_unmap_single(dev, dmaAddr(0x123000n), 100, DMA_TO_DEVICE);
      const object = kmalloc(kernel, 100, GFP_KERNEL);
      kfree(kernel, object);
      lines.push(lineHere() + 1);
      kfree(kernel, object);
    });
    expect(sites.map((site) => Number(site?.split(':').at(-1)))).to.deep.equal(lines);
    for (const site of sites) expect(site).to.contain('test/base/call-site.spec.ts');
  });
});
