import type { MachineOptions } from '../machine-options';
import type { MatrixCase } from './axes';

const BELOW_4_GIB = 2 ** 32;

/** A combination that makes no sense, and why. */
interface Rule {
  readonly reason: string;
  readonly applies: (matrixCase: MatrixCase, machine: MachineOptions) => boolean;
}

const RULES: readonly Rule[] = [
  {
    reason: 'no RAM of the machine lies where a bus of 32 bits reaches, not even for bouncing',
    applies: ({ mask }, { memory }) => mask === '32' && memory?.every(({ base }) => base >= BELOW_4_GIB) === true,
  },
];

/** Why a combination is not run on this machine; undefined if it is. */
export const whyLeftOut = (matrixCase: MatrixCase, machine: MachineOptions): string | undefined =>
  RULES.find(({ applies }) => applies(matrixCase, machine))?.reason;
