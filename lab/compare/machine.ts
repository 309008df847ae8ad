import type { MachineOptions } from '../machine-options';
import { overlayMachine } from '../matrix/overlay';
import { PrototypeEngine, type PrototypeOptions } from '../../devices/prototype';

/** What can be set of the engine, the same for every format. */
export type EngineParameters = Pick<
  PrototypeOptions,
  'prefetch' | 'burstBytes' | 'outstanding' | 'latencyNs' | 'bytesPerNs'
>;

/** The machine on which formats are compared. */
export interface ComparedMachine {
  readonly translation: 'direct' | 'strict' | 'lazy' | 'swiotlb';
  readonly coherent: boolean;
  readonly engine: EngineParameters;
}

const MIB = 0x10_0000;
/** Banks for the largest traffic; memory that nobody touches costs nothing. */
const MEMORY = [
  { base: 0x8000_0000, size: 256 * MIB },
  { base: 0x1_0000_0000, size: 512 * MIB },
];
/** A day of simulated time, in milliseconds: the length of the run is what the traffic makes it. */
const TIME_LIMIT_MS = 86_400_000;

/** The label of the engine, on a machine with nothing else that moves data. */
export const ENGINE = 'engine';

/** The options of a machine with an engine for a format. */
export const comparedMachine = (
  { translation, coherent }: ComparedMachine,
  engine: PrototypeOptions,
): MachineOptions => {
  const node = { label: ENGINE, compatible: ['dmalab,prototype'], device: () => new PrototypeEngine(ENGINE, engine) };
  const base: MachineOptions = { memory: MEMORY, dmac: false, fifo: false, nodes: [node], timeLimit: TIME_LIMIT_MS };
  return overlayMachine(base, { translation, coherency: coherent ? 'on' : 'off' });
};
