import {
  dump,
  walk,
  walkCompletions,
  type CompletionChecks,
  type CompletionStart,
  type Format,
  type WalkChecks,
  type WalkStart,
  type WordReader,
} from '../base/descriptor';
import { LabError } from '../base/errors';
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

/**
 * The queues of a machine that somebody has named, for dumps of live memory. Looking changes nothing: no time passes, and no
 * cache or fault record notices.
 */
export class DescriptorWatches {
  private readonly hardware: Hardware;
  private readonly watched = new Map<string, Watched>();

  constructor(hardware: Hardware) {
    this.hardware = hardware;
  }

  /** Names of the queues, in the order in which they were named. */
  get names(): readonly string[] {
    return [...this.watched.keys()];
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
    if (name === undefined) return [...this.watched.values()].flatMap((one) => this.lines(one));
    const watched = this.watched.get(name);
    if (watched === undefined) throw this.unknown(name);
    return this.lines(watched);
  }

  private unknown(name: string): LabError {
    return new LabError(`there is no queue '${name}'; there are: ${this.names.join(', ') || 'none'}`);
  }

  private reader({ device }: Watched): WordReader {
    return this.hardware.seenBy(device);
  }

  private lines(watched: Watched): string[] {
    const { name, format, start, checks, completions, given } = watched;
    const memory = this.reader(watched);
    const title = `${name} (${format.name})`;
    const lines = dump(title, walk(format, memory, now(start), checks));
    if (completions === undefined) return lines;
    const ends = walkCompletions(format, memory, now(completions), given === undefined ? {} : { given });
    return [...lines, ...dump(`${title}, ends of requests`, ends)];
  }
}
