import {
  BUS_OK,
  GFP_DMA32,
  GFP_KERNEL,
  __get_free_pages,
  expectBytes,
  expectPattern,
  fillPattern,
  firstDifference,
  free_pages,
  msleep,
  patternBytes,
  platform_driver_register,
  udelay,
  virt_to_phys,
  virtAddr,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import { copierDriver } from './copier';

/** What is bounced must fit into 256 KiB. */
const ORDER = 5;
const LENGTH = 4096 << ORDER;
/** About a third of the time that the whole copy takes. */
const HEAD_START_US = 12;
const OLD = 0x01d;
const NEW = 0x4e3;

/** Who is unbound while the copy runs. */
export type Victim = 'client' | 'controller';

/** Memory that devices on a bus of 32 bits reach as well, so that it is not bounced for them. */
const bufferOf = (lab: ScenarioContext): VirtAddr => {
  const address = __get_free_pages(lab.kernel, GFP_KERNEL | GFP_DMA32, ORDER);
  return address === 0 ? lab.fail('no memory for the buffers') : address;
};

const unbind = async (lab: ScenarioContext, victim: Victim, client: string): Promise<void> => {
  const { drivers } = lab.kernel;
  const driver = victim === 'client' ? client : 'dw_axi_dmac_platform';
  const device = lab.ok(drivers.devices.find((dev) => dev.driver?.name === driver) ?? null, `a device of ${driver}`);
  lab.ok(await drivers.unbind(driver, device.name), `unbinding ${driver}`);
};

/** The buffer as it is in RAM, whatever the CPU's cache holds of it. */
const inMemory = (lab: ScenarioContext, buffer: VirtAddr): Uint8Array => {
  const bytes = new Uint8Array(LENGTH);
  lab.equal(lab.machine.hardware.bus.peek(virt_to_phys(buffer), bytes, 0, LENGTH), BUS_OK, 'peek');
  return bytes;
};

/**
 * Starts a long copy, unbinds client or controller in the middle of it, and tells how many bytes of the destination
 * changed after `unbind` had returned.
 */
export const unbindMidCopy = async (lab: ScenarioContext, victim: Victim, careful: boolean): Promise<number> => {
  const { kernel } = lab;
  const source = bufferOf(lab);
  const target = bufferOf(lab);
  fillPattern(kernel, source, LENGTH, NEW);
  fillPattern(kernel, target, LENGTH, OLD);
  const isCoherent = kernel.dmaengine.devices[0]?.dev.dma.dma_coherent === true;
  const driver = copierDriver({ source, target, length: LENGTH }, careful);
  lab.ok(await platform_driver_register(kernel, driver), 'platform_driver_register');

  udelay(kernel, HEAD_START_US);
  await unbind(lab, victim, driver.driver.name);
  // Who unmaps nothing has no right to what the CPU sees: where devices do not snoop, that may be old.
  const isSeen = careful || isCoherent;
  const look = (): Uint8Array => (isSeen ? kernel.mm.read(target, LENGTH) : inMemory(lab, target));
  const after = look();
  const copied = firstDifference(after, patternBytes(NEW, 0, LENGTH));
  lab.check(copied > 0, 'the copy should have begun before the unbind');
  lab.check(copied < LENGTH, 'the copy should not have ended before the unbind');
  expectBytes(after.slice(copied), patternBytes(OLD, copied, LENGTH - copied), 'the part that was not copied yet');

  await msleep(kernel, 10);
  const later = look();
  let changed = 0;
  for (let i = 0; i < LENGTH; i++) if (later[i] !== after[i]) changed++;
  expectPattern(kernel, virtAddr(source), LENGTH, NEW, 'the source');
  lab.note(`unbound after ${copied} of ${LENGTH} bytes; ${changed} bytes changed afterwards`);
  if (changed === 0) for (const buffer of [source, target]) free_pages(kernel, buffer, ORDER);
  return changed;
};
