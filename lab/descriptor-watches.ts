import {
  dump,
  dumpData,
  walk,
  walkCompletions,
  type CompletionChecks,
  type CompletionStart,
  type Format,
  type WalkChecks,
  type WalkData,
  type Walk,
  type WalkStart,
} from '../base/descriptor';
import { LabError } from '../base/errors';
import type { DescribedQueue } from '../emulator/described-queue';
import type { Hardware } from './hardware';

/** Where a queue is, now or whenever somebody looks: what its registers would say. */
type Now<T> = T | (() => T);

/** A queue that can be looked at. */
export interface DescriptorWatch {
  /**
   * The label of the bus master that reads it: memory is looked at through its port, with its translation. Default: as the
   * CPU sees memory, by physical address.
   */
  readonly device?: string;
  readonly start: Now<WalkStart>;
  readonly checks?: WalkChecks;
  /** Where its requests end, if not in place. */
  readonly completions?: Now<CompletionStart>;
  readonly given?: CompletionChecks['given'];
}

interface Watched extends DescriptorWatch {
  readonly name: string;
  readonly format: Format;
}

const now = <T extends object>(value: Now<T>): T => (typeof value === 'function' ? value() : value);

/** What was found in the memory of a queue. */
export interface QueueLook {
  readonly name: string;
  /** The label of the bus master that reads it; undefined if the queue was looked at as the CPU sees memory. */
  readonly device: string | undefined;
  readonly format: Format;
  readonly walk: Walk;
  /** The ends of its requests, if they are not in place. */
  readonly ends: Walk | undefined;
}

/** What is in a queue, for people and for programs: plain data. */
export interface QueueDump {
  readonly name: string;
  /** The label of the bus master that reads it; null if the queue was looked at as the CPU sees memory. */
  readonly device: string | null;
  readonly format: string;
  readonly lines: readonly string[];
  readonly queue: WalkData;
  /** The ends of its requests; null if they are in place. */
  readonly ends: WalkData | null;
}

/**
 * The queues of a machine, for dumps of live memory: those that somebody has named, and those that run in devices which know
 * their queues. Looking changes nothing: no time passes, and no cache or fault record notices.
 */
export class DescriptorWatches {
  private readonly hardware: Hardware;
  private readonly watched = new Map<string, Watched>();

  constructor(hardware: Hardware) {
    this.hardware = hardware;
  }

  /** Names of the queues: those that were named, in that order, then those of devices: `nic queue 0`. */
  get names(): readonly string[] {
    return this.all.map(({ name }) => name);
  }

  /**
   * Names a queue: `lab.descriptors.watch('rx ring', format, { device: 'nic', start: { at, entries } })`. A name that is
   * taken, or a device that is no bus master, is a `LabError`.
   */
  watch(name: string, format: Format, watch: DescriptorWatch): void {
    if (this.watched.has(name)) throw new LabError(`there is a queue '${name}' already: name this one otherwise`);
    if (watch.device !== undefined) this.hardware.port(watch.device);
    this.watched.set(name, { ...watch, name, format });
  }

  /** Forgets a queue: its memory is going away. An unknown one is a `LabError`. */
  unwatch(name: string): void {
    if (!this.watched.delete(name)) throw this.unknown(name);
  }

  /** What is in a queue's memory, and what is wrong with it, as lines of text. Without a name: in all of them. */
  dump(name?: string): string[] {
    return this.look(name).flatMap(linesOf);
  }

  /** All queues, as plain data. */
  dumpAll(): QueueDump[] {
    return this.look().map((look) => {
      const { name, device = null, format, walk: found, ends } = look;
      const told = ends === undefined ? null : dumpData(ends);
      return { name, device, format: format.name, lines: linesOf(look), queue: dumpData(found), ends: told };
    });
  }

  /** What `dump` prints, before it is text. An unknown name is a `LabError`. */
  look(name?: string): QueueLook[] {
    const { all } = this;
    const chosen = name === undefined ? all : all.filter((one) => one.name === name);
    if (name !== undefined && chosen.length === 0) throw this.unknown(name);
    return chosen.map((one) => this.lookAt(one));
  }

  private get all(): readonly Watched[] {
    const described = this.hardware.describedQueues.flatMap(({ label, queue }) => watchOf(label, queue));
    return [...this.watched.values(), ...described.filter(({ name }) => !this.watched.has(name))];
  }

  private unknown(name: string): LabError {
    return new LabError(`there is no queue '${name}'; there are: ${this.names.join(', ') || 'none'}`);
  }

  private lookAt({ name, device, format, start, checks, completions, given }: Watched): QueueLook {
    const memory = this.hardware.seenBy(device);
    const found = walk(format, memory, now(start), checks);
    const ends =
      completions === undefined
        ? undefined
        : walkCompletions(format, memory, now(completions), given === undefined ? {} : { given });
    return { name, device, format, walk: found, ends };
  }
}

/** A queue that a device knows, as if somebody had named it; nothing while it does not run or nobody has given it anything. */
const watchOf = (label: string, queue: DescribedQueue): Watched[] => {
  const place = queue.place();
  if (place?.pending === undefined) return [];
  const { pending: start, completions } = place;
  const name = `${label} ${queue.name}`;
  return [{ name, format: queue.format, device: label, start, ...(completions === undefined ? {} : { completions }) }];
};

const linesOf = ({ name, format, walk: found, ends }: QueueLook): string[] => {
  const title = `${name} (${format.name})`;
  const lines = dump(title, found);
  return ends === undefined ? lines : [...lines, ...dump(`${title}, ends of requests`, ends)];
};
