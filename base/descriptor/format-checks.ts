import type { AnyDescriptor } from './any-descriptor';
import type { ChainPieces, FormatSpec, PagePieces, SegmentPieces } from './format';
import { checkJumps } from './jumps';
import { valueOf } from './meaning';
import { isThat, type PlacedField } from './placed';
import { contradiction } from './placement';
import { allCases } from './shapes';

/** Fields of a meaning, those of all shapes among them. */
const anyThat = (descriptor: AnyDescriptor, kind: string, part?: string): readonly PlacedField[] => [
  ...descriptor.fieldsThat(kind, part),
  ...descriptor.variantFields.filter((field) => isThat(field, kind, part)),
];

/** Finds what a format needs of its descriptors. */
export class FormatChecks {
  private readonly spec: FormatSpec;

  constructor(spec: FormatSpec) {
    this.spec = spec;
  }

  run(): void {
    this.follow();
    this.pieces();
    this.ownership();
    this.completion();
    this.doorbell();
    this.data();
    checkJumps(this.spec);
  }

  /** One field of a meaning; there is none: a `LabError`. @param why what in the format needs it */
  private need(where: AnyDescriptor, why: string, kind: string, part: string): PlacedField {
    const [field] = anyThat(where, kind, part);
    if (field !== undefined) return field;
    const what = kind === 'address' ? `address of ${part}` : `field that is ${part}`;
    throw contradiction(
      this.spec.name,
      `${this.spec.name} ${why}, and its descriptor ${where.typeName} has no ${what}`,
    );
  }

  private follow(): void {
    const { entry, follow } = this.spec;
    if (follow.kind === 'linked') {
      this.need(entry, 'follows links', 'address', 'next');
      if (follow.end === 'last') this.need(entry, 'ends its lists with a mark', 'mark', 'last');
      if (follow.cyclic && follow.end === 'null') {
        throw contradiction(
          this.spec.name,
          `${this.spec.name} is cyclic, and its lists end with a next address of zero`,
        );
      }
    } else if (follow.kind === 'heads') {
      this.need(follow.header, 'counts heads', 'count', 'index');
      this.need(follow.element, 'has a ring of heads', 'count', 'id');
    }
  }

  private pieces(): void {
    const { entry, pieces, indirect } = this.spec;
    if (indirect === true) {
      this.need(entry, 'has indirect tables', 'mark', 'indirect');
      if (entry.fieldsThat('address', 'data').length === 0) this.need(entry, 'has indirect tables', 'address', 'table');
    }
    if (pieces?.kind === 'chain') {
      this.need(entry, 'chains entries', 'mark', 'more');
      if (pieces.next === 'index') this.need(entry, 'chains entries by index', 'count', 'next-index');
      this.chains(pieces.next);
    } else if (pieces?.kind === 'frame') {
      this.need(entry, 'has frames', 'mark', 'first');
      this.need(entry, 'has frames', 'mark', 'last');
      this.frames();
    } else if (pieces?.kind === 'pages') this.pages(pieces);
    else if (pieces?.kind === 'segments') this.segments(pieces);
    else if (pieces?.kind === 'by-shape') {
      this.pages(pieces.pages);
      this.segments(pieces.segments);
    }
  }

  private pages({ page, element }: PagePieces): void {
    const { name, entry } = this.spec;
    this.need(entry, 'has page lists', 'address', 'data');
    this.need(entry, 'has page lists', 'address', 'list');
    this.need(element, 'has page lists', 'address', 'data');
    const bytes = valueOf(page);
    if (Number.isInteger(Math.log2(bytes)) && bytes >= 2 * element.size) return;
    throw contradiction(name, `${name} has pages of ${bytes} bytes, which is no power of two with room for a list`);
  }

  private segments({ element }: SegmentPieces): void {
    const { entry, name } = this.spec;
    this.need(element, 'has segments', 'address', 'data');
    this.need(element, 'has segments', 'length', 'data');
    const shapes = allCases(entry.placedVariants).map(({ shape }) => shape.placement.nested);
    if ([entry.placedNested, ...shapes].flat().some(({ descriptor }) => descriptor === element)) return;
    throw contradiction(name, `${name} has segments, and no ${element.typeName} lies in its ${entry.typeName}`);
  }

  private refuseFollow(what: string): never {
    const { name, follow } = this.spec;
    throw contradiction(name, `${name} ${what}, and its entries follow as ${follow.kind}`);
  }

  private frames(): void {
    const { follow, entry, name } = this.spec;
    if (follow.kind === 'heads') this.refuseFollow('has frames, which are runs of entries');
    if (follow.kind !== 'linked' || follow.end !== 'last') return;
    const last = this.need(entry, 'has frames', 'mark', 'last');
    throw contradiction(name, `${name} ends both frames and lists with ${entry.typeName}.${last.path} (${last.where})`);
  }

  /** Indices lead anywhere in a table, and only heads say where requests begin there. */
  private chains(next: ChainPieces['next']): void {
    const { kind } = this.spec.follow;
    if (next === 'index' && kind !== 'heads') this.refuseFollow('chains entries by index');
  }

  private ownership(): void {
    const { entry, ownership, follow } = this.spec;
    if (ownership.kind === 'bit') this.need(entry, 'gives entries away by a bit', 'mark', 'owner');
    if (ownership.kind !== 'phase') return;
    this.need(entry, 'gives entries away by phase', 'mark', 'phase');
    if (follow.kind !== 'ring') {
      throw contradiction(
        this.spec.name,
        `${this.spec.name} gives entries away by phase, which flips at each lap, and follows ${follow.kind}, which has none`,
      );
    }
  }

  private completion(): void {
    const { entry, completion } = this.spec;
    if (completion.kind === 'in-place') {
      if (entry.fieldsThat('mark', 'owner').length === 0) this.need(entry, 'completes in place', 'mark', 'done');
      if (completion.refusesDone === true) this.need(entry, 'refuses entries that are done', 'mark', 'done');
    } else if (completion.kind === 'in-ring') this.need(entry, 'completes in its ring', 'mark', 'used-phase');
    else if (completion.kind === 'queue') {
      this.need(completion.entry, 'has a completion queue', 'mark', 'phase');
      this.need(completion.entry, 'has a completion queue', 'count', 'id');
      this.need(entry, 'names requests in its completion queue', 'count', 'id');
    } else {
      this.need(completion.header, 'has a used ring', 'count', 'index');
      this.need(completion.element, 'has a used ring', 'count', 'id');
    }
    this.units();
  }

  /** A length that is counted in one unit and told back in another. */
  private units(): void {
    const { entry, completion, name } = this.spec;
    const told =
      completion.kind === 'queue' ? completion.entry : completion.kind === 'used-ring' ? completion.element : entry;
    const [written] = anyThat(told, 'count', 'written');
    const [length] = anyThat(entry, 'length', 'data');
    if (written?.meaning?.kind !== 'count' || length?.meaning?.kind !== 'length') return;
    const { unit } = written.meaning;
    if (typeof length.meaning.unit !== 'number' || length.meaning.unit === unit) return;
    throw contradiction(
      name,
      `${name} counts ${length.meaning.unit} bytes in ${entry.typeName}.${length.path} and tells ${unit} in ${told.typeName}.${written.path}: the units differ`,
    );
  }

  private doorbell(): void {
    const { name, doorbell, follow } = this.spec;
    const byAddress = doorbell.value === 'tail-address' || doorbell.value === 'head-address';
    if (byAddress === (follow.kind === 'linked') || doorbell.value === 'notify') return;
    throw contradiction(
      name,
      `${name} rings ${doorbell.register} with a ${doorbell.value.replace('-', ' ')}, and its entries follow as ${follow.kind}`,
    );
  }

  private data(): void {
    const { entry, pieces, name } = this.spec;
    if (pieces?.kind === 'segments') return;
    const has = (target: string): boolean => anyThat(entry, 'address', target).length > 0;
    if (!has('data') && !has('list') && has('source') !== has('destination')) {
      throw contradiction(name, `${name}: ${entry.typeName} has one of source and destination, and no data address`);
    }
    if (!has('data') && !has('list') && !has('source')) {
      throw contradiction(name, `${name}: ${entry.typeName} has no address of data`);
    }
    const sized =
      anyThat(entry, 'length').length > 0 || allCases(entry.placedVariants).some(({ shape }) => shape.bytes > 0);
    if (!sized) throw contradiction(name, `${name}: ${entry.typeName} has no length`);
  }
}
