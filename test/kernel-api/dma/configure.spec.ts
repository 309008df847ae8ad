import { expect } from 'chai';
import { dmaAddr, physAddr } from '../../../base/address';
import { ENODEV, EPROBE_DEFER } from '../../../base/errno';
import { assemble, cells, DeviceTree as FlattenedTree, property, type NodeSource } from '../../../base/fdt';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import { DMA_BIT_MASK, dma_set_mask_and_coherent } from '../../../kernel-api/dma/mapping';
import { DeviceIommu } from '../../../kernel-api/iommu/device-iommu';
import { IommuGroup } from '../../../kernel-api/iommu/iommu-group';
import { IOMMU_DOMAIN_IDENTITY, type IommuDomain } from '../../../kernel-api/iommu/iommu-domain';
import { DeviceTree } from '../../../kernel-api/of/device-tree';
import { makeDmaDevice, makeDmaKernel } from '../../support/dma-device';
import { FakeIommuDomain } from '../../support/fake-iommu-domain';

/** A bus with a device on it. @param ranges cells of `dma-ranges`: two of address, two of parent address, two of size */
const treeWith = (ranges: readonly number[] | null, ...flags: string[]): NodeSource => ({
  name: '',
  properties: [property('#address-cells', cells(2)), property('#size-cells', cells(2))],
  children: [
    {
      name: 'bus',
      properties: [
        property('#address-cells', cells(2)),
        property('#size-cells', cells(2)),
        property('ranges'),
        ...(ranges === null ? [] : [property('dma-ranges', cells(...ranges))]),
      ],
      children: [{ name: 'device', properties: flags.map((flag) => property(flag)) }],
    },
  ],
});

/** @param probe what finding the IOMMU answers; may set `dev.iommu` */
const setUp = (tree: NodeSource, probe: (dev: StructDevice) => number = () => -ENODEV) => {
  const kernel = makeDmaKernel();
  const of = new DeviceTree(kernel, new FlattenedTree(assemble(tree)));
  Object.defineProperty(kernel, 'of', { value: of });
  Object.defineProperty(kernel, 'iommu', { value: { probeDevice: probe } });
  const dev = makeDmaDevice(kernel);
  Object.assign(dev, { of_node: of.nodes.at(-1)! });
  return { kernel, dev };
};

const joins =
  (makeDomain: (dev: StructDevice) => IommuDomain) =>
  (dev: StructDevice): number => {
    if (dev.iommu !== null) return 0;
    dev.iommu = new DeviceIommu(dev.of_node!);
    dev.iommu.group = new IommuGroup(dev.kernel, 0);
    dev.iommu.group.default_domain = makeDomain(dev);
    return 0;
  };

const WINDOW = [0, 0x1000_0000, 0, 0x8000_0000, 0, 0x0400_0000];

describe('kernel-api/dma: configuring a device', () => {
  it('without anything said: 32 bits, coherent, direct', () => {
    const { kernel, dev } = setUp(treeWith(null));
    expect(kernel.dma.configure(dev)).to.equal(0);
    expect(dev.dma).to.deep.include({ dma_coherent: true, dma_range_map: null, iommu: null });
    expect(dev.dma.ops.name).to.equal('direct');
    expect(dev.dma.dma_mask).to.equal(DMA_BIT_MASK(32));
    expect(dev.dma.bus_dma_limit).to.equal(0n);
  });

  it('takes window and limit of the bus, and cuts the masks down to its address bits', () => {
    const { kernel, dev } = setUp(treeWith(WINDOW, 'dma-noncoherent'));
    expect(kernel.dma.configure(dev)).to.equal(0);
    expect(dev.dma.dma_coherent).to.equal(false);
    expect(dev.dma.bus_dma_limit).to.equal(0x13ff_ffffn);
    expect(dev.dma.dma_mask).to.equal(DMA_BIT_MASK(29));
    expect(dev.dma.coherent_dma_mask).to.equal(DMA_BIT_MASK(29));
    expect(dev.dma.dma_range_map!.toDma(physAddr(0x8000_0042))).to.equal(dmaAddr(0x1000_0042));
  });

  it('forgets the window when the driver goes, and keeps what masks it set', () => {
    const { kernel, dev } = setUp(treeWith(WINDOW));
    expect(kernel.dma.configure(dev)).to.equal(0);
    expect(dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64))).to.equal(0);
    kernel.dma.cleanup(dev);
    expect(dev.dma.dma_range_map).to.equal(null);
    expect(dev.dma.dma_mask).to.equal(DMA_BIT_MASK(64));
    expect(kernel.dma.configure(dev)).to.equal(0);
    expect(dev.dma.dma_mask).to.equal(DMA_BIT_MASK(29));
  });

  it('is put off until the IOMMU is there, and goes on without it after any other error', () => {
    const { kernel, dev } = setUp(treeWith(WINDOW), () => -EPROBE_DEFER);
    expect(kernel.dma.configure(dev)).to.equal(-EPROBE_DEFER);
    expect(dev.dma.dma_range_map).to.equal(null);
    expect(dev.dma.ops.name).to.equal('direct');
  });

  it('uses the translating domain of its group, with one allocator for all of its devices', () => {
    const { kernel, dev } = setUp(
      treeWith(null),
      joins((of) => new FakeIommuDomain(of.kernel)),
    );
    expect(kernel.dma.configure(dev)).to.equal(0);
    expect(dev.dma.ops.name).to.equal('iommu');
    const cookie = dev.dma.iommu;
    expect(cookie).to.equal(dev.iommu!.group!.default_domain!.cookie);
    const other = makeDmaDevice(kernel, 'other');
    Object.assign(other, { of_node: dev.of_node, iommu: dev.iommu });
    expect(kernel.dma.configure(other)).to.equal(0);
    expect(kernel.dma.configure(dev)).to.equal(0);
    expect(dev.dma.iommu).to.equal(cookie);
    expect(other.dma.iommu).to.equal(cookie);
  });

  it('maps directly in an identity domain', () => {
    const { kernel, dev } = setUp(
      treeWith(null),
      joins((of) => Object.assign(new FakeIommuDomain(of.kernel), { type: IOMMU_DOMAIN_IDENTITY })),
    );
    expect(kernel.dma.configure(dev)).to.equal(0);
    expect(dev.dma.ops.name).to.equal('direct');
    expect(dev.dma.iommu).to.equal(null);
  });

  it('does without an IOMMU that cannot map what the bus shows', () => {
    const { kernel, dev } = setUp(
      treeWith(WINDOW),
      joins((of) => new FakeIommuDomain(of.kernel, 0xff)),
    );
    expect(kernel.dma.configure(dev)).to.equal(0);
    expect(dev.dma.ops.name).to.equal('direct');
  });
});
