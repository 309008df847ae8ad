import type { Logger } from '../../base/logger';
import { Prng } from '../../base/prng';
import type { TraceRecord } from '../../base/trace';
import { PrototypeEngine } from '../../devices/prototype';
import { platform_driver_register, platform_get_drvdata, to_platform_device } from '../../kernel-api/base/platform';
import { prototypeDriver, type PrototypePort } from '../../kernel-api/drivers/prototype/prototype';
import type { PrototypeQueue } from '../../kernel-api/drivers/prototype/queue';
import type { Kernel } from '../../kernel-api/kernel';
import { ScenarioFailure } from '../failure';
import { Machine } from '../machine';
import { expectBytes, patternBytes } from '../pattern';
import type { RamPool } from '../ram-pool';
import { movesOf, type Candidate } from './candidate';
import { CountingMemory } from './counting-memory';
import { latencyOf, timeShares, type FormatFigures } from './figures';
import { Load, Uncarried } from './load';
import { comparedMachine, ENGINE, type ComparedMachine } from './machine';
import { drawSizes, largestOf, mostPieces, type Traffic } from './traffic';

/** What a comparison takes from whoever runs it. */
export interface CompareHost {
  readonly seed: number;
  /** Lets the host run pending promise callbacks once. */
  readonly hostTurn: () => Promise<void>;
  readonly log?: Logger;
  /** Where RAM comes from, and goes afterwards. Default: each machine has new RAM. */
  readonly ramPool?: RamPool;
}

/** One format's part of a comparison: its figures, or why it has none. */
export type FormatResult =
  | { readonly name: string; readonly figures: FormatFigures }
  | {
      readonly name: string;
      /** `uncarried`: the format cannot carry this traffic; `failed`: bytes were wrong, or the machine stopped. */
      readonly kind: 'uncarried' | 'failed';
      /** A sentence without a full stop. */
      readonly problem: string;
    };

const PAGE = 4096;

/** The queue: entries for all requests under way, the smallest power of two. */
const queueSize = (traffic: Traffic): { entries: number; pieces: number; tables: number } => {
  const perRequest = mostPieces(traffic);
  const entries = 2 ** Math.ceil(Math.log2(traffic.depth * perRequest + 2));
  // Lists of pages have one more page than pieces of whole pages.
  const pages = Math.ceil(largestOf(traffic.sizes) / PAGE) + 1;
  return { entries, pieces: Math.max(2, perRequest, pages), tables: traffic.depth };
};

/** Sees page-table walks and interrupts go by. */
class Counter {
  walks = 0;

  readonly add = ({ event }: TraceRecord): void => {
    if (event.type === 'translate') this.walks++;
  };
}

const bindDriver = async (
  kernel: Kernel,
  { format, prepare, indirect, parameters }: Candidate,
  traffic: Traffic,
): Promise<{ queue: PrototypeQueue; memory: CountingMemory }> => {
  const memory = new CountingMemory(kernel.mm);
  const moves = movesOf(format, traffic.direction) === 'in' ? 'to-memory' : 'from-memory';
  const options = {
    ...queueSize(traffic),
    moves,
    accessor: () => memory,
    ...(prepare && { prepare }),
    ...(indirect && { indirect }),
    ...(parameters && { parameters }),
  } as const;
  await platform_driver_register(kernel, prototypeDriver({ format, queues: [options] }));
  const dev = kernel.drivers.devices.find(({ driver }) => driver?.name === `prototype-${format.name}`);
  if (dev === undefined) throw new Uncarried('its driver could not be bound: there is too little memory for its queue');
  return { queue: platform_get_drvdata<PrototypePort>(to_platform_device(dev)).queues[0]!, memory };
};

/** Whether what went out is what was sent, byte by byte. */
const checkSent = (engine: PrototypeEngine, sizes: readonly number[]): void => {
  const received = engine.stream(0).received();
  let position = 0;
  for (const [index, bytes] of sizes.entries()) {
    expectBytes(received.subarray(position, position + bytes), patternBytes(index, 0, bytes), `request ${index}`);
    position += bytes;
  }
  if (received.length !== position)
    throw new ScenarioFailure(`${received.length} bytes went out instead of ${position}`);
};

const measureOn = async (
  machine: Machine,
  kernel: Kernel,
  candidate: Candidate,
  traffic: Traffic,
  sizes: readonly number[],
): Promise<FormatFigures> => {
  const moves = movesOf(candidate.format, traffic.direction);
  const { queue, memory } = await bindDriver(kernel, candidate, traffic);
  const engine = machine.hardware.device(ENGINE, PrototypeEngine);
  const load = new Load(kernel, queue, traffic, sizes, moves, memory);
  const counter = new Counter();
  const unsubscribe = machine.trace.subscribe(counter.add);
  memory.lines = 0;
  const outcome = await load.run();
  unsubscribe();
  if (moves === 'out') checkSent(engine, sizes);
  const statistics = engine.statistics(0);
  const payloadBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
  return {
    name: candidate.name,
    moves,
    requests: sizes.length,
    payloadBytes,
    entries: statistics.entries,
    descriptorReads: statistics.fetchReads,
    descriptorReadBytes: statistics.fetchBytes,
    completionWrites: statistics.completionWrites,
    completionBytes: statistics.completionBytes,
    cacheLines: memory.lines,
    iotlbMisses: counter.walks,
    doorbells: statistics.doorbells,
    interrupts: statistics.interrupts,
    nanoseconds: outcome.nanoseconds,
    latency: latencyOf(outcome.latencies),
    time: timeShares(outcome.nanoseconds, payloadBytes / engine.parameters.bytesPerNs, statistics),
  };
};

/** Runs traffic through one format, on a machine of its own. Whatever goes wrong is the result; misuse is a `LabError`. */
export const measureFormat = async (
  candidate: Candidate,
  traffic: Traffic,
  on: ComparedMachine,
  host: CompareHost,
): Promise<FormatResult> => {
  const { name, format, parameters } = candidate;
  const sizes = drawSizes(traffic, new Prng(host.seed).fork('compare.sizes'));
  const keepBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const engine = { format, queues: 1, keepBytes, ...on.engine, ...(parameters && { parameters }) };
  const machine = new Machine(comparedMachine(on, engine), host);
  try {
    const figures = await machine.run((kernel) => measureOn(machine, kernel, candidate, traffic, sizes));
    return { name, figures };
  } catch (error) {
    if (error instanceof Uncarried) return { name, kind: 'uncarried', problem: error.message };
    if (error instanceof ScenarioFailure) return { name, kind: 'failed', problem: error.message };
    throw error;
  } finally {
    machine.release();
  }
};
