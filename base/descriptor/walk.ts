import { busOutcomeName, BUS_OK } from '../bus-outcome';
import { hex } from '../u64';
import type { AnyDescriptor } from './any-descriptor';
import { checkAlign, checkBoundary, checkPiece, checkWords, type Report } from './entry-checks';
import type {
  DataPiece,
  Finding,
  FindingKind,
  OpenEntry,
  PieceMoves,
  Walk,
  WalkChecks,
  WalkedEntry,
  WalkedRequest,
  WalkStart,
} from './findings';
import { segmentOf, type Format } from './format';
import { overlaps } from './overlaps';
import { EntryRoles } from './roles';
import { ADDRESS_LIMIT, readEntry, type WordReader } from './words';

/** What a walk reads at most where nobody says otherwise. */
const DEFAULT_LIMIT = 4096;

/** Reads entries, looks at each by itself, and collects what is found. Its `limit` bounds all of the work. */
export class Walker {
  readonly format: Format;
  readonly start: WalkStart;
  readonly roles: EntryRoles;
  /** Entries of the ring or table, as far as the limit goes. */
  readonly size: number;
  readonly entries: WalkedEntry[] = [];
  readonly findings: Finding[] = [];
  readonly units: number[] = [];
  /** Units of a request that has not ended. */
  open = 0;
  private readonly requests: WalkedRequest[] = [];
  readonly checks: WalkChecks;
  private readonly memory: WordReader;
  /** Which way data goes where entries do not say. */
  readonly otherwise: PieceMoves;
  private left: number;

  constructor(format: Format, memory: WordReader, start: WalkStart, checks: WalkChecks) {
    this.format = format;
    this.memory = memory;
    this.start = start;
    this.checks = checks;
    const { parameters } = start;
    this.roles = new EntryRoles(format.entry, { parameters, without: segmentOf(format.pieces) });
    this.left = Math.max(1, wholeNumber(checks.limit ?? DEFAULT_LIMIT));
    this.size = Math.min(wholeNumber(start.entries ?? 0), Number.MAX_SAFE_INTEGER);
    this.otherwise = format.moves === 'by-queue' ? (start.moves ?? 'unknown') : format.moves;
  }

  /** Entries that may still be read. */
  get room(): number {
    return this.left;
  }

  report(kind: FindingKind, where: string, address: bigint, message: string, field?: string): void {
    this.findings.push({ kind, where, address, message, ...(field === undefined ? {} : { field }) });
  }

  /** Reads a descriptor. Undefined if it cannot be read, which is told unless `quiet`, or if the limit is reached. */
  read(descriptor: AnyDescriptor, address: bigint, where: string, quiet = false): Int32Array | undefined {
    if (this.left === 0) {
      this.report('limit', where, address, 'the walk ends here: it has looked at as much as it may');
      return undefined;
    }
    this.left--;
    if (!quiet && address % BigInt(descriptor.align) !== 0n) {
      this.report('misaligned', where, address, `it lies at ${hex(address)}, no multiple of ${descriptor.align}`);
    }
    const lanes = new Int32Array(descriptor.lanes);
    const problem = this.fetch(descriptor, address, lanes);
    if (problem === undefined) return lanes;
    if (!quiet) this.report('unmapped', where, address, `it cannot be read at ${hex(address)}: ${problem}`);
    return undefined;
  }

  private fetch(descriptor: AnyDescriptor, address: bigint, lanes: Int32Array): string | undefined {
    if (address + BigInt(descriptor.size) > ADDRESS_LIMIT) return 'past the end of the address space';
    if (this.checks.live?.(address, descriptor.size, false) === false) return 'not mapped';
    const outcome = readEntry(this.memory, descriptor, address, lanes);
    return outcome === BUS_OK ? undefined : busOutcomeName(outcome);
  }

  /** Takes an element of a list that belongs to an entry. */
  takeElement(roles: EntryRoles, address: bigint, where: string, lanes: Int32Array): OpenEntry {
    const entry = this.enter(roles.descriptor, address, where, lanes, true);
    this.check(entry, roles);
    return entry;
  }

  /** Adds an entry that nobody has looked at yet. */
  enter(descriptor: AnyDescriptor, address: bigint, where: string, lanes: Int32Array, owned: boolean): OpenEntry {
    const entry: OpenEntry = { where, descriptor, address, lanes, owned, pieces: [] };
    this.entries.push(entry);
    return entry;
  }

  /** Whether an entry only says where the ring goes on. */
  isJump(lanes: Int32Array): boolean {
    return this.format.jumps && this.roles.marked('jump', lanes);
  }

  isIndirect(lanes: Int32Array): boolean {
    return this.format.indirect && !this.isJump(lanes) && this.roles.marked('indirect', lanes);
  }

  /** Takes what is wrong with an entry. */
  reporter({ where, address }: { readonly where: string; readonly address: bigint }): Report {
    return (kind, message, field) => this.report(kind, where, address, message, field);
  }

  /** Finds what is wrong with the words of an entry. */
  check(entry: WalkedEntry, roles: EntryRoles): void {
    const { address, descriptor, lanes } = entry;
    const report = this.reporter(entry);
    checkWords(roles, lanes, report, roles !== this.roles || !this.isJump(lanes));
    if (this.checks.visible?.(address, descriptor.size) === false) {
      report('too-early', 'the device may look, and not all of its words are visible to it');
    }
  }

  /** Adds data to an entry, and finds what is wrong with where it lies. */
  addPiece(entry: OpenEntry, piece: DataPiece): void {
    entry.pieces.push(piece);
    checkPiece(entry.descriptor.field(piece.field), piece, this.checks, this.reporter(entry));
  }

  /**
   * Ends a request: all entries from index `from` on are its own, with their tables and lists.
   * @param id what its completion names it by, where that is no field. @param count its entries in the ring or table
   */
  request(from: number, count: number, id?: number): void {
    const entries = this.entries.slice(from);
    const first = entries[0];
    if (first === undefined) return;
    const { format, roles } = this;
    if (format.pieces.kind === 'chain' && format.pieces.order === 'readable-first') checkOrder(this, entries);
    const pieces = entries.flatMap((entry) => entry.pieces);
    const sum = (not: PieceMoves): number => pieces.reduce((n, one) => n + (one.moves === not ? 0 : one.length), 0);
    const told = format.completion.kind;
    const named = told === 'queue' ? first : entries[count - 1]!;
    this.requests.push({
      id: id ?? (told === 'queue' || told === 'in-ring' ? roles.count('id', named.lanes) : undefined),
      where: first.where,
      entries: count,
      readable: sum('to-memory'),
      writable: sum('from-memory'),
    });
  }

  /** Checks the address of another entry or of a table. */
  checkLink(entry: WalkedEntry, of: 'next' | 'table' | 'data', bytes: number): void {
    const field = this.roles.addressField(of, entry.lanes);
    if (field === undefined) return;
    const address = this.roles.address(of, entry.lanes);
    checkAlign(field, address, this.reporter(entry));
    checkBoundary(field, address, bytes, this.reporter(entry));
  }

  finish(): Walk {
    this.findings.push(...overlaps(this.entries));
    const { entries, requests, findings, units, open } = this;
    return { entries, requests, findings, units, open };
  }
}

/** A number of entries that registers gave; what is none is zero. */
export const wholeNumber = (value: number): number => (Number.isSafeInteger(value) && value > 0 ? value : 0);

/** What the device reads after what it writes. */
const checkOrder = (walker: Walker, entries: readonly WalkedEntry[]): void => {
  let written: string | undefined;
  for (const entry of entries) {
    const reads = entry.pieces.some(({ moves }) => moves === 'from-memory');
    if (written !== undefined && reads) {
      const field = walker.roles.markField('device-writes')?.path;
      walker.reporter(entry)('order', `the device is to read it, and to write ${written} before it`, field);
      return;
    }
    if (entry.pieces.some(({ moves }) => moves === 'to-memory')) written ??= entry.where;
  }
};
