import {
  DMA_BIT_MASK,
  ENOMEM,
  GFP_KERNEL,
  IS_ERR,
  devm_platform_ioremap_resource,
  dma_alloc_coherent,
  dma_set_mask_and_coherent,
  msleep,
  out,
  platform_driver_register,
  platform_get_drvdata,
  platform_set_drvdata,
  scenario,
  to_platform_device,
  writel,
  writeq,
  type DmaAddr,
  type PlatformDriver,
  type VirtAddr,
} from 'dmalab';
import { Ticker } from './lib/ticker';

/**
 * A driver without `remove`: it neither stops its device nor frees the memory that the device counts in. As on Linux, that
 * memory would stay mapped; only strict revocation keeps the device from it. The driver's data is the memory's address.
 */
const tickerDriver: PlatformDriver = {
  driver: { name: 'ticker', of_match_table: [{ compatible: 'acme,ticker' }] },
  probe(pdev) {
    const regs = devm_platform_ioremap_resource(pdev, 0);
    if (IS_ERR(regs)) return regs;
    const error = dma_set_mask_and_coherent(pdev.dev, DMA_BIT_MASK(64));
    if (error !== 0) return error;
    const handle = out(0n as DmaAddr);
    const counter = dma_alloc_coherent(pdev.dev, 64, handle, GFP_KERNEL);
    if (counter === 0) return -ENOMEM;
    platform_set_drvdata(pdev, counter);
    writeq(handle.value, regs);
    writel(1, regs.add(8));
    return 0;
  },
};

export default scenario({
  name: 'own-device',
  description: "a scenario's own bus master, whose driver forgets it: revoked, each access is a fault record",
  machine: {
    revocation: 'strict',
    nodes: [{ label: 'ticker', compatible: ['acme,ticker'], device: () => new Ticker() }],
  },
  matrix: { translation: 'all', coherency: 'all', mask: 'all', cache: 'all' },
  // What the driver forgets is what this is about.
  reports: { expect: ['DMA-LEAK', 'DMA-AFTER-UNBIND'] },
  async run(lab) {
    const { kernel, machine } = lab;
    lab.ok(await platform_driver_register(kernel, tickerDriver), 'platform_driver_register');
    const device = lab.ok(kernel.drivers.devices.find((dev) => dev.driver?.name === 'ticker') ?? null, 'the device');
    const counter = platform_get_drvdata<VirtAddr>(to_platform_device(device));
    const ticker = machine.hardware.device('ticker', Ticker);
    await msleep(kernel, 1);
    lab.check(kernel.mm.load32(counter) > 0, 'the device should have counted in memory');
    lab.equal(ticker.refused, 0, 'refused attempts while the driver is bound');

    lab.ok(await kernel.drivers.unbind('ticker', device.name), 'unbind');
    const attempts = ticker.attempts;
    const last = kernel.mm.load32(counter);
    await msleep(kernel, 1);
    lab.check(ticker.attempts > attempts, 'the device should have gone on trying');
    lab.equal(kernel.mm.load32(counter), last, 'the counter in memory, after unbind');

    ticker.reset();
    await msleep(kernel, 1);
    // Without an IOMMU it is the requester gate that turns the device away, which keeps no records.
    const records = machine.hardware.iommu === undefined ? 0 : ticker.refused;
    lab.equal(kernel.iommu.faults.length, records, 'fault records, one for each refused attempt');
    const why = kernel.iommu.faults.at(-1)?.causeName ?? 'turned away by the gate';
    lab.note(`${ticker.attempts - attempts} attempts after unbind, all refused: ${why}`);
  },
});
