import type { RevocationHook } from '../base/driver-core';
import type { StructDevice } from '../base/struct-device';
import type { Kernel } from '../kernel';

/**
 * Takes the device's side of all live `DmaStream`s and `DmaCoherent`s away: unmapped, and forgotten by the IOMMU. The
 * memory stays with its owners, who can go on to read it.
 */
export const closeDeviceWindows = (dev: StructDevice): void => {
  for (const window of dev.dma.ostdWindows.list()) window.close();
};

/** After `remove`, before managed resources are released: nothing that is freed then can be hit. */
const atUnbind: RevocationHook = { afterRemove: closeDeviceWindows };

/** From now on unbinding a driver closes its device's windows. */
export const watchUnbinding = ({ drivers }: Kernel): void => {
  if (!drivers.revocation.includes(atUnbind)) drivers.revocation.push(atUnbind);
};
