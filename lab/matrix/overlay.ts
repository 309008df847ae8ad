import type { CacheOptions } from '../../emulator/cache/options';
import type { DmaWindow, MachineOptions } from '../machine-options';
import type { Axis, AxisValue, MatrixCase } from './axes';
import { AXIS_NAMES } from './axes';
import { changeBusMasters, without } from './bus-masters';
import { overlayTranslation } from './overlay-translation';

/** Makes a machine one of this value of the axis: what the machine says about that itself counts no more. */
type Overlay<A extends Axis> = (machine: MachineOptions, value: AxisValue<A>) => MachineOptions;

const LOWEST_4_GIB: DmaWindow = { deviceAddress: 0, physicalAddress: 0, size: 2 ** 32 };

const overlayCoherency: Overlay<'coherency'> = (machine, value) => ({
  ...changeBusMasters(machine, () => ({ coherent: undefined })),
  coherent: value === 'on',
});

const overlayMask: Overlay<'mask'> = (machine, value) =>
  changeBusMasters(machine, () => ({ dmaRanges: value === '32' ? [LOWEST_4_GIB] : undefined }));

const overlayCache: Overlay<'cache'> = (machine, value) => {
  const own: CacheOptions = machine.cache === false ? {} : (machine.cache ?? {});
  if (value === 'adversarial') return { ...machine, cache: { ...own, adversarial: own.adversarial || true } };
  const { cache: _cache, ...rest } = machine;
  return machine.cache ? { ...rest, cache: without(own, 'adversarial') } : rest;
};

const overlayRevocation: Overlay<'revocation'> = (machine, revocation) => ({ ...machine, revocation });

const OVERLAYS: { readonly [A in Axis]: Overlay<A> } = {
  translation: overlayTranslation,
  coherency: overlayCoherency,
  mask: overlayMask,
  cache: overlayCache,
  revocation: overlayRevocation,
  // The machine is the same for both.
  driver: (machine) => machine,
};

const overlayAxis = <A extends Axis>(machine: MachineOptions, axis: A, matrixCase: MatrixCase): MachineOptions => {
  const value: AxisValue<A> | undefined = matrixCase[axis];
  return value === undefined ? machine : OVERLAYS[axis](machine, value);
};

/**
 * A scenario's machine at one place of the matrix. Where the two disagree about an axis, the case wins; everything else of the
 * machine stays, and so does all of it on an axis for which the case has no value.
 */
export const overlayMachine = (machine: MachineOptions, matrixCase: MatrixCase): MachineOptions =>
  AXIS_NAMES.reduce((result, axis) => overlayAxis(result, axis, matrixCase), machine);
