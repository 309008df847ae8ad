import {
  Completion,
  DMA_BIT_MASK,
  EIO,
  ETIMEDOUT,
  IRQ_HANDLED,
  IS_ERR,
  complete,
  devm_platform_ioremap_resource,
  devm_request_irq,
  dma_set_mask_and_coherent,
  msecs_to_jiffies,
  platform_driver_register,
  platform_driver_unregister,
  platform_get_drvdata,
  platform_get_irq,
  platform_set_drvdata,
  readl,
  reinit_completion,
  wait_for_completion_timeout,
  writel,
  writeq,
  type BusAttachment,
  type DmaAddr,
  type ExtraNode,
  type IoMem,
  type IrqHandler,
  type Kernel,
  type MachineOptions,
  type PlatformDevice,
  type PlatformDriver,
  type ScenarioContext,
  type StructDevice,
} from 'dmalab';
import { PacketEngine } from './packet-engine';

/** The engine's registers and their bits, as its driver knows them. */
export const REG = {
  ADDRESS: 0x00,
  TARGET: 0x08,
  LENGTH: 0x10,
  SEED: 0x14,
  PACKET: 0x18,
  COUNT: 0x1c,
  COMMAND: 0x20,
  STATUS: 0x24,
  RING: 0x28,
  RING_ENTRIES: 0x30,
  RING_HEAD: 0x34,
} as const;

export const COMMAND = { STOP: 0, RECEIVE: 1, SEND: 2, COPY: 3, RING: 4, CHECKSUM: 0x100, REPEAT: 0x200 } as const;

const STATUS = { DONE: 0x1, ERROR: 0x2, CHAIN: 0x4 } as const;

const COMPATIBLE = 'acme,packet-engine';

/** A node with a packet engine. */
export const engineNode = (label: string, bus?: BusAttachment): ExtraNode => ({
  label,
  compatible: [COMPATIBLE],
  device: () => new PacketEngine(),
  ...(bus === undefined ? {} : { bus }),
});

const MIB = 0x10_0000;

/**
 * A small board with one packet engine, `engine`, and nothing else that masters the bus. The engine does not snoop and is
 * behind an IOMMU, so that most bugs show.
 */
export const ENGINE_MACHINE: MachineOptions = {
  coherent: false,
  memory: [
    { base: 0x8000_0000, size: 16 * MIB },
    { base: 0x1_0000_0000, size: 16 * MIB },
  ],
  dmac: false,
  fifo: false,
  nodes: [engineNode('engine')],
};

/** What all drivers of the engine have in common: registers, interrupt, and one command at a time. */
export class Engine {
  readonly pdev: PlatformDevice;
  readonly regs: IoMem;
  /** What the interrupt handler found in the status register. */
  private status = 0;
  private readonly done: Completion;

  constructor(pdev: PlatformDevice, regs: IoMem) {
    this.pdev = pdev;
    this.regs = regs;
    this.done = new Completion(pdev.kernel, 'the packet engine');
  }

  get kernel(): Kernel {
    return this.pdev.kernel;
  }

  /** What buffers are mapped for. */
  get dev(): StructDevice {
    return this.pdev.dev;
  }

  readonly irq: IrqHandler = () => {
    this.status = readl(this.regs.add(REG.STATUS));
    writel(this.status, this.regs.add(REG.STATUS));
    complete(this.done);
    return IRQ_HANDLED;
  };

  /** Chooses what the next packets look like, and their length where they do not fill the buffer. */
  expect(seed: number, length = 0): void {
    writel(seed, this.regs.add(REG.SEED));
    writel(length, this.regs.add(REG.PACKET));
  }

  /** Begins a command and returns. `finish` waits for its end. */
  start(command: number, address: DmaAddr, length: number): void {
    reinit_completion(this.done);
    writeq(address, this.regs.add(REG.ADDRESS));
    writel(length, this.regs.add(REG.LENGTH));
    writel(command, this.regs.add(REG.COMMAND));
  }

  /** Begins to work on a ring, from its first descriptor on. */
  startRing(ring: DmaAddr, entries: number): void {
    reinit_completion(this.done);
    writeq(ring, this.regs.add(REG.RING));
    writel(entries, this.regs.add(REG.RING_ENTRIES));
    writel(0, this.regs.add(REG.RING_HEAD));
    writel(COMMAND.RING, this.regs.add(REG.COMMAND));
  }

  /** Waits for the interrupt. How many bytes moved, `-EIO` or `-ETIMEDOUT`. */
  async finish(): Promise<number> {
    const left = await wait_for_completion_timeout(this.done, msecs_to_jiffies(100));
    if (left === 0) {
      this.stop();
      return -ETIMEDOUT;
    }
    return (this.status & (STATUS.ERROR | STATUS.CHAIN)) === 0 ? readl(this.regs.add(REG.COUNT)) : -EIO;
  }

  /** The engine writes a packet to memory. */
  receive(address: DmaAddr, length: number): Promise<number> {
    this.start(COMMAND.RECEIVE, address, length);
    return this.finish();
  }

  /** The engine reads a packet from memory. */
  send(address: DmaAddr, length: number): Promise<number> {
    this.start(COMMAND.SEND, address, length);
    return this.finish();
  }

  copy(target: DmaAddr, source: DmaAddr, length: number): Promise<number> {
    writeq(target, this.regs.add(REG.TARGET));
    this.start(COMMAND.COPY, source, length);
    return this.finish();
  }

  ring(ring: DmaAddr, entries: number): Promise<number> {
    this.startRing(ring, entries);
    return this.finish();
  }

  /** The engine does nothing any more once this returns. */
  stop(): void {
    writel(COMMAND.STOP, this.regs.add(REG.COMMAND));
  }

  /** The model behind the registers. Only the scenario may look there, not a driver. */
  hardware(lab: ScenarioContext, label = 'engine'): PacketEngine {
    return lab.machine.hardware.device(label, PacketEngine);
  }
}

/** What a driver does in `probe` and `remove` beyond registers and interrupt. */
export interface EngineDriver {
  /** Bits of addresses that the driver claims. Default 64. */
  readonly mask?: number;
  readonly probe?: (engine: Engine) => number | Promise<number>;
  readonly remove?: (engine: Engine) => void | Promise<void>;
}

const probeEngine = (pdev: PlatformDevice, mask: number): Engine | number => {
  const regs = devm_platform_ioremap_resource(pdev, 0);
  if (IS_ERR(regs)) return regs;
  let error = dma_set_mask_and_coherent(pdev.dev, DMA_BIT_MASK(mask));
  if (error !== 0) return error;
  const irq = platform_get_irq(pdev, 0);
  if (irq < 0) return irq;
  const engine = new Engine(pdev, regs);
  error = devm_request_irq(pdev.dev, irq, engine.irq, 0, null, engine);
  return error === 0 ? engine : error;
};

/** The platform driver around it; `bound` gets its devices in the order in which they are probed. */
export const engineDriver = (own: EngineDriver, bound: Engine[]): PlatformDriver => ({
  driver: { name: 'packet-engine', of_match_table: [{ compatible: COMPATIBLE }] },
  async probe(pdev) {
    const engine = probeEngine(pdev, own.mask ?? 64);
    if (IS_ERR(engine)) return engine;
    platform_set_drvdata(pdev, engine);
    const error = (await own.probe?.(engine)) ?? 0;
    if (error === 0) bound.push(engine);
    return error;
  },
  async remove(pdev) {
    const engine = platform_get_drvdata<Engine>(pdev);
    engine.stop();
    await own.remove?.(engine);
  },
});

/**
 * Binds the driver to the machine's engines, lets `body` work with them, and unbinds it. Makes a `buggy` or `fixed` of an
 * exhibit.
 */
export const withEngines =
  (body: (engines: readonly Engine[], lab: ScenarioContext) => void | Promise<void>, own: EngineDriver = {}) =>
  async (lab: ScenarioContext): Promise<void> => {
    const engines: Engine[] = [];
    const driver = engineDriver(own, engines);
    lab.ok(await platform_driver_register(lab.kernel, driver), 'platform_driver_register');
    lab.check(engines.length > 0, 'the driver should be bound to a packet engine');
    await body(engines, lab);
    await platform_driver_unregister(lab.kernel, driver);
  };

/** The same for a machine with one engine. */
export const withEngine = (
  body: (engine: Engine, lab: ScenarioContext) => void | Promise<void>,
  own: EngineDriver = {},
): ((lab: ScenarioContext) => Promise<void>) => withEngines(([engine], lab) => body(engine!, lab), own);
