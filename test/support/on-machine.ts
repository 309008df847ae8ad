import type { BootedKernel } from '../../kernel-api/boot/boot';
import { Machine } from '../../lab/machine';
import type { MachineOptions } from '../../lab/machine-options';
import { RamPool } from '../../lab/ram-pool';
import type { Sanitizer } from '../../lab/sanitizer/sanitizer';

/** Lets promise callbacks run, as the command line's runner does it. */
export const hostTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const MIB = 0x10_0000;
/** Small banks: a test that counts what is free, or looks at all of RAM, is quick. */
export const SMALL_MEMORY = [
  { base: 0x8000_0000, size: 8 * MIB },
  { base: 0x1_0000_0000, size: 8 * MIB },
];

/** A test leaves nothing in it for the next: what is given back is cleared. */
export const ramPool = new RamPool();

/** Runs `body` as a kernel task on a machine whose devices are bound, and which a sanitizer watches if there is one. */
export const onMachine = async <T>(
  options: MachineOptions,
  body: (kernel: BootedKernel, machine: Machine) => Promise<T> | T,
  seed = 1,
  sanitizer?: Sanitizer,
): Promise<T> => {
  const watch = sanitizer === undefined ? {} : { watch: sanitizer };
  const machine = new Machine({ memory: SMALL_MEMORY, ...options }, { hostTurn, seed, ramPool, ...watch });
  sanitizer?.attach(machine);
  try {
    return await machine.run(() => body(machine.kernel, machine));
  } finally {
    machine.release();
  }
};
