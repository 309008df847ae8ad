import type { StructDevice } from '../base/struct-device';
import type { DmaMapOps } from './dma-map-ops';

/**
 * Strict revocation keeps a device from the bus until its new driver means it to use memory: what the last driver left it doing
 * then meets a closed gate, not the memory of others. `pci_set_master` is the model. A driver need not call anything: it is
 * done when the driver is first given an address for the device.
 */

/**
 * Lets the device reach memory. For drivers whose devices use memory that nobody maps for them; all others have it done by
 * the first mapping or allocation. Nothing happens unless revocation is strict, and the second time.
 */
export const dma_set_master = (dev: StructDevice): void => {
  const { admission } = dev.dma;
  if (admission === null) return;
  dev.dma.admission = null;
  admission();
};

/**
 * Puts the admission of a device that waits for it in front of its back end, which has just been chosen: the first mapping or
 * allocation admits the device, and the back end itself is back then, so that mapping costs no more than before.
 */
export const guardOps = (dev: StructDevice): void => {
  const { dma } = dev;
  const { admission, ops } = dma;
  if (admission === null) return;
  dma.ops = admittingOps(ops);
  dma.admission = () => {
    dma.ops = ops;
    admission();
  };
};

const admittingOps = (ops: DmaMapOps): DmaMapOps => {
  const admit = (dev: StructDevice): DmaMapOps => {
    dma_set_master(dev);
    return ops;
  };
  const { noncontiguous } = ops;
  return {
    ...ops,
    mapPhys: (dev, ...rest) => admit(dev).mapPhys(dev, ...rest),
    mapSg: (dev, ...rest) => admit(dev).mapSg(dev, ...rest),
    alloc: (dev, ...rest) => admit(dev).alloc(dev, ...rest),
    allocPages: (dev, ...rest) => admit(dev).allocPages(dev, ...rest),
    ...(noncontiguous === undefined
      ? {}
      : {
          noncontiguous: {
            ...noncontiguous,
            alloc: (dev, ...rest) => {
              admit(dev);
              return noncontiguous.alloc(dev, ...rest);
            },
          },
        }),
  };
};
