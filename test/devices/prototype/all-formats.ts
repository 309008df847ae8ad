import type { Format } from '../../../base/descriptor';
import { formats } from '../../../index';
import { FORMATS } from '../../base/descriptor/formats';

/** The formats of the descriptor tests, and those that ship. */
export const ALL_FORMATS: readonly Format[] = [
  ...FORMATS,
  formats.dwAxiDmacList,
  formats.virtioSplit,
  formats.virtioPacked,
  formats.xilinxAxiDmaMm2s,
  formats.xilinxAxiDmaS2mm,
  formats.nvmeIo,
  formats.nvmeAdmin,
];
