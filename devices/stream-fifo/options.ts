import { LabError } from '../../base/errors';

/** Parameters of a stream FIFO. All are optional. */
export interface StreamFifoOptions {
  /** Items in each FIFO, 1 to 4096. Default 16. */
  readonly depth?: number;
  /** Bytes of an item: 1, 2, 4 or 8. Default 4. */
  readonly width?: 1 | 2 | 4 | 8;
  /** Time in which the sink takes an item, in nanoseconds. Default 20. */
  readonly sinkNs?: number;
  /** Time in which the source produces an item, in nanoseconds. Default 20. */
  readonly sourceNs?: number;
  /** Bytes that the sink keeps for `received`; what comes later is only counted and summed. Default 1 MiB. */
  readonly keepBytes?: number;
}

/** The parameters with their defaults filled in. */
export type StreamFifoParameters = Required<StreamFifoOptions>;

const DEFAULTS: StreamFifoParameters = { depth: 16, width: 4, sinkNs: 20, sourceNs: 20, keepBytes: 1 << 20 };

const LIMITS: Readonly<Record<keyof StreamFifoParameters, readonly [number, number]>> = {
  depth: [1, 4096],
  width: [1, 8],
  sinkNs: [1, 1e9],
  sourceNs: [1, 1e9],
  keepBytes: [0, 1 << 28],
};

/** Checks the options and fills in defaults. A value out of range, or an unknown option, is a `LabError`. */
export const streamFifoParameters = (options: StreamFifoOptions): StreamFifoParameters => {
  const parameters = { ...DEFAULTS, ...options };
  for (const [name, value] of Object.entries(parameters) as [keyof StreamFifoParameters, number][]) {
    const place = { what: `stream-fifo.${name}` };
    const limits = LIMITS[name] as readonly [number, number] | undefined;
    if (limits === undefined) throw new LabError(`stream-fifo has no option ${name}`, place);
    const [low, high] = limits;
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new LabError(`${name} must be an integer from ${low} to ${high}, not ${value}`, place);
    }
  }
  if (![1, 2, 4, 8].includes(parameters.width)) {
    throw new LabError(`width must be 1, 2, 4 or 8 bytes, not ${parameters.width}`, { what: 'stream-fifo.width' });
  }
  return parameters;
};
