import { valueOf } from '../meaning';
import type { Format } from '../format';
import { EntryRoles } from '../roles';
import { Cutter, pagesOf, type EntryData } from './cut';
import type { EntryWriter } from './entry-writer';
import type { QueueLayout } from './layout';
import { elementOffset, pagesOfFormat, segmentsOfFormat, SegmentWriter } from './lists';
import type { Refused, RequestPiece } from './request';

type Way = RequestPiece['moves'];

/** When requests of several entries get a table of their own, where the format has that. */
export type Indirect = 'never' | 'several' | 'always';

/** What the device will complete as one: how many entries it takes, and where its data stands. */
export interface UnitPlan {
  /** Entries that it takes in the ring or table. */
  readonly entries: number;
  /** In the entries, one each; or in a table or list that the one entry leads to. */
  readonly kind: 'entries' | 'table' | 'pages' | 'segment' | 'segments';
  /** Of pages and segments: all of it is in the first. */
  readonly data: readonly EntryData[];
  /** The pages, the first one with its offset. */
  readonly pages: readonly bigint[];
  /** Whether it needs memory besides its entries. */
  readonly needsTable: boolean;
}

/** Finds the entries, tables and lists that requests take. */
export class Planner {
  readonly segments: SegmentWriter | undefined;
  private readonly format: Format;
  private readonly layout: QueueLayout;
  private readonly writer: EntryWriter;
  private readonly indirect: Indirect;
  /** By direction: entries may have another shape. */
  private readonly cutters: Readonly<Record<Way, Cutter>>;
  private readonly elementCutter: Cutter | undefined;

  constructor(format: Format, layout: QueueLayout, writer: EntryWriter, maxLength: number, indirect: Indirect) {
    const element = segmentsOfFormat(format)?.element;
    this.format = format;
    this.layout = layout;
    this.writer = writer;
    this.indirect = format.indirect ? indirect : 'never';
    this.segments = element === undefined ? undefined : new SegmentWriter(element);
    const cutter = (way: Way): Cutter => new Cutter(writer.roles, this.blank(way), maxLength);
    this.cutters = { 'from-memory': cutter('from-memory'), 'to-memory': cutter('to-memory') };
    if (this.segments !== undefined) {
      this.elementCutter = new Cutter(new EntryRoles(this.segments.element), this.segments.blank(), maxLength);
    }
  }

  private blank(way: Way): Int32Array {
    const lanes = new Int32Array(this.format.entry.lanes);
    this.writer.start(lanes, way);
    return lanes;
  }

  /** The units of a request; none, if it has no data. */
  plan(pieces: readonly RequestPiece[]): UnitPlan[] | Refused {
    const refused = this.writer.refuse(pieces);
    if (refused !== undefined) return refused;
    const first = pieces.find(({ length }) => length > 0);
    if (first === undefined) return [];
    const { kind } = this.format.pieces;
    if (elementOffset(this.format, this.blank(first.moves)) >= 0) return this.planSegments(pieces);
    if (kind === 'pages' || kind === 'by-shape') return this.planPages(pieces, first.moves);
    return this.planEntries(readableFirst(pieces), first.moves);
  }

  private planEntries(pieces: readonly RequestPiece[], way: Way): UnitPlan[] | Refused {
    const { kind } = this.format.pieces;
    const data = this.cutters[way].cut(pieces);
    if (isRefused(data)) return data;
    const wantsTable = this.indirect === 'always' || (this.indirect === 'several' && data.length > 1);
    if (wantsTable && data.length <= this.layout.pieces) return [unit('table', 1, data, true)];
    if (kind === 'own') return data.map((one) => unit('entries', 1, [one], false));
    const { limit } = this.format.pieces as { readonly limit: number };
    if (data.length > limit) return { problem: `it takes ${data.length} entries, and ${limit} is the most` };
    return [unit('entries', data.length, data, false)];
  }

  private planPages(pieces: readonly RequestPiece[], way: Way): UnitPlan[] | Refused {
    const shape = pagesOfFormat(this.format)!;
    const pages = pagesOf(pieces, valueOf(shape.page, this.layout.parameters));
    if (isRefused(pages)) return pages;
    const refused = this.refuseTotal(pieces, way) ?? this.refuseList(pages.length - 1, 'pages');
    if (refused !== undefined) return refused;
    const data = [{ address: pages[0]!, destination: 0n, length: totalOf(pieces), moves: way }];
    return [{ ...unit('pages', 1, data, pages.length > 2), pages }];
  }

  private planSegments(pieces: readonly RequestPiece[]): UnitPlan[] | Refused {
    const data = this.elementCutter!.cut(pieces);
    if (isRefused(data)) return data;
    if (data.length === 1) return [unit('segment', 1, data, false)];
    const { limit } = segmentsOfFormat(this.format)!;
    if (data.length > limit || !this.segments!.lists) {
      return { problem: `it takes a list of ${data.length} segments, and ${limit} is the most` };
    }
    return (
      this.refuseTotal(pieces, data[0]!.moves) ??
      this.refuseList(data.length, 'segments') ?? [unit('segments', 1, data, true)]
    );
  }

  /** An entry that says how much there is in all can count only so far. */
  private refuseTotal(pieces: readonly RequestPiece[], way: Way): Refused | undefined {
    if (this.writer.roles.lengthField('data', this.blank(way)) === undefined) return undefined;
    const total = totalOf(pieces);
    const { most, unit: bytes } = this.cutters[way];
    if (total <= most && total % bytes === 0) return undefined;
    return { problem: `it has ${total} bytes, and an entry counts up to ${most} in units of ${bytes}` };
  }

  private refuseList(elements: number, what: string): Refused | undefined {
    if (elements <= this.layout.pieces) return undefined;
    return { problem: `it takes a list of ${elements} ${what}, and there is room for ${this.layout.pieces}` };
  }
}

/** Whether something was refused. */
export const isRefused = (result: object): result is Refused => 'problem' in result;

const unit = (kind: UnitPlan['kind'], entries: number, data: readonly EntryData[], needsTable: boolean): UnitPlan => ({
  kind,
  entries,
  data,
  pages: [],
  needsTable,
});

const totalOf = (pieces: readonly RequestPiece[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

/** Devices that do both read first what they are to read. */
const readableFirst = (pieces: readonly RequestPiece[]): readonly RequestPiece[] => [
  ...pieces.filter(({ moves }) => moves === 'from-memory'),
  ...pieces.filter(({ moves }) => moves === 'to-memory'),
];
