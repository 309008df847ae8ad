import { dmaAddrOf } from '../../../base/address';
import type { DriverEvent } from '../../../base/trace-events';
import type { Lease, LeaseKind } from '../lease';
import type { SanitizerState } from '../state';
import type { WatchedDevice } from '../watched-device';

/** What drivers map for devices of others; what is allocated there belongs to those. */
const STREAMING: ReadonlySet<LeaseKind> = new Set<LeaseKind>(['single', 'page', 'sg', 'iova']);

/** Drivers that come and go. */
export class BindingRules {
  private readonly state: SanitizerState;

  constructor(state: SanitizerState) {
    this.state = state;
  }

  bound({ device }: DriverEvent): void {
    const watched = this.state.devices.named(device);
    if (watched !== undefined) watched.unbound = null;
  }

  /** A driver is gone, and with it everything that was managed: what is still mapped was forgotten. */
  unbound({ device, driver }: DriverEvent): void {
    const watched = this.state.devices.named(device);
    if (watched === undefined) return;
    watched.unbound = this.state.recorder.now;
    for (const lease of watched.leases) if (!isKept(watched, lease)) this.leaked(lease, driver);
    for (const other of this.state.devices.all) if (other !== watched) this.leftWith(other, device, driver);
  }

  /** Buffers that the driver mapped for another device, such as a DMA controller, and never took back. */
  private leftWith(other: WatchedDevice, owner: string, driver: string): void {
    for (const lease of other.leases) {
      if (lease.owner === owner && STREAMING.has(lease.terms.kind)) this.leaked(lease, driver);
    }
  }

  private leaked(lease: Lease, driver: string): void {
    const { recorder } = this.state;
    const { device, name, terms } = lease;
    recorder.report({
      id: 'DMA-LEAK',
      device: device.name,
      severity: 'error',
      harm: 'possible',
      message: `${name}, made for ${device.name}, was still there when driver ${driver} had been unbound`,
      places: [
        [terms.kind === 'coherent' ? 'allocated' : 'mapped', lease.mapped],
        ['unbound', recorder.now],
      ],
      fault: terms.kind === 'coherent' ? 'allocated' : 'mapped',
      shape: lease.shape,
    });
  }
}

/** Memory of the typed APIs may outlive its driver: it has an owner, who gives it back. */
const isKept = ({ dev }: WatchedDevice, { terms }: Lease): boolean => {
  if (terms.kind !== 'coherent') return false;
  const { page, offset } = terms.devicePieces[0]!;
  const address = dmaAddrOf(page, offset);
  for (const { handle } of dev.dma.coherentAllocations) if (handle === address) return true;
  return false;
};
