import type { MachineOptions } from '../machine-options';
import type { MatrixCase } from './axes';
import { overlayMachine } from './overlay';

const BELOW_4_GIB = 2 ** 32;

/** A combination that makes no sense, and why. What a scenario's own machine is, it is on purpose. */
interface Rule {
  readonly reason: string;
  /** @param machine as the case has it */
  readonly applies: (machine: MachineOptions, matrixCase: MatrixCase) => boolean;
}

const RULES: readonly Rule[] = [
  {
    reason: 'no RAM of the machine lies where a bus of 32 bits reaches, not even for bouncing',
    applies: ({ memory }, { mask }) => mask === '32' && memory?.every(({ base }) => base >= BELOW_4_GIB) === true,
  },
  {
    reason:
      'Linux does not share the coherent memory of devices that do not snoop with the host of a confidential guest',
    applies: ({ coherent, confidential = false }, { coherency, translation }) =>
      coherent === false && confidential !== false && (coherency ?? translation) !== undefined,
  },
  {
    reason: 'without cache operations Linux supports devices that snoop only',
    applies: ({ zicbom }, { coherency }) => coherency === 'off' && zicbom === false,
  },
];

/** Why a combination is not run on a scenario's machine; undefined if it is. */
export const whyLeftOut = (matrixCase: MatrixCase, machine: MachineOptions): string | undefined =>
  RULES.find(({ applies }) => applies(overlayMachine(machine, matrixCase), matrixCase))?.reason;
