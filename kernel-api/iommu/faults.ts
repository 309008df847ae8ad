import type { DmaAddr } from '../../base/address';
import { ENOSYS } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import type { IommuDomain, IommuFaultHandler } from './iommu-domain';

/** Flags of a fault handler (`include/linux/iommu.h`). */
export const IOMMU_FAULT_READ = 0;
export const IOMMU_FAULT_WRITE = 1;

/** A fault that an IOMMU reported, decoded. */
export interface IommuFault {
  /** Simulated time at which the kernel read the record, in nanoseconds. */
  readonly time: number;
  /** Name of the IOMMU's device. */
  readonly iommu: string;
  /** Name of the device that has this id, if one is known. */
  readonly device: string | null;
  /** `DID`: the id that the access carried. */
  readonly deviceId: number;
  readonly cause: number;
  readonly causeName: string;
  /** `TTYP`: the kind of access. */
  readonly ttyp: number;
  readonly ttypName: string;
  readonly write: boolean;
  /** `PID`, if the access carried one. */
  readonly processId: number | null;
  /** `iotval`: the I/O virtual address, bit for bit. */
  readonly iova: DmaAddr;
  /** `iotval2`: the guest physical address of a guest-page fault. */
  readonly iotval2: bigint;
}

/** Installs the handler of a domain. The DMA API's domains have none: a warning, and nothing happens. */
export const iommu_set_fault_handler = (domain: IommuDomain, handler: IommuFaultHandler, token: unknown): void => {
  if (domain.cookie !== null || domain.handler !== null) {
    domain.kernel.warn('iommu_set_fault_handler', 'the domain cannot take a fault handler');
    return;
  }
  domain.handler = handler;
  domain.handler_token = token;
};

/** Hands a fault to the handler of its domain; `-ENOSYS` if it has none. */
export const report_iommu_fault = (domain: IommuDomain, dev: StructDevice, iova: DmaAddr, flags: number): number =>
  domain.handler === null ? -ENOSYS : domain.handler(domain, dev, iova, flags, domain.handler_token);
