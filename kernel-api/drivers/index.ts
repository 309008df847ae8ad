import { platform_driver_register, type PlatformDriver } from '../base/platform';
import { riscvIommuDriver } from '../iommu/riscv-iommu/driver';
import type { Kernel } from '../kernel';
import type { RequesterGates } from '../revocation/access-controllers';
import { requesterGateDriver } from '../revocation/requester-gate-driver';
import { installRevocation } from '../revocation/revocation';
import { dwAxiDmacDriver } from './dw-axi-dmac/driver';
import { streamFifoDriver } from './stream-fifo/stream-fifo';

/**
 * The drivers that the kernel has built in, in the order of their registration: what others depend on comes first, so
 * that few probes are deferred. Each kernel gets objects of its own.
 */
const builtinDrivers = (kernel: Kernel, gates: RequesterGates): PlatformDriver[] => [
  requesterGateDriver(gates),
  riscvIommuDriver(kernel),
  dwAxiDmacDriver(),
  streamFifoDriver(),
];

/** Registers all of them. Resolves when those that can be have been bound. */
export const registerBuiltinDrivers = async (kernel: Kernel): Promise<void> => {
  const gates: RequesterGates = new Map();
  installRevocation(kernel, gates);
  for (const driver of builtinDrivers(kernel, gates)) await platform_driver_register(kernel, driver);
};
