import type { AnyDescriptor } from '../any-descriptor';
import type { Format, PagePieces, SegmentPieces } from '../format';
import { isThat } from '../placed';
import type { PlacedCase, PlacedVariants } from '../placed-members';
import { put, putLength } from '../put';
import { EntryRoles } from '../roles';
import { activeNested } from '../shapes';
import type { EntryData } from './cut';

/** How a format lists pages, if it does. */
export const pagesOfFormat = ({ pieces }: Format): PagePieces | undefined =>
  pieces.kind === 'pages' ? pieces : pieces.kind === 'by-shape' ? pieces.pages : undefined;

/** How a format lists segments, if it does. */
export const segmentsOfFormat = ({ pieces }: Format): SegmentPieces | undefined =>
  pieces.kind === 'segments' ? pieces : pieces.kind === 'by-shape' ? pieces.segments : undefined;

/** Bytes from the start of an entry of this shape to the element of segments in it; -1: there is none. */
export const elementOffset = (format: Format, lanes: Int32Array): number => {
  const element = segmentsOfFormat(format)?.element;
  return activeNested(format.entry, lanes).find(({ descriptor }) => descriptor === element)?.offset ?? -1;
};

/** A shape of elements: the place that it is chosen for, and the shape. */
interface ElementShape {
  readonly within: PlacedVariants;
  readonly shape: PlacedCase;
}

/** Fills elements of segment lists: data, or the address of a list of such. */
export class SegmentWriter {
  readonly element: AnyDescriptor;
  private readonly roles: EntryRoles;
  private readonly data: ElementShape | undefined;
  private readonly list: ElementShape | undefined;

  constructor(element: AnyDescriptor) {
    this.element = element;
    this.roles = new EntryRoles(element);
    this.data = shapeWith(element, 'data');
    this.list = shapeWith(element, 'last-list') ?? shapeWith(element, 'list');
  }

  /** Whether elements can lead to lists. */
  get lists(): boolean {
    return this.list !== undefined || this.roles.addressField('list') !== undefined;
  }

  private start(lanes: Int32Array, shape: ElementShape | undefined): void {
    lanes.fill(0);
    if (shape !== undefined) put(shape.within.by, lanes, shape.shape.when[0]!);
  }

  /** An element that is data. */
  putData(lanes: Int32Array, { address, length }: EntryData): void {
    this.start(lanes, this.data);
    put(this.roles.addressField('data', lanes)!, lanes, address);
    putLength(this.roles, 'data', lanes, length);
  }

  /** An element that leads to a list, which leads to no further one. */
  putList(lanes: Int32Array, at: bigint, bytes: number): void {
    const { roles } = this;
    this.start(lanes, this.list);
    put((roles.addressField('last-list', lanes) ?? roles.addressField('list', lanes))!, lanes, at);
    putLength(roles, roles.lengthField('list', lanes) === undefined ? 'data' : 'list', lanes, bytes);
  }

  /** What elements that are data allow: a blank one. */
  blank(): Int32Array {
    const lanes = new Int32Array(this.element.lanes);
    this.start(lanes, this.data);
    return lanes;
  }
}

const shapeWith = ({ placedVariants }: AnyDescriptor, target: string): ElementShape | undefined => {
  for (const within of placedVariants) {
    const shape = within.cases.find(({ placement }) =>
      placement.fields.some((field) => isThat(field, 'address', target)),
    );
    if (shape !== undefined) return { within, shape };
  }
  return undefined;
};
