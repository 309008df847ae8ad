import type { Moves } from '../plan/entry-plan';
import type { Shapes } from '../plan/shapes';
import type { ErrorCode } from '../spec';
import type { EntryData } from './entry-data';

/** Segments where the shape of the entry holds an element of such, else pages. */
export class ShapeData implements EntryData {
  private readonly shapes: Shapes;
  private readonly pages: EntryData;
  private readonly segments: EntryData;
  private chosen: EntryData;

  constructor(shapes: Shapes, pages: EntryData, segments: EntryData) {
    this.shapes = shapes;
    this.pages = pages;
    this.segments = segments;
    this.chosen = pages;
  }

  get over(): boolean {
    return this.chosen.over;
  }

  begin(lanes: Int32Array, base: number, otherwise: Moves): ErrorCode {
    this.chosen = this.shapes.of(lanes, base).elementLane < 0 ? this.pages : this.segments;
    return this.chosen.begin(lanes, base, otherwise);
  }

  next(): ErrorCode {
    return this.chosen.next();
  }
}
