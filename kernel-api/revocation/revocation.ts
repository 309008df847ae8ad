import { errnoName } from '../../base/errno';
import { dev_err } from '../base/dev-printk';
import type { StructDevice } from '../base/struct-device';
import type { Kernel } from '../kernel';
import { gatesOf, type RequesterGates } from './access-controllers';

/**
 * Strict revocation: a device without a driver reaches no memory, whatever its last driver left it doing.
 *
 * Behind an IOMMU the device is blocked there: its context is invalid, so that every access is answered with an error and
 * a fault record. The requester gate stands behind the IOMMU and is closed as well: for devices that no IOMMU blocks, and
 * for those that share their group with a device that is still at work.
 */

/** Puts the hooks into the driver core, if the kernel was booted with strict revocation. Once, before drivers bind. */
export const installRevocation = (kernel: Kernel, gates: RequesterGates): void => {
  if (kernel.options.revocation !== 'strict') return;
  kernel.drivers.revocation.push({
    beforeBind: (dev) => admit(dev, gates),
    afterRemove: (dev) => revoke(dev, gates),
  });
};

/**
 * Before a driver is bound: what `revoke` did at the IOMMU is undone. The gate stays closed, or is closed for the first time, until
 * the driver is given an address for the device (`dma_set_master`): whatever the device still does is of its last driver's.
 * 0; `-EPROBE_DEFER` while a gate on the device's way has no driver; or what attaching the default domain returned.
 */
const admit = (dev: StructDevice, gates: RequesterGates): number => {
  const passages = gatesOf(dev, gates);
  if (typeof passages === 'number') return passages;
  const group = dev.iommu?.group ?? null;
  if (group !== null && group.default_domain !== null) {
    const error = group.setDomain(group.default_domain);
    if (error !== 0) return error;
  }
  for (const { gate, requester } of passages) gate.close(requester);
  dev.dma.admission = () => {
    for (const { gate, requester } of passages) gate.open(requester);
  };
  return 0;
};

/** After `remove`: when this returns, no access of the device changes memory any more. */
const revoke = (dev: StructDevice, gates: RequesterGates): void => {
  block(dev);
  dev.dma.admission = null;
  const passages = gatesOf(dev, gates);
  if (typeof passages === 'number') return;
  for (const { gate, requester } of passages) {
    const error = gate.close(requester);
    if (error !== 0) dev_err(dev, `the gate does not guard requester ${requester} (${errnoName(error)})`);
  }
};

/** Attaches the blocking domain; the directory and translation caches are invalidated, and that waited for, in there. */
const block = (dev: StructDevice): void => {
  const state = dev.iommu;
  if (state === null || state.iommu === null || state.group === null) return;
  const shared = state.group.devices.some((other) => other !== dev && other.driver !== null);
  if (shared) return;
  const error = state.group.setDomain(state.iommu.ops.blocked_domain);
  if (error !== 0) dev_err(dev, `cannot be blocked by its IOMMU (${errnoName(error)})`);
};
