import { BytesMemory } from '../layout/memory';
import type { Prng } from '../prng';
import type { AnyDescriptor } from './any-descriptor';
import type { CompletionStart, GivenRequest } from './completions';
import type { FindingKind } from './findings';
import type { Format } from './format';
import { EntryRoles } from './roles';
import { put, setMark } from './put';
import { fillEntry, type Spoiled } from './sample';

/** Ends of requests in memory, as the generator makes them. */
export interface CompletionSample {
  /** Memory that holds them begins at `base`. */
  readonly base: bigint;
  readonly bytes: Uint8Array;
  readonly start: CompletionStart;
  /** The requests that were on their way. */
  readonly given: (id: number) => GivenRequest | undefined;
  /** What is wrong with it; undefined if nothing is. */
  readonly spoiled: Spoiled | undefined;
}

interface Ended {
  readonly where: string;
  readonly lanes: Int32Array;
  readonly roles: EntryRoles;
  readonly request: GivenRequest & { readonly id: number };
}

/** Where ends are told: what precedes them, what they look like, what they are called. */
interface Place {
  readonly header: AnyDescriptor | undefined;
  readonly element: AnyDescriptor;
  readonly name: string;
}

const placeOf = ({ completion, entry }: Format): Place | undefined => {
  switch (completion.kind) {
    case 'queue':
      return { header: undefined, element: completion.entry, name: 'completion' };
    case 'in-ring':
      return { header: undefined, element: entry, name: 'completion' };
    case 'used-ring':
      return { header: completion.header, element: completion.element, name: 'used' };
    case 'in-place':
      return undefined;
  }
};

/** Makes ends of requests that have nothing wrong with them. */
class CompletionBuilder {
  readonly ended: Ended[] = [];
  readonly base = 0x4000_0000n;
  readonly start: CompletionStart;
  private readonly format: Format;
  private readonly prng: Prng;
  private readonly place: Place;
  private readonly bytes: Uint8Array;
  private readonly given = new Map<number, GivenRequest>();
  private readonly header: Int32Array;

  constructor(format: Format, place: Place, prng: Prng) {
    const size = 2 ** prng.between(1, 4);
    this.format = format;
    this.place = place;
    this.prng = prng;
    this.start = { at: this.base, entries: size, requests: size, from: prng.below(2 * size), phase: prng.pick([0, 1]) };
    this.bytes = new Uint8Array((place.header?.size ?? 0) + size * place.element.size + 3);
    this.header = new Int32Array(place.header?.lanes ?? 0);
    this.build();
  }

  private get size(): number {
    return this.start.entries;
  }

  private build(): void {
    const { prng, size, format } = this;
    const ids = Array.from({ length: size }, (_, id) => id);
    let at = 0;
    while (at < size) {
      const entries = format.completion.kind === 'in-ring' ? prng.between(1, Math.min(3, size - at)) : 1;
      const id = ids.splice(prng.below(ids.length), 1)[0]!;
      const request = { id, entries, writable: prng.between(0, 4096) };
      this.given.set(id, request);
      if (at > 0 && prng.oneIn(4)) break;
      this.end(at, request);
      at += entries;
    }
    this.old(at);
    if (this.place.header === undefined) return;
    fillEntry(prng, this.place.header, this.header);
    const index = new EntryRoles(this.place.header).countField('index')!;
    put(index, this.header, (this.start.from! + at) % 2 ** index.bits);
  }

  private slot(i: number): { readonly index: number; readonly phase: boolean } {
    const position = this.start.from! + i;
    const lap = Math.floor(position / this.size) & 1;
    return { index: position % this.size, phase: (this.start.phase! ^ lap) === 1 };
  }

  private lanes(): { readonly lanes: Int32Array; readonly roles: EntryRoles } {
    const { element } = this.place;
    const lanes = new Int32Array(element.lanes);
    fillEntry(this.prng, element, lanes);
    return { lanes, roles: new EntryRoles(element) };
  }

  private end(i: number, request: GivenRequest & { readonly id: number }): void {
    const { index, phase } = this.slot(i);
    const { lanes, roles } = this.lanes();
    setMark(roles.markField('phase'), lanes, phase);
    setMark(roles.markField('used-phase'), lanes, phase);
    setMark(roles.markField('device-writes'), lanes, true);
    put(roles.countField('id')!, lanes, request.id);
    const head = roles.countField('head');
    if (head !== undefined) put(head, lanes, this.prng.below(this.start.requests!));
    const written = writtenField(roles);
    if (written !== undefined) put(written, lanes, this.prng.between(0, request.writable));
    this.ended.push({ where: `${this.place.name} ${index}`, lanes, roles, request });
  }

  /** An entry after those that ended, of the lap before. */
  private old(i: number): void {
    if (i >= this.size || this.place.header !== undefined) return;
    const { index, phase } = this.slot(i);
    const { lanes, roles } = this.lanes();
    setMark(roles.markField('phase'), lanes, !phase);
    setMark(roles.markField('used-phase'), lanes, !phase);
    this.save(lanes, index);
  }

  private save(lanes: Int32Array, index: number): void {
    const { element, header } = this.place;
    element.save(new BytesMemory(this.bytes), (header?.size ?? 0) + index * element.size, lanes);
  }

  /** One thing that is wrong. */
  spoil(): Spoiled {
    const { ended, prng, start } = this;
    const kinds: FindingKind[] = ['not-given'];
    if (ended.length > 1) kinds.push('completed-twice');
    const able = ended.filter(({ roles }) => writtenField(roles) !== undefined);
    if (able.length > 0) kinds.push('overrun');
    if (this.place.header !== undefined || ended[0]!.roles.countField('head') !== undefined) kinds.push('index');
    const kind = prng.pick(kinds);
    const { where, lanes, roles, request } = prng.pick(ended.slice(kind === 'completed-twice' ? 1 : 0));
    const id = roles.countField('id')!;
    if (kind === 'not-given') this.given.delete(request.id);
    else if (kind === 'completed-twice') put(id, lanes, ended[0]!.request.id);
    else if (kind === 'overrun') put(writtenField(roles)!, lanes, request.writable + 1);
    else put(roles.countField('head') ?? id, lanes, start.requests!);
    return { kind, where, what: `${kind} at request ${request.id}` };
  }

  finish(spoiled: Spoiled | undefined): CompletionSample {
    const { base, bytes, start, place, given } = this;
    place.header?.save(new BytesMemory(bytes), 0, this.header);
    for (const { lanes, where } of this.ended) this.save(lanes, Number(where.split(' ')[1]));
    return { base, bytes, start, given: (id) => given.get(id), spoiled };
  }
}

const writtenField = (roles: EntryRoles) =>
  roles.countField('written') ?? (roles.markField('used-phase') === undefined ? undefined : roles.lengthField('data'));

const builderOf = (format: Format, prng: Prng): CompletionBuilder | undefined => {
  const place = placeOf(format);
  return place === undefined ? undefined : new CompletionBuilder(format, place, prng);
};

/** Ends of requests with nothing wrong; undefined for formats that complete in place. */
export const validCompletions = (format: Format, prng: Prng): CompletionSample | undefined =>
  builderOf(format, prng)?.finish(undefined);

/** The same with one thing wrong, which `spoiled` names. */
export const invalidCompletions = (format: Format, prng: Prng): CompletionSample | undefined => {
  const builder = builderOf(format, prng);
  return builder?.finish(builder.spoil());
};
