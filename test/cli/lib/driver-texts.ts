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
