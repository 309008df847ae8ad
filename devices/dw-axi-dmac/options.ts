import { LabError } from '../../base/errors';
import { MAX_CHANNELS } from './spec';

/** Parameters of a controller: what the IP core's configuration fixes, and how fast it is. All are optional. */
export interface DwAxiDmacOptions {
  /** Channels, 1 to 8. Default 8. */
  readonly channels?: number;
  /** Width of the AXI data bus as log2 of its bytes (`snps,data-width`), 0 to 6. Default 3 (64 bits). */
  readonly dataWidth?: number;
  /** Largest number of items in a block, for all channels or for each (`snps,block-size`), 1 to 0x200000. Default 65536. */
  readonly blockSize?: number | readonly number[];
  /** Longest AXI burst in beats (`snps,axi-max-burst-len`), 1 to 256. Default 16. */
  readonly maxBurstLength?: number;
  /** One interrupt wire for all, or one per channel (`DMAX_INTR_IO_TYPE`). Default `combined`. */
  readonly interrupts?: 'combined' | 'per-channel';
  /** Whether a consumed linked-list item is written back: its valid bit cleared, its status filled in. Default true. */
  readonly lliWriteBack?: boolean;
  /** Bandwidth at full bus width, in bytes per nanosecond. Default 4. */
  readonly bytesPerNs?: number;
  /** Latency of an access, paid once per step, in nanoseconds. Default 50. */
  readonly latencyNs?: number;
  /** Cost of each AXI burst on top, in nanoseconds. Default 1. */
  readonly burstNs?: number;
  /** From a register write or a request to the first access, in nanoseconds. Default 20. */
  readonly startNs?: number;
  /** Most bytes between memory and memory in one step, 64 to 262144. Default 4096. */
  readonly chunkBytes?: number;
}

/** The parameters with their defaults filled in, `blockSize` by channel. */
export interface DmacParameters {
  readonly channels: number;
  readonly dataWidth: number;
  readonly blockSize: readonly number[];
  readonly maxBurstLength: number;
  readonly interrupts: 'combined' | 'per-channel';
  readonly lliWriteBack: boolean;
  readonly bytesPerNs: number;
  readonly latencyNs: number;
  readonly burstNs: number;
  readonly startNs: number;
  readonly chunkBytes: number;
}

/** The largest block that Linux accepts in `snps,block-size` (`DMAC_MAX_BLK_SIZE`); it fits the 22-bit counters. */
export const MAX_BLOCK_SIZE = 0x20_0000;

const KNOWN: readonly string[] = [
  'channels',
  'dataWidth',
  'blockSize',
  'maxBurstLength',
  'interrupts',
  'lliWriteBack',
  'bytesPerNs',
  'latencyNs',
  'burstNs',
  'startNs',
  'chunkBytes',
] satisfies (keyof DmacParameters)[];

const integer = (what: string, value: number, low: number, high: number): number => {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new LabError(`${what} must be an integer from ${low} to ${high}, not ${value}`, {
      what: `dw-axi-dmac.${what}`,
    });
  }
  return value;
};

const positive = (what: string, value: number, least: number): number => {
  if (!(value >= least && value <= 1e9)) {
    throw new LabError(`${what} must be a number from ${least} to 1e9, not ${value}`, { what: `dw-axi-dmac.${what}` });
  }
  return value;
};

const blockSizes = (given: number | readonly number[], channels: number): number[] => {
  const sizes = typeof given === 'number' ? new Array<number>(channels).fill(given) : [...given];
  if (sizes.length !== channels) {
    throw new LabError(`blockSize lists ${sizes.length} channels of ${channels}`, { what: 'dw-axi-dmac.blockSize' });
  }
  for (const size of sizes) integer('blockSize', size, 1, MAX_BLOCK_SIZE);
  return sizes;
};

/** Checks the options and fills in defaults. A value out of range, or an unknown option, is a `LabError`. */
export const dmacParameters = (options: DwAxiDmacOptions): DmacParameters => {
  for (const name of Object.keys(options)) {
    if (!KNOWN.includes(name)) throw new LabError(`dw-axi-dmac has no option ${name}`, { what: `dw-axi-dmac.${name}` });
  }
  const channels = integer('channels', options.channels ?? 8, 1, MAX_CHANNELS);
  const interrupts = options.interrupts ?? 'combined';
  if (interrupts !== 'combined' && interrupts !== 'per-channel') {
    throw new LabError(`interrupts must be 'combined' or 'per-channel'`, { what: 'dw-axi-dmac.interrupts' });
  }
  return {
    channels,
    interrupts,
    dataWidth: integer('dataWidth', options.dataWidth ?? 3, 0, 6),
    blockSize: blockSizes(options.blockSize ?? 65536, channels),
    maxBurstLength: integer('maxBurstLength', options.maxBurstLength ?? 16, 1, 256),
    lliWriteBack: options.lliWriteBack ?? true,
    bytesPerNs: positive('bytesPerNs', options.bytesPerNs ?? 4, 1e-6),
    latencyNs: positive('latencyNs', options.latencyNs ?? 50, 1),
    burstNs: positive('burstNs', options.burstNs ?? 1, 0),
    startNs: positive('startNs', options.startNs ?? 20, 1),
    chunkBytes: integer('chunkBytes', options.chunkBytes ?? 4096, 64, 262_144),
  };
};
