import {
  ENOMEM,
  GFP_KERNEL,
  dmam_alloc_coherent,
  expectBytes,
  out,
  patternBytes,
  platform_driver_register,
  platform_driver_unregister,
  platform_get_drvdata,
  usleep_range,
  type DmaAddr,
  type PlatformDevice,
  type PlatformDriver,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import { COMMAND, ENGINE_MACHINE, engineDriver, type Engine } from './lib/engine';
import { exhibit } from './lib/exhibit';
import { judgeThat } from './lib/verdict';

/** What the engine writes over and over. */
const LENGTH = 512;
const SEED = 29;
const RUNNING_US = 20;

/** Where its driver looks. */
interface Log {
  cpu: VirtAddr;
}

/** The memory is managed: whatever happens, it is given back when the driver is unbound. */
const probe = (engine: Engine, log: Log): number => {
  const handle = out(0n as DmaAddr);
  log.cpu = dmam_alloc_coherent(engine.dev, LENGTH, handle, GFP_KERNEL);
  if (log.cpu === 0) return -ENOMEM;
  engine.expect(SEED);
  engine.start(COMMAND.RECEIVE | COMMAND.REPEAT, handle.value, LENGTH); // BUG
  return 0;
};

type Remove = (pdev: PlatformDevice) => void;

/** All is managed, so there is nothing to do. But nobody manages the engine. */
const removeBuggy: Remove = () => undefined;

/** Stops the engine before its memory goes. */
const removeFixed: Remove = (pdev) => platform_get_drvdata<Engine>(pdev).stop();

const isBusy = (lab: ScenarioContext, engine: Engine): boolean =>
  engine.hardware(lab).registers.register('STATUS').field('BUSY') !== 0;

const scene =
  (remove: Remove) =>
  async (lab: ScenarioContext): Promise<void> => {
    const { kernel } = lab;
    const engines: Engine[] = [];
    const log: Log = { cpu: 0 as VirtAddr };
    const driver: PlatformDriver = {
      ...engineDriver({ probe: (engine) => probe(engine, log) }, engines),
      remove,
    };
    lab.ok(await platform_driver_register(kernel, driver), 'platform_driver_register');
    await usleep_range(kernel, RUNNING_US, 2 * RUNNING_US);
    expectBytes(kernel.mm.read(log.cpu, LENGTH), patternBytes(SEED, 0, LENGTH), 'the log');
    // Harmless by itself; but from here on nobody is left who could stop the engine.
    await platform_driver_unregister(kernel, driver);
    const [engine] = engines;
    const before = engine!.hardware(lab).refused;
    await usleep_range(kernel, RUNNING_US, 2 * RUNNING_US);
    const { refused } = engine!.hardware(lab);
    judgeThat(lab, !isBusy(lab, engine!), 'the engine writes to memory that its driver has given back');
    judgeThat(lab, refused === before, 'the engine tries to write to memory that its driver has given back');
  };

export default exhibit({
  number: 29,
  name: 'dma-after-unbind',
  title: 'A driver is unbound and leaves its device at work',
  example: 'enjoy-digital/litex_m2sdr#145; CVE-2021-28702',
  dmaDebug: 'N',
  reports: ['DMA-AFTER-UNBIND'],
  shows: 'everywhere',
  machine: { ...ENGINE_MACHINE, revocation: 'linux' },
  buggy: scene(removeBuggy),
  fixed: scene(removeFixed),
});
