import { Machine } from '../lab/machine';
import type { MachineOptions } from '../lab/machine-options';
import type { BootedKernel } from '../kernel-api/boot/boot';

/** Lets promise callbacks run, as the command line's runner does it. */
export const hostTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Runs `body` on a booted machine whose devices are bound. */
export const onMachine = async <T>(
  options: MachineOptions,
  body: (kernel: BootedKernel, machine: Machine) => Promise<T> | T,
): Promise<T> => {
  const machine = new Machine({ timeLimit: 1e6, ...options }, { hostTurn });
  return await machine.run(() => body(machine.kernel, machine));
};
