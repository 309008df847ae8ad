import { expect } from 'chai';
import type { StructDevice } from '../../kernel-api/base/struct-device';
import { LabError } from '../../base/errors';
import { iommu_group_get } from '../../kernel-api/iommu/iommu';
import { platform_driver_register } from '../../kernel-api/base/platform';
import type { BusAttachment } from '../../lab/machine-options';
import { onMachine } from '../support/on-machine';
import { Engine } from './lib/engine';

/** Binds a driver to a device for each attachment. @returns the devices, in that order */
const withDevices = async (
  attachments: readonly BusAttachment[],
  body: (devices: StructDevice[]) => void,
): Promise<void> => {
  const nodes = attachments.map((bus, i) => ({
    label: `engine${i}`,
    compatible: ['test,engine'],
    device: () => new Engine(),
    bus,
  }));
  await onMachine({ dmac: false, fifo: false, nodes }, async (kernel) => {
    const devices: StructDevice[] = [];
    const driver = { name: 'engine', of_match_table: [{ compatible: 'test,engine' }] };
    await platform_driver_register(kernel, { driver, probe: ({ dev }) => (devices.push(dev), 0) });
    body(devices);
  });
};

describe('IOMMU groups', () => {
  it('are shared by devices with the same number, and by no others', () =>
    withDevices([{ iommuGroup: 7 }, {}, { iommuGroup: 7 }, { iommuGroup: 0 }, {}], (devices) => {
      const groups = devices.map((dev) => iommu_group_get(dev));
      expect(groups[0]).to.equal(groups[2]);
      expect(groups[0]!.devices).to.have.length(2);
      expect(new Set(groups).size).to.equal(4);
      expect(devices[0]!.dma.iommu).to.equal(devices[2]!.dma.iommu);
    }));

  it('have numbers of 32 bits', async () => {
    for (const iommuGroup of [-1, 0.5, 2 ** 32, NaN]) {
      let thrown: unknown;
      await withDevices([{ iommuGroup }], () => undefined).catch((error: unknown) => (thrown = error));
      expect(thrown).to.be.instanceOf(LabError);
    }
    await withDevices([{ iommuGroup: 0xffff_ffff }, { iommuGroup: 0xffff_ffff }], ([one, two]) =>
      expect(iommu_group_get(one!)).to.equal(iommu_group_get(two!)),
    );
  });
});
