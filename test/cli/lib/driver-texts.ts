/** What differs between the drivers of these tests. */
export interface DriverText {
  readonly name: string;
  /** More members of the scenario. */
  readonly members?: string;
  /** What is done instead of unmapping a second time. */
  readonly then?: string;
}

/** The text of a scenario whose driver unmaps twice, both in line 5. */
export const unmapsTwice = ({ name, members = '', then = 'release(dev, address);' }: DriverText): string =>
  `import { DMA_TO_DEVICE, GFP_KERNEL, dma_map_single, dma_mapping_error, dma_unmap_single, kfree, kmalloc } from 'dmalab';
import { scenario, type DmaAddr, type StructDevice } from 'dmalab';

const release = (dev: StructDevice, address: DmaAddr): void => {
  dma_unmap_single(dev, address, 100, DMA_TO_DEVICE);
};

export default scenario({
  name: '${name}',
  machine: { iommu: true },${members}
  run: (lab) => {
    const { kernel } = lab;
    const { dev } = kernel.dmaengine.devices[0]!;
    const buffer = kmalloc(kernel, 100, GFP_KERNEL);
    console.log('a buffer is being mapped');
    setImmediate(() => console.log('in the next turn'));
    const address = dma_map_single(dev, buffer, 100, DMA_TO_DEVICE);
    lab.ok(dma_mapping_error(dev, address), 'dma_map_single');
    release(dev, address);
    ${then}
    kfree(kernel, buffer);
  },
});
`;

/** The text of a scenario whose interrupt handler throws in line 16, without having quietened the device. */
export const throwsInHandler = (name: string): string => `import * as dmalab from 'dmalab';

class Bell implements dmalab.Device {
  readonly name = 'bell';
  readonly interruptCount = 1;
  readonly busMaster = false;
  readonly registers = new dmalab.RegisterBlock(dmalab.defineBlock({ name: 'bell', size: 4096, registers: { RING: { offset: 0, width: 4 } } }));
  readonly mmio = [this.registers];
  connect(host: dmalab.DeviceHost): void {
    this.registers.hook('RING', { afterWrite: () => host.interrupts[0]!.set(true) });
  }
  reset(): void {}
}

const handler = (): number => {
  throw new Error('not in here');
};

const driver: dmalab.PlatformDriver = {
  driver: { name: 'bell', of_match_table: [{ compatible: 'acme,bell' }] },
  probe(pdev) {
    const regs = dmalab.devm_platform_ioremap_resource(pdev, 0);
    dmalab.devm_request_irq(pdev.dev, dmalab.platform_get_irq(pdev, 0), handler, 0, null, pdev);
    dmalab.writel(1, regs as dmalab.IoMem);
    return 0;
  },
};

export default dmalab.scenario({
  name: '${name}',
  machine: { nodes: [{ label: 'bell', compatible: ['acme,bell'], device: () => new Bell() }] },
  run: async ({ kernel }) => {
    await dmalab.platform_driver_register(kernel, driver);
    await dmalab.msleep(kernel, 1);
  },
});
`;
