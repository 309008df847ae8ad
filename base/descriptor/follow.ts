import type { Walk, WalkChecks, WalkedEntry, WalkStart } from './findings';
import type { Format, HeadsFollow, LinkedFollow } from './format';
import { rawNumber, EntryRoles } from './roles';
import { takeOwn } from './data';
import { Walker, wholeNumber } from './walk';
import { Grouping } from './grouping';
import { walkChain, walkTable } from './chains';
import { isGivenByMarks } from './ownership';
import { ringPath } from './ring-path';
import type { WordReader } from './words';

/** Tells which entries of a ring or list are the device's, one after the other. */
class Owners {
  private readonly walker: Walker;
  /** The first entry that the device is not done with, in a format that has no done entries after it. */
  private pending: string | undefined;

  constructor(walker: Walker) {
    this.walker = walker;
  }

  of(lanes: Int32Array, phase: number): boolean {
    const { format, roles } = this.walker;
    if (format.ownership.kind === 'indices' && this.isDone(lanes)) return false;
    return isGivenByMarks(format, roles, lanes, phase);
  }

  /** Whether an entry is done, and none before it is still to be done. */
  private isDone(lanes: Int32Array): boolean {
    return this.pending === undefined && this.refuses(lanes);
  }

  /** Whether the device would refuse an entry because it is marked done. */
  private refuses(lanes: Int32Array): boolean {
    const { format, roles, start } = this.walker;
    if (format.completion.kind !== 'in-place' || format.completion.refusesDone !== true) return false;
    const cyclic = format.follow.kind === 'linked' && format.follow.end === 'tail' && start.tail === undefined;
    return !cyclic && roles.marked('done', lanes);
  }

  /** Looks at an entry: one that is done after one that is not was given away so. */
  look(entry: WalkedEntry): void {
    const { walker } = this;
    if (!entry.owned) return;
    if (this.pending === undefined) this.pending = entry.where;
    else if (this.refuses(entry.lanes)) {
      const message = `it is given away marked as done: ${this.pending} before it is not`;
      walker.reporter(entry)('stale', message, walker.roles.markField('done')?.path);
    }
  }
}

/** What the device told about an entry that it is done with: more than there is room for. */
const checkTold = (walker: Walker, entry: WalkedEntry): void => {
  const { format, roles } = walker;
  const { lanes } = entry;
  if (format.completion.kind !== 'in-place' || !roles.marked('done', lanes) || walker.isJump(lanes)) return;
  const field = roles.countField('written', lanes);
  const room = roles.length('data', lanes)?.bytes;
  if (field?.meaning?.kind !== 'count' || room === undefined) return;
  const bytes = roles.count('written', lanes) * field.meaning.unit;
  if (bytes > room) walker.reporter(entry)('overrun', `${bytes} bytes moved, and it has ${room}`, field.path);
};

/** Takes an entry of a ring or list, with its table. Undefined if the walk ends before it. */
const takeEntry = (
  walker: Walker,
  { owners, groups }: { readonly owners: Owners; readonly groups: Grouping },
  address: bigint,
  where: string,
  lanes: Int32Array,
  phase: number,
): WalkedEntry | undefined => {
  const at = walker.entries.length;
  const owned = owners.of(lanes, phase);
  if (!owned && walker.checks.givenOnly === true) {
    groups.end();
    return undefined;
  }
  const entry = takeOwn(walker, address, where, lanes, owned);
  if (owned) walker.units.push(at);
  owners.look(entry);
  checkTold(walker, entry);
  followTable(walker, entry);
  groups.next(entry, at);
  if (!entry.owned) groups.done(entry);
  return entry;
};

/** Tables that an entry of a ring or list leads to. */
const followTable = (walker: Walker, entry: WalkedEntry): void => {
  if (!entry.owned || !walker.isIndirect(entry.lanes)) return;
  const more = walker.format.pieces.kind === 'chain' && walker.roles.marked('more', entry.lanes);
  if (!more) walkTable(walker, entry);
};

const walkRing = (walker: Walker): void => {
  const { start, size } = walker;
  const count = Math.min(wholeNumber(start.count ?? size), size, walker.room);
  if (Math.min(wholeNumber(start.count ?? size), size) > count) {
    walker.report('limit', 'ring', start.at, `the walk looks at ${count} of ${size} entries`);
  }
  const state = { owners: new Owners(walker), groups: new Grouping(walker) };
  const path = ringPath(walker);
  for (let i = 0; i < count; i++) {
    const { address, index, phase } = path;
    if (walker.checks.known?.(address) === true) break;
    const lanes = walker.read(walker.format.entry, address, `entry ${index}`);
    if (lanes === undefined) break;
    const entry = takeEntry(walker, state, address, `entry ${index}`, lanes, phase);
    if (entry === undefined || !path.advance(entry, count - i - 1)) break;
  }
  state.groups.end();
};

/** Whether a list ends with an entry, as its format says. */
const endsList = (walker: Walker, { end }: LinkedFollow, { lanes, address }: WalkedEntry): boolean => {
  if (end === 'last') return walker.roles.marked('last', lanes);
  return end === 'null' ? walker.roles.address('next', lanes) === 0n : address === walker.start.tail;
};

/** How a list that leads back into itself, or to nowhere, is told; undefined if it may, or goes on. */
const badLink = (walker: Walker, follow: LinkedFollow, next: bigint, to: string | undefined) => {
  if (to !== undefined && follow.cyclic && follow.end !== 'tail') return undefined;
  if (to !== undefined && follow.end === 'tail') {
    if (walker.start.tail === undefined) return undefined;
    return ['unterminated', `it leads back to ${to}, and the tail was not among the entries`] as const;
  }
  if (to !== undefined)
    return ['loop', `it leads back to ${to}, and lists of ${walker.format.name} are not cyclic`] as const;
  if (next !== 0n || walker.checks.live?.(next, walker.format.entry.size, false) === true) return undefined;
  return ['unterminated', 'it does not end the list, and leads to 0'] as const;
};

/** The address of the entry after one; undefined if the list ends there, well or badly. */
const nextOf = (walker: Walker, follow: LinkedFollow, entry: WalkedEntry, seen: Map<bigint, string>) => {
  if (endsList(walker, follow, entry)) return undefined;
  const next = walker.roles.address('next', entry.lanes);
  const to = seen.get(next);
  const bad = badLink(walker, follow, next, to);
  if (bad !== undefined && entry.owned) walker.reporter(entry)(bad[0], bad[1], walker.roles.addressField('next')!.path);
  if (bad !== undefined || to !== undefined) return undefined;
  if (entry.owned) walker.checkLink(entry, 'next', walker.format.entry.size);
  return next;
};

const walkLinked = (walker: Walker, follow: LinkedFollow): void => {
  const seen = new Map<bigint, string>();
  const state = { owners: new Owners(walker), groups: new Grouping(walker) };
  let address: bigint | undefined = walker.start.at;
  for (let owned = true; address !== undefined && walker.checks.known?.(address) !== true;) {
    const where = `entry ${seen.size}`;
    const lanes = walker.read(walker.format.entry, address, where, !owned);
    if (lanes === undefined) break;
    seen.set(address, where);
    const entry = takeEntry(walker, state, address, where, lanes, walker.start.phase ?? 1);
    if (entry === undefined) break;
    owned = entry.owned;
    address = nextOf(walker, follow, entry, seen);
  }
  state.groups.end();
};

/** How many heads are the device's: those that the header counts and nobody has seen yet. */
const pendingHeads = (walker: Walker, { header }: HeadsFollow, at: bigint, from: number): number => {
  const lanes = walker.read(header, at, 'header');
  const roles = new EntryRoles(header);
  const field = roles.countField('index');
  if (lanes === undefined || field === undefined) return 0;
  const modulus = 2 ** Math.min(field.bits, 32);
  const index = rawNumber(field, lanes) % modulus;
  const pending = (((index - (from % modulus)) % modulus) + modulus) % modulus;
  if (pending <= walker.size) return pending;
  const message = `${field.path} is ${index}, ${pending} past the ${from} heads before it: there are ${walker.size} entries`;
  walker.report('index', 'header', at, message, field.path);
  return walker.size;
};

const walkHeads = (walker: Walker, follow: HeadsFollow): void => {
  const { start, size } = walker;
  const { header, element } = follow;
  const roles = new EntryRoles(element);
  const at = start.heads ?? start.at;
  const from = wholeNumber(start.from ?? 0);
  const taken = new Map<number, string>();
  const pending = pendingHeads(walker, follow, at, from);
  for (let i = 0; i < pending; i++) {
    const slot = (from + i) % size;
    const address = at + BigInt(header.size) + BigInt(slot) * BigInt(element.size);
    const lanes = walker.read(element, address, `head ${slot}`);
    if (lanes === undefined) return;
    const head = roles.count('id', lanes);
    walker.units.push(walker.entries.length);
    walkChain(walker, {
      table: start.at,
      count: size,
      first: head,
      prefix: '',
      taken,
      from: { where: `head ${slot}`, address },
    });
  }
};

/**
 * Follows a format through memory from where a queue begins: reads its entries as the device would, and tells what is
 * wrong with those that are the device's. Whatever the memory holds, the work is bounded and nothing is thrown.
 */
export const walk = (format: Format, memory: WordReader, start: WalkStart, checks: WalkChecks = {}): Walk => {
  const walker = new Walker(format, memory, start, checks);
  const { follow } = format;
  if (follow.kind === 'ring') walkRing(walker);
  else if (follow.kind === 'linked') walkLinked(walker, follow);
  else walkHeads(walker, follow);
  return walker.finish();
};
