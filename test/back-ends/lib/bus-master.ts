import { dmaOffsetOf, dmaPageOf, type DmaAddr } from '../../../base/address';
import { BUS_OK, type BusOutcome } from '../../../base/bus-outcome';
import type { MmioTarget } from '../../../emulator/bus/mmio';
import type { Device, DeviceHost } from '../../../emulator/device';
import { devm_platform_ioremap_resource, platform_driver_register, to_platform_device } from '../../../kernel-api';
import type { PlatformDriver } from '../../../kernel-api';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import type { BootedKernel } from '../../../kernel-api/boot/boot';
import { IS_ERR } from '../../../kernel-api/err';
import type { IoMem } from '../../../kernel-api/io/io-mem';
import type { Machine } from '../../../lab/machine';

/** What a bus master does when its doorbell is rung. */
interface Order {
  readonly write: boolean;
  readonly address: DmaAddr;
  readonly bytes: Uint8Array;
}

/** A bus master that does what it is told, whether it may or not: one access for each ring of its doorbell. */
export class BusMaster implements Device {
  readonly name = 'bus-master';
  readonly interruptCount = 0;
  readonly busMaster = true;
  /** What the next ring starts. */
  order: Order | null = null;
  /** What came of the last access. */
  outcome: BusOutcome = BUS_OK;
  private host: DeviceHost | undefined;

  readonly mmio: readonly MmioTarget[] = [
    { name: 'doorbell', size: 0x1000, read: () => BUS_OK, peek: () => BUS_OK, write: () => this.run() },
  ];

  connect(host: DeviceHost): void {
    this.host = host;
  }

  reset(): void {
    this.order = null;
  }

  private run(): BusOutcome {
    if (this.order === null) return BUS_OK;
    const { write, address, bytes } = this.order;
    const { dma } = this.host!;
    const [page, offset] = [dmaPageOf(address), dmaOffsetOf(address)];
    this.outcome = write
      ? dma.write(page, offset, bytes, 0, bytes.length)
      : dma.read(page, offset, bytes, 0, bytes.length);
    this.order = null;
    return BUS_OK;
  }
}

/** The kernel's side of a bus master: a bound device, and its doorbell. */
export class Master {
  readonly dev: StructDevice;
  readonly hardware: BusMaster;
  private readonly doorbell: IoMem;
  /** Whether the doorbell orders the stores before it, as `writel` does and `writel_relaxed` does not. */
  ordered = true;

  constructor(dev: StructDevice, hardware: BusMaster, doorbell: IoMem) {
    this.dev = dev;
    this.hardware = hardware;
    this.doorbell = doorbell;
  }

  /** What the device reads; an outcome other than `BUS_OK` if it must not. */
  read(address: DmaAddr, length: number): Uint8Array | BusOutcome {
    const bytes = new Uint8Array(length);
    const outcome = this.ring({ write: false, address, bytes });
    return outcome === BUS_OK ? bytes : outcome;
  }

  write(address: DmaAddr, bytes: Uint8Array): BusOutcome {
    return this.ring({ write: true, address, bytes });
  }

  private ring(order: Order): BusOutcome {
    this.hardware.order = order;
    if (this.ordered) this.doorbell.writel(0, 1);
    else this.doorbell.writel_relaxed(0, 1);
    return this.hardware.outcome;
  }
}

const COMPATIBLE = 'test,bus-master';

/** The nodes of machines with bus masters. */
export const masterNode = (label: string): { label: string; compatible: readonly string[]; device: () => Device } => ({
  label,
  compatible: [COMPATIBLE],
  device: () => new BusMaster(),
});

/** Binds a driver to the bus masters of a machine. @returns them in the order of `labels` */
export const bindMasters = async (
  kernel: BootedKernel,
  machine: Machine,
  labels: readonly string[],
): Promise<Master[]> => {
  const bound: { dev: StructDevice; regs: IoMem }[] = [];
  const driver: PlatformDriver = {
    driver: { name: 'bus-master', of_match_table: [{ compatible: COMPATIBLE }] },
    probe(pdev) {
      const regs = devm_platform_ioremap_resource(pdev, 0);
      if (IS_ERR(regs)) return regs;
      bound.push({ dev: pdev.dev, regs });
      return 0;
    },
  };
  const error = await platform_driver_register(kernel, driver);
  if (error !== 0 || bound.length !== labels.length) throw new Error(`bus masters: ${error}, ${bound.length} bound`);
  // Nodes are placed, and probed, in order; the register windows tell them apart in any case.
  bound.sort((a, b) => baseOf(a.dev) - baseOf(b.dev));
  return labels.map((label, i) => new Master(bound[i]!.dev, machine.hardware.device(label, BusMaster), bound[i]!.regs));
};

const baseOf = (dev: StructDevice): number => to_platform_device(dev).resources[0]!.start;
