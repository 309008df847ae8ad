import { LabError } from '../../base/errors';

/** What the IOMMU advertises in `capabilities`. What is not here is not implemented, and reads as zero there. */
export interface IommuCapabilities {
  /** The widest first-stage mode; the narrower ones come with it. Default 57. */
  readonly virtualAddressBits: 39 | 48 | 57;
  /** `PAS`: width of a physical address, 34 to 56. Default 56. */
  readonly physicalAddressBits: number;
  /** `AMO_HWAD`: may set A and D bits in memory, where a device context asks for it. Default true. */
  readonly hardwareAccessedDirty: boolean;
  /** `S`: `IOTINVAL.VMA` of a range of addresses. Default false. */
  readonly rangeInvalidation: boolean;
  /** `NL`: `IOTINVAL.VMA` of non-leaf entries; none are cached here, so there is nothing more to do. Default false. */
  readonly nonLeafInvalidation: boolean;
  /** `Svrsw60t59b`: bits 60:59 of a PTE belong to software. Default false. */
  readonly softwareBits: boolean;
}

/** Shape of a set-associative cache. Both are powers of two. */
export interface CacheGeometry {
  readonly sets: number;
  readonly ways: number;
}

/** Simulated time that the IOMMU takes, in nanoseconds. */
export interface IommuTiming {
  /** Fetching and executing a command. Default 50. */
  readonly command: number;
  /** An `IOFENCE.C`. Default 100. */
  readonly fence: number;
  /** How long `busy` stays set after a queue is switched or `ddtp` is written; 0 does it at once. Default 100. */
  readonly busy: number;
}

/** Everything that the specification leaves to the implementation. */
export interface RiscvIommuOptions {
  /** Name of the instance on the trace. Default `iommu`. */
  readonly name?: string;
  readonly capabilities?: Partial<IommuCapabilities>;
  /** The deepest device directory that `ddtp` accepts. Default 3. */
  readonly directoryLevels?: 1 | 2 | 3;
  /** Translations. Default 256 sets of 2. */
  readonly iotlb?: CacheGeometry;
  /** Device contexts. Default 32 sets of 2. */
  readonly contextCache?: CacheGeometry;
  readonly timing?: Partial<IommuTiming>;
  /** How many commands one firing of the queue's timer executes at most. Default 32. */
  readonly commandsPerBatch?: number;
}

/** The options with all defaults filled in, and checked. */
export interface IommuConfiguration {
  readonly name: string;
  readonly capabilities: IommuCapabilities;
  readonly directoryLevels: number;
  readonly iotlb: CacheGeometry;
  readonly contextCache: CacheGeometry;
  readonly timing: IommuTiming;
  readonly commandsPerBatch: number;
}

/** Fills in defaults. An option out of its range is a `LabError`. */
export const configureIommu = (options: RiscvIommuOptions): IommuConfiguration => {
  const configuration = withDefaults(options);
  const { capabilities, timing } = configuration;
  expectOneOf('capabilities.virtualAddressBits', capabilities.virtualAddressBits, [39, 48, 57]);
  expectInteger('capabilities.physicalAddressBits', capabilities.physicalAddressBits, 34, 56);
  expectOneOf('directoryLevels', configuration.directoryLevels, [1, 2, 3]);
  expectGeometry('iotlb', configuration.iotlb);
  expectGeometry('contextCache', configuration.contextCache);
  expectInteger('timing.command', timing.command, 1, 1e9);
  expectInteger('timing.fence', timing.fence, 1, 1e9);
  expectInteger('timing.busy', timing.busy, 0, 1e9);
  expectInteger('commandsPerBatch', configuration.commandsPerBatch, 1, 4096);
  return configuration;
};

const withDefaults = (options: RiscvIommuOptions): IommuConfiguration => ({
  name: options.name ?? 'iommu',
  capabilities: {
    virtualAddressBits: 57,
    physicalAddressBits: 56,
    hardwareAccessedDirty: true,
    rangeInvalidation: false,
    nonLeafInvalidation: false,
    softwareBits: false,
    ...options.capabilities,
  },
  directoryLevels: options.directoryLevels ?? 3,
  iotlb: options.iotlb ?? { sets: 256, ways: 2 },
  contextCache: options.contextCache ?? { sets: 32, ways: 2 },
  timing: { command: 50, fence: 100, busy: 100, ...options.timing },
  commandsPerBatch: options.commandsPerBatch ?? 32,
});

const expectInteger = (what: string, value: number, low: number, high: number): void => {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new LabError(`IOMMU option ${what} is ${value}; it must be an integer from ${low} to ${high}`, { what });
};

const expectOneOf = (what: string, value: number, allowed: readonly number[]): void => {
  if (allowed.includes(value)) return;
  throw new LabError(`IOMMU option ${what} is ${value}; it must be one of ${allowed.join(', ')}`, { what });
};

const expectGeometry = (what: string, geometry: CacheGeometry): void => {
  for (const [side, limit] of [
    ['sets', 65_536],
    ['ways', 64],
  ] as const) {
    const value = geometry[side];
    expectInteger(`${what}.${side}`, value, 1, limit);
    if ((value & (value - 1)) === 0) continue;
    throw new LabError(`IOMMU option ${what}.${side} is ${value}; it must be a power of two`, { what });
  }
};
