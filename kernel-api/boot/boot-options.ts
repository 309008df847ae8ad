/** What the lab decides before the kernel starts; the rest comes from the device tree. */
export interface BootOptions {
  /**
   * What unbinding a driver revokes. `linux`: what Linux revokes, so that a leaking or careless driver does harm.
   * `strict`: the device is also attached to a blocking IOMMU domain and its requester gate is closed.
   */
  readonly revocation: 'linux' | 'strict';
  /** RAM below this address is ZONE_DMA. Without it the kernel has no such zone, like RISC-V's. */
  readonly zoneDma?: number;
  /** Handles the host's turn: lets pending promise callbacks run, once. Injected, as the core knows no host. */
  readonly hostTurn: () => Promise<void>;
}
