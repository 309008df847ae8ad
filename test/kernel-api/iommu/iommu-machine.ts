import { setImmediate as immediate } from 'node:timers/promises';
import { dmaAddr, physAddr, type DmaAddr } from '../../../base/address';
import type { TraceEvent } from '../../../base/trace-events';
import type { Device } from '../../../emulator/device';
import { platform_driver_register, type PlatformDevice } from '../../../kernel-api/base/platform';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import type { Kernel } from '../../../kernel-api/kernel';
import { Machine } from '../../../lab/machine';
import type { MachineOptions } from '../../../lab/machine-options';
import { ramPool } from '../../support/on-machine';

/** A bus master without registers: tests move its data through its port. */
const busMaster = (name: string): Device => ({
  name,
  mmio: [],
  interruptCount: 0,
  busMaster: true,
  connect: () => undefined,
  reset: () => undefined,
});

/** A machine with one bus master behind the IOMMU, and a driver for it that does nothing. */
export interface IommuMachine {
  readonly machine: Machine;
  readonly kernel: Kernel;
  readonly dev: StructDevice;
  /** What went to the log, as `level: message`. */
  readonly logged: string[];
  readonly events: TraceEvent[];
  /** The device writes a byte; the bus outcome. */
  write(address: DmaAddr | number, value: number): number;
  /** The device reads a byte; negative for a bus error. */
  read(address: DmaAddr | number): number;
  /** Lets threads of interrupts run. */
  settle(): Promise<void>;
}

const SETTLE_NS = 100_000;

/** Boots the machine and runs a test in a kernel task. `probe` is the driver's. */
export const onIommuMachine = async <T>(
  options: MachineOptions,
  body: (rig: IommuMachine) => Promise<T> | T,
  probe: (pdev: PlatformDevice) => number = () => 0,
): Promise<T> => {
  const logged: string[] = [];
  const log = (level: string) => (_fields: object, message: string) => void logged.push(`${level}: ${message}`);
  const logger = { error: log('error'), warn: log('warn'), info: log('info'), debug: () => undefined };
  const machine = new Machine(
    {
      memory: [{ base: 0x8000_0000, size: 16 << 20 }],
      dmac: false,
      nodes: [{ label: 'master', compatible: ['test,master'], device: () => busMaster('master') }],
      ...options,
    },
    { hostTurn: () => immediate(), log: logger, ramPool },
  );
  const events: TraceEvent[] = [];
  machine.trace.subscribe(({ event }) => void events.push(event));
  const ended = machine.run(async (kernel) => {
    await platform_driver_register(kernel, {
      driver: { name: 'test-master', of_match_table: [{ compatible: 'test,master' }] },
      probe,
    });
    const dev = kernel.drivers.devices.find((candidate) => candidate.name.includes('master'))!;
    const port = machine.hardware.port('master');
    const byte = new Uint8Array(1);
    const place = (address: DmaAddr | number): [number, number] => {
      const at = dmaAddr(address);
      return [Number(at >> 12n), Number(at & 0xfffn)];
    };
    return body({
      machine,
      kernel,
      dev,
      logged,
      events,
      write: (address, value) => port.write(...place(address), Uint8Array.of(value), 0, 1),
      read: (address) => {
        const outcome = port.read(...place(address), byte, 0, 1);
        return outcome < 0 ? outcome : byte[0]!;
      },
      settle: async () => {
        kernel.cpu.elapse(SETTLE_NS);
        for (let turn = 0; turn < 3; turn++) await kernel.sched.yield();
      },
    });
  });
  return ended.finally(() => machine.release());
};

/** A byte of RAM as the CPU sees it. */
export const peekByte = (kernel: Kernel, address: number): number => kernel.cpu.load8(physAddr(address));
