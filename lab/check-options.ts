import { ADDRESS_LIMIT, PAGE_SIZE } from '../base/address';
import { LabError } from '../base/errors';
import type { Device } from '../emulator/device';
import type { AdversaryOptions, CacheOptions } from '../emulator/cache/options';
import type { RiscvIommuOptions } from '../emulator/iommu/options';
import { PLIC_SOURCES } from './board-layout';
import type {
  BusAttachment,
  DmaWindow,
  ExtraNode,
  MachineOptions,
  MemoryBank,
  ReservedMemoryOption,
} from './machine-options';
import {
  isAnObject,
  isArrayOf,
  isBoolean,
  isFalseOr,
  isFunction,
  isInteger,
  isNumberAbove,
  isOneOf,
  isRecordOf,
  isShape,
  isString,
  isTrueOr,
  type Check,
} from './option-shape';

/** Longest simulated time, in milliseconds: as many nanoseconds as a number holds exactly. */
const LONGEST_RUN_MS = Math.floor(Number.MAX_SAFE_INTEGER / 1e6);
/** Handshake numbers at one controller; how many of them it knows is its own affair. */
const LAST_REQUEST = 255;

/** The members of a type, each with a check. */
type Checks<T> = Readonly<Record<keyof T, Check>>;

/** Ranges of numbers are left to the board's own checks, which know where things overlap. */
const isSomeNumber: Check = (value, place) => {
  if (typeof value !== 'number')
    throw new LabError(`${place} is ${typeof value}; it must be a number`, { what: place });
};

const isBank = isShape('a memory bank', { base: isSomeNumber, size: isSomeNumber } satisfies Checks<MemoryBank>, {});

const isWindow = isShape(
  'a window',
  { deviceAddress: isSomeNumber, physicalAddress: isSomeNumber, size: isSomeNumber } satisfies Checks<DmaWindow>,
  {},
);

const BUS_CHECKS = {
  addressWires: isInteger(1, 64),
  dmaRanges: isArrayOf(isWindow),
  behindIommu: isBoolean,
  coherent: isBoolean,
  untrusted: isBoolean,
  pciLike: isBoolean,
  iommuGroup: isInteger(0, 0xffff_ffff),
  memoryRegions: isArrayOf(isString),
} satisfies Checks<Required<BusAttachment>>;

const isReservedMemory = isShape('reserved memory', { label: isString, size: isSomeNumber }, {
  base: isSomeNumber,
  compatible: isString,
  noMap: isBoolean,
} satisfies Checks<Required<Omit<ReservedMemoryOption, 'label' | 'size'>>>);

const isIommu = isShape('the IOMMU', {}, {
  name: isString,
  capabilities: isAnObject,
  directoryLevels: isSomeNumber,
  iotlb: isAnObject,
  contextCache: isAnObject,
  timing: isAnObject,
  commandsPerBatch: isSomeNumber,
} satisfies Checks<Required<RiscvIommuOptions>>);

const isAdversary = isShape('the adversarial mode of the cache', {}, {
  interval: isSomeNumber,
  storeBuffer: isSomeNumber,
} satisfies Checks<Required<AdversaryOptions>>);

const isAdversarial: Check = (value, place) => {
  if (typeof value !== 'boolean') isAdversary(value, place);
};

const isCache = isShape('the cache', {}, {
  sets: isSomeNumber,
  ways: isSomeNumber,
  operationNs: isSomeNumber,
  adversarial: isAdversarial,
} satisfies Checks<Required<CacheOptions>>);

/** The devices check their own options; here only those of their place on the bus. */
const isDmac: Check = (value, place) => {
  isAnObject(value, place);
  const options = value as Readonly<Record<string, unknown>>;
  for (const [name, check] of Object.entries(BUS_CHECKS)) {
    if (options[name] !== undefined) check(options[name], `${place}.${name}`);
  }
};

const isDma = isShape(
  'a DMA channel of a node',
  { controller: isString, request: isInteger(0, LAST_REQUEST), name: isString },
  {},
);

const isCell = isInteger(0, 0xffff_ffff);

const isProperty: Check = (value, place) => {
  if (typeof value === 'string' || value === true) return;
  if (typeof value === 'number') isCell(value, place);
  else if (Array.isArray(value)) isArrayOf(isCell)(value, place);
  else {
    throw new LabError(`property ${place} is no string, number, array of numbers or true`, { what: place });
  }
};

const isNode = isShape('a node', { label: isString, compatible: isArrayOf(isString) }, {
  name: isString,
  device: isFunction,
  bus: isShape('the bus of a node', {}, BUS_CHECKS),
  dmas: isArrayOf(isDma),
  properties: isRecordOf(isProperty),
} satisfies Checks<Required<Omit<ExtraNode, 'label' | 'compatible'>>>);

/** Highest register base: the blocks above it stay below the end of the address space. */
const LAST_REGISTER_BASE = 2 ** 51;

const isWholePages =
  (low: number, high: number): Check =>
  (value, place) => {
    isInteger(low, high)(value, place);
    if ((value as number) % PAGE_SIZE === 0) return;
    throw new LabError(`${place} is ${String(value)}; it must be a multiple of ${PAGE_SIZE}`, { what: place });
  };

const isConfidential: Check = (value, place) => {
  if (typeof value !== 'boolean') isOneOf('fault', 'garbage')(value, place);
};

const isMachine = isShape('a machine', {}, {
  memory: isArrayOf(isBank),
  registerBase: isWholePages(0, LAST_REGISTER_BASE),
  zicbom: isBoolean,
  zoneDma: isWholePages(PAGE_SIZE, ADDRESS_LIMIT),
  reservedMemory: isArrayOf(isReservedMemory),
  bootargs: isString,
  coherent: isBoolean,
  cache: isFalseOr(isCache),
  untrusted: isBoolean,
  confidential: isConfidential,
  iommu: isFalseOr(isTrueOr(isIommu)),
  dmac: isFalseOr(isDmac),
  fifo: isFalseOr(isAnObject),
  nodes: isArrayOf(isNode),
  revocation: isOneOf('linux', 'strict'),
  timeLimit: isNumberAbove(0, LONGEST_RUN_MS),
  eventOrder: isOneOf('armed', 'seeded'),
} satisfies Checks<Required<MachineOptions>>);

/** Refuses machine options of the wrong shape with a `LabError`. What they mean together is checked by the board. */
export const checkMachineOptions = (options: unknown): void => {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new LabError('the machine of a scenario must be an object of options');
  }
  isMachine(options, '');
  const { dmac, fifo } = options as MachineOptions;
  if (dmac === false && fifo !== undefined && fifo !== false) {
    throw new LabError('the FIFO peripheral needs the DMA controller, which this machine leaves out', { what: 'fifo' });
  }
};

const isWindowOfRegisters: Check = (value, place) => {
  isAnObject(value, place);
  isInteger(1, 2 ** 30)((value as { size: unknown }).size, `${place}.size`);
};

const DEVICE_CHECKS = {
  name: isString,
  mmio: isArrayOf(isWindowOfRegisters),
  interruptCount: isInteger(0, PLIC_SOURCES),
  busMaster: isBoolean,
  connect: isFunction,
  reset: isFunction,
} satisfies Checks<Device>;

/** Refuses what a node's `device` function returned, unless it is a device. */
export const checkDevice = (device: unknown, label: string): Device => {
  const place = `the device of '${label}'`;
  isAnObject(device, place);
  for (const [name, check] of Object.entries(DEVICE_CHECKS)) {
    check((device as Readonly<Record<string, unknown>>)[name], `${name} of ${place}`);
  }
  return device as Device;
};
