import type { AnyDescriptor } from './any-descriptor';
import type { Walk, WalkChecks, WalkedEntry, WalkedRequest } from './findings';
import type { Format } from './format';
import type { Parameters } from './meaning';
import { EntryRoles } from './roles';
import { wholeNumber, Walker } from './walk';
import type { WordReader } from './words';

/** Where the ends of requests are told: what the driver knows of its queue. */
export interface CompletionStart {
  /** The address of the completion queue, of the used ring's header, or of the ring itself where they are told there. */
  readonly at: bigint;
  /** Entries or elements of it. */
  readonly entries: number;
  /** The entry to begin with, or the count of used elements seen before. Default 0. */
  readonly from?: number;
  /** The phase of the first lap. Default 1. */
  readonly phase?: 0 | 1;
  /** Entries of the ring or table of requests, if they are not as many. */
  readonly requests?: number;
  readonly parameters?: Parameters;
}

/** A request that is on its way. */
export type GivenRequest = Pick<WalkedRequest, 'entries' | 'writable'>;

/** What a look at completions can ask about the world. What is left out is not checked. */
export interface CompletionChecks extends Pick<WalkChecks, 'live' | 'limit'> {
  /** The request of an id; undefined if none is on its way. */
  readonly given?: (id: number) => GivenRequest | undefined;
}

/** One end of a request, as it was told. */
interface Told {
  readonly entry: WalkedEntry;
  readonly roles: EntryRoles;
  readonly id: number;
  /** Bytes written; undefined if it does not say. */
  readonly written: number | undefined;
}

/** Looks at what the device told. */
class CompletionWalk {
  private readonly walker: Walker;
  private readonly start: CompletionStart;
  private readonly given: CompletionChecks['given'];
  private readonly ended = new Map<number, string>();

  constructor(format: Format, memory: WordReader, start: CompletionStart, { given, ...checks }: CompletionChecks) {
    this.walker = new Walker(format, memory, start, checks);
    this.start = start;
    this.given = given;
  }

  run(): Walk {
    const { completion } = this.walker.format;
    if (completion.kind === 'queue') this.queue(completion.entry);
    else if (completion.kind === 'in-ring') this.ring();
    else if (completion.kind === 'used-ring') this.usedRing(completion.header, completion.element);
    return this.walker.finish();
  }

  private read(roles: EntryRoles, at: bigint, where: string): WalkedEntry | undefined {
    const lanes = this.walker.read(roles.descriptor, at, where);
    return lanes === undefined ? undefined : this.walker.takeElement(roles, at, where, lanes);
  }

  /** Entries of a queue of their own, as long as their phase is that of the lap. */
  private queue(descriptor: AnyDescriptor): void {
    const { start, walker } = this;
    const roles = new EntryRoles(descriptor, start);
    for (let i = 0; i < walker.size; i++) {
      const { index, phase } = this.place(wholeNumber(start.from ?? 0) + i);
      const at = start.at + BigInt(index) * BigInt(descriptor.size);
      const where = `completion ${index}`;
      const lanes = walker.read(descriptor, at, where);
      if (lanes === undefined || roles.marked('phase', lanes) !== (phase === 1)) return;
      const entry = walker.takeElement(roles, at, where, lanes);
      this.checkHead(entry, roles);
      this.tell({ entry, roles, id: roles.count('id', lanes), written: writtenOf(roles, lanes) });
    }
  }

  private place(position: number): { readonly index: number; readonly phase: number } {
    const { size } = this.walker;
    return {
      index: position % size,
      phase: (this.start.phase ?? 1) ^ (Math.floor(position / size) & 1),
    };
  }

  private checkHead(entry: WalkedEntry, roles: EntryRoles): void {
    const field = roles.countField('head', entry.lanes);
    const { requests } = this.start;
    if (field === undefined || requests === undefined) return;
    const head = roles.count('head', entry.lanes);
    if (head < requests) return;
    this.walker.reporter(entry)('index', `${field.path} is ${head}, and the queue has ${requests} entries`, field.path);
  }

  /** Entries of the ring of requests: the one after a request that was told is past all of its entries. */
  private ring(): void {
    const { start, walker } = this;
    const { roles, format } = walker;
    for (let i = 0; i < walker.size;) {
      const { index, phase } = this.place(wholeNumber(start.from ?? 0) + i);
      const at = start.at + BigInt(index) * BigInt(format.entry.size);
      const where = `completion ${index}`;
      const lanes = walker.read(format.entry, at, where);
      if (lanes === undefined) return;
      const is = (role: 'phase' | 'used-phase'): boolean => roles.marked(role, lanes) === (phase === 1);
      if (!is('phase') || !is('used-phase')) return;
      const entry = walker.enter(format.entry, at, where, lanes, true);
      const says = roles.markField('device-writes') === undefined || roles.marked('device-writes', lanes);
      const id = roles.count('id', lanes);
      this.tell({ entry, roles, id, written: says ? roles.length('data', lanes)?.bytes : undefined });
      i += Math.max(1, wholeNumber(this.given?.(id)?.entries ?? 1));
    }
  }

  /** Elements of a ring behind a header that counts them. */
  private usedRing(header: AnyDescriptor, element: AnyDescriptor): void {
    const { start, walker } = this;
    const from = wholeNumber(start.from ?? 0);
    const head = this.read(new EntryRoles(header, start), start.at, 'used header');
    if (head === undefined || walker.size === 0) return;
    const roles = new EntryRoles(element, start);
    const pending = this.pending(head, header, from);
    for (let i = 0; i < pending; i++) {
      const slot = (from + i) % walker.size;
      const at = start.at + BigInt(header.size) + BigInt(slot) * BigInt(element.size);
      const entry = this.read(roles, at, `used ${slot}`);
      if (entry === undefined) return;
      const id = roles.count('id', entry.lanes);
      this.tell({ entry, roles, id, written: writtenOf(roles, entry.lanes) });
    }
  }

  private pending(head: WalkedEntry, header: AnyDescriptor, from: number): number {
    const { size } = this.walker;
    const roles = new EntryRoles(header);
    const field = roles.countField('index')!;
    const modulus = 2 ** Math.min(field.bits, 32);
    const index = roles.count('index', head.lanes) % modulus;
    const pending = (((index - from) % modulus) + modulus) % modulus;
    if (pending <= size) return pending;
    const message = `${field.path} is ${index}, ${pending} past the ${from} elements before it: there are ${size}`;
    this.walker.reporter(head)('index', message, field.path);
    return size;
  }

  /** What is wrong with one end of a request. */
  private tell({ entry, roles, id, written }: Told): void {
    const report = this.walker.reporter(entry);
    const field = roles.countField('id', entry.lanes)?.path;
    const requests = this.start.requests ?? this.start.entries;
    if (this.walker.format.completion.kind === 'used-ring' && id >= requests) {
      report('index', `it names entry ${id} of ${requests}`, field);
      return;
    }
    const before = this.ended.get(id);
    const given = this.given?.(id);
    if (before !== undefined) report('completed-twice', `it ends request ${id}, which ${before} has ended`, field);
    else if (this.given !== undefined && given === undefined) {
      report('not-given', `it ends request ${id}, and none of that name is on its way`, field);
    }
    this.ended.set(id, entry.where);
    if (given === undefined || written === undefined || written <= given.writable) return;
    const told = (roles.countField('written', entry.lanes) ?? roles.lengthField('data', entry.lanes))?.path;
    report('overrun', `${written} bytes were written for request ${id}, and it has room for ${given.writable}`, told);
  }
}

const writtenOf = (roles: EntryRoles, lanes: Int32Array): number | undefined => {
  const { meaning } = roles.countField('written', lanes) ?? {};
  return meaning?.kind === 'count' ? roles.count('written', lanes) * meaning.unit : undefined;
};

/** Requests by their id, for `CompletionChecks.given`: those that a walk over the queue found before the device went on. */
export const givenBy = ({ requests }: Walk): ((id: number) => GivenRequest | undefined) => {
  const byId = new Map(
    requests.flatMap((request) => (request.id === undefined ? [] : [[request.id, request] as const])),
  );
  return (id) => byId.get(id);
};

/**
 * Looks at the ends of requests that a driver has not seen yet: entries of a completion queue, used elements, or entries of
 * the ring that were written over. Formats that complete in place have none: `walk` looks at theirs. Nothing is thrown,
 * and the work is bounded, whatever the memory holds.
 */
export const walkCompletions = (
  format: Format,
  memory: WordReader,
  start: CompletionStart,
  checks: CompletionChecks = {},
): Walk => new CompletionWalk(format, memory, start, checks).run();
