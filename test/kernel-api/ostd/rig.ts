import { dmaAddr, dmaOffsetOf, dmaPageOf, PAGE_SIZE, physAddr, type DmaAddr } from '../../../base/address';
import type { TraceEvent } from '../../../base/trace-events';
import type { Device } from '../../../emulator/device';
import { platform_driver_register } from '../../../kernel-api/base/platform';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import type { BootedKernel } from '../../../kernel-api/boot/boot';
import { DMA_BIT_MASK, dma_set_mask_and_coherent } from '../../../kernel-api/dma/mapping';
import { DmaCoherent, OstdError } from '../../../kernel-api/ostd';
import type { Machine } from '../../../lab/machine';
import type { BusAttachment, MachineOptions } from '../../../lab/machine-options';
import { onMachine } from '../../support/on-machine';

const DRIVER = 'test-master';

/** A bus master without registers: tests move its data through its port. */
const busMaster = (name: string): Device => ({
  name,
  mmio: [],
  interruptCount: 0,
  busMaster: true,
  connect: () => undefined,
  reset: () => undefined,
});

/** A machine with a bus master that a driver is bound to. */
export interface Rig {
  readonly kernel: BootedKernel;
  readonly machine: Machine;
  readonly dev: StructDevice;
  /** A second one. */
  readonly other: StructDevice;
  /** Everything on the trace. */
  readonly events: TraceEvent[];
  /** What the device reads; a negative bus outcome if it is refused. */
  deviceRead(address: DmaAddr, length: number): number[] | number;
  /** The device writes; the bus outcome. */
  deviceWrite(address: DmaAddr, bytes: readonly number[]): number;
  /** What RAM holds, whatever caches do. */
  ram(address: number, length: number): number[];
  /** What is in use: equal before and after, where nothing leaks. */
  inUse(): unknown;
  unbind(): Promise<number>;
  bind(): Promise<number>;
}

/** Options of the machine, and of how the two bus masters are attached. */
export interface RigOptions extends MachineOptions {
  readonly bus?: BusAttachment;
  /** Whether memory is allocated once before the test. Default true. */
  readonly warm?: boolean;
}

/** Runs a test in a kernel task. Without options: no IOMMU, coherent. */
export const onRig = (
  { bus, warm = true, ...options }: RigOptions,
  body: (rig: Rig) => Promise<void> | void,
  seed = 1,
) => {
  const node = (label: string) => ({
    label,
    compatible: ['test,master'],
    device: () => busMaster(label),
    ...(bus === undefined ? {} : { bus }),
  });
  const board = { iommu: false, dmac: false as const, fifo: false as const, nodes: [node('one'), node('two')] };
  return onMachine(
    { ...board, ...options },
    async (kernel, machine) => {
      await platform_driver_register(kernel, {
        driver: { name: DRIVER, of_match_table: [{ compatible: 'test,master' }] },
        probe: (pdev) => dma_set_mask_and_coherent(pdev.dev, DMA_BIT_MASK(64)),
      });
      const [dev, other] = kernel.drivers.devices.filter(({ driver }) => driver?.name === DRIVER);
      // Tables of an IOMMU stay once they are there.
      if (warm) for (const one of [dev!, other!]) DmaCoherent.alloc(one, 1).drop();
      const port = machine.hardware.port('one');
      const events: TraceEvent[] = [];
      machine.trace.subscribe(({ event }) => void events.push(event));
      await body({
        kernel,
        machine,
        dev: dev!,
        other: other!,
        events,
        deviceRead: (address, length) => {
          const bytes = new Uint8Array(length);
          const outcome = port.read(dmaPageOf(address), dmaOffsetOf(address), bytes, 0, length);
          return outcome < 0 ? outcome : [...bytes];
        },
        deviceWrite: (address, bytes) =>
          port.write(dmaPageOf(address), dmaOffsetOf(address), Uint8Array.from(bytes), 0, bytes.length),
        ram: (address, length) => {
          const bytes = new Uint8Array(length);
          machine.hardware.ram.read(physAddr(address), bytes, 0, length);
          return [...bytes];
        },
        inUse: () => {
          kernel.mm.slabs.shrink();
          const { allocatedPages, vmallocPages, kmallocObjects } = kernel.mm.statistics();
          return {
            // Workers come and go with their stacks.
            pages: allocatedPages - vmallocPages,
            areas: kernel.mm.areas.list().filter(({ kind }) => kind !== 'stack').length,
            kmallocObjects,
            shared: kernel.confidential.sharedPages,
            windows: dev!.dma.ostdWindows.count + other!.dma.ostdWindows.count,
            ranges: dev!.dma.iommu?.iovad.ranges() ?? [],
          };
        },
        unbind: () => kernel.drivers.unbind(DRIVER, dev!.name),
        bind: () => kernel.drivers.bind(DRIVER, dev!.name),
      });
    },
    seed,
  );
};

/** Bytes that differ from place to place and from call to call. */
export const pattern = (salt: number, length: number): number[] =>
  Array.from({ length }, (_, i) => (salt * 37 + i * 11 + (i >> 8) * 7 + 1) & 0xff);

/** The kind of the OstdError that `body` throws, or what else happens. */
export const kindOf = (body: () => unknown): string => {
  try {
    body();
    return 'nothing';
  } catch (error) {
    return error instanceof OstdError ? error.kind : `${(error as Error).name}: ${(error as Error).message}`;
  }
};

/** An address a few bytes on. */
export const at = (address: DmaAddr, offset: number): DmaAddr => dmaAddr(address + BigInt(offset));

export { PAGE_SIZE };
