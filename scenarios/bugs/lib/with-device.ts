import {
  DMA_BIT_MASK,
  IS_ERR,
  devm_platform_ioremap_resource,
  dma_set_mask_and_coherent,
  platform_driver_register,
  platform_driver_unregister,
  type IoMem,
  type PlatformDriver,
  type ScenarioContext,
  type StructDevice,
} from 'dmalab';

/** What a bound driver has. */
export interface BoundDevice {
  readonly dev: StructDevice;
  readonly regs: IoMem;
}

/** Binds a driver without interrupts to the one device that is compatible, lets `body` work with it, and unbinds it. */
export const withDevice =
  (compatible: string, body: (device: BoundDevice, lab: ScenarioContext) => void | Promise<void>) =>
  async (lab: ScenarioContext): Promise<void> => {
    const bound: BoundDevice[] = [];
    const driver: PlatformDriver = {
      driver: { name: 'exhibit', of_match_table: [{ compatible }] },
      probe(pdev) {
        const regs = devm_platform_ioremap_resource(pdev, 0);
        if (IS_ERR(regs)) return regs;
        const error = dma_set_mask_and_coherent(pdev.dev, DMA_BIT_MASK(64));
        if (error === 0) bound.push({ dev: pdev.dev, regs });
        return error;
      },
    };
    lab.ok(await platform_driver_register(lab.kernel, driver), 'platform_driver_register');
    await body(lab.ok(bound.at(0) ?? null, 'the device'), lab);
    await platform_driver_unregister(lab.kernel, driver);
  };
