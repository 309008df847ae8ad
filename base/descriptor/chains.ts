import { hex } from '../u64';
import type { WalkedEntry } from './findings';
import { takeOwn } from './data';
import type { Walker } from './walk';

/** A chain of entries in a table. */
export interface ChainStart {
  /** Where the table is, and how many entries it has. */
  readonly table: bigint;
  readonly count: number;
  readonly first: number;
  /** What precedes the entries' names: `entry 3, table `. */
  readonly prefix: string;
  /** Entries by index, and the request that they belong to. */
  readonly taken: Map<number, string>;
  /** Who leads to the first one. */
  readonly from: { readonly where: string; readonly address: bigint };
  /** The table is one that an entry leads to. */
  readonly nested?: boolean;
}

/** Whether an index may be followed; tells why not. */
const mayFollow = (walker: Walker, chain: ChainStart, index: number, by: WalkedEntry | undefined, length: number) => {
  const report = walker.reporter(by ?? chain.from);
  const field = by === undefined ? undefined : walker.roles.countField('next-index')?.path;
  if (index >= chain.count) {
    report('index', `it leads to entry ${index} of ${chain.count}`, field);
    return false;
  }
  const before = chain.taken.get(index);
  const { pieces } = walker.format;
  const limit = pieces.kind === 'chain' ? pieces.limit : 1;
  if (before === chain.from.where)
    report('loop', `it leads back to ${chain.prefix}entry ${index} of its own chain`, field);
  else if (before !== undefined)
    report('overlap', `it leads to ${chain.prefix}entry ${index}, which ${before} has already`, field);
  else if (length >= limit) report('unterminated', `its chain has more than ${limit} entries`, field);
  else return true;
  return false;
};

/** The index of the entry after one; undefined at the end of the chain. */
const nextIndex = ({ format, roles }: Walker, index: number, { lanes }: WalkedEntry): number | undefined => {
  const { pieces } = format;
  if (pieces.kind !== 'chain' || !roles.marked('more', lanes)) return undefined;
  return pieces.next === 'index' ? roles.count('next-index', lanes) : index + 1;
};

/** Follows the entries of one request through a table. */
export const walkChain = (walker: Walker, chain: ChainStart): void => {
  const { format, roles } = walker;
  let index: number | undefined = chain.first;
  let by: WalkedEntry | undefined;
  const from = walker.entries.length;
  let length = 0;
  for (; index !== undefined; length++) {
    if (!mayFollow(walker, chain, index, by, length)) break;
    chain.taken.set(index, chain.from.where);
    const address = chain.table + BigInt(index) * BigInt(format.entry.size);
    const where = `${chain.prefix}entry ${index}`;
    const lanes = walker.read(format.entry, address, where);
    if (lanes === undefined) break;
    by = takeOwn(walker, address, where, lanes, true);
    if (walker.isIndirect(lanes)) leadToTable(walker, by, chain.nested === true, roles.marked('more', lanes));
    index = nextIndex(walker, index, by);
  }
  if (chain.nested !== true) walker.request(from, length, chain.first);
};

const leadToTable = (walker: Walker, entry: WalkedEntry, nested: boolean, more: boolean): void => {
  const field = walker.roles.markField('indirect')?.path;
  if (nested) walker.reporter(entry)('indirect', 'it is in a table, and leads to another one', field);
  else if (more) walker.reporter(entry)('indirect', 'it leads to a table, and to another entry as well', field);
  else walkTable(walker, entry);
};

/** Follows the table that an entry leads to. */
export const walkTable = (walker: Walker, entry: WalkedEntry): void => {
  const { format, roles } = walker;
  const table = roles.table(entry.lanes);
  if (table === undefined) return;
  const report = walker.reporter(entry);
  const { size } = format.entry;
  if (table.bytes === 0 || table.bytes % size !== 0) {
    report('indirect', `its table at ${hex(table.at)} has ${table.bytes} bytes, no whole number of entries of ${size}`);
    return;
  }
  walker.checkLink(
    entry,
    table.address.meaning?.kind === 'address' && table.address.meaning.of === 'table' ? 'table' : 'data',
    table.bytes,
  );
  const count = table.bytes / size;
  const prefix = `${entry.where}, table `;
  if (format.pieces.kind === 'chain' && format.pieces.next === 'index') {
    walkChain(walker, { table: table.at, count, first: 0, prefix, taken: new Map(), from: entry, nested: true });
  } else walkAll(walker, entry, table.at, count);
};

/** Without indices, all entries of a table are one request. */
const walkAll = (walker: Walker, entry: WalkedEntry, table: bigint, count: number): void => {
  const { format } = walker;
  const { pieces } = format;
  if (pieces.kind === 'chain' && count > pieces.limit) {
    walker.reporter(entry)('unterminated', `its table has ${count} entries, and ${pieces.limit} is the most`);
  }
  for (let i = 0; i < Math.min(count, pieces.kind === 'chain' ? pieces.limit : count); i++) {
    const address = table + BigInt(i) * BigInt(format.entry.size);
    const where = `${entry.where}, table entry ${i}`;
    const lanes = walker.read(format.entry, address, where);
    if (lanes === undefined) return;
    const inner = takeOwn(walker, address, where, lanes, true);
    if (walker.isIndirect(lanes)) leadToTable(walker, inner, true, false);
    else checkInTable(walker, inner);
  }
};

/** Marks that mean nothing in a table whose entries simply follow each other. */
const checkInTable = (walker: Walker, inner: WalkedEntry): void => {
  for (const role of ['more', 'jump', 'phase', 'used-phase'] as const) {
    if (!walker.roles.marked(role, inner.lanes)) continue;
    const field = walker.roles.markField(role)?.path;
    walker.reporter(inner)('indirect', `it is in a table, where ${field ?? role} has no meaning`, field);
    return;
  }
};
