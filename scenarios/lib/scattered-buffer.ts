import {
  GFP_KERNEL,
  GuardedBuffer,
  SgTable,
  expectPattern,
  fillPattern,
  for_each_sgtable_sg,
  sg_alloc_table,
  sg_free_table,
  sg_set_buf,
  type ScenarioContext,
} from 'dmalab';

/** A piece of a buffer: its bytes, and where in its first page it begins, 64 at least or 0. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
}

/** A buffer whose pieces lie in pages of their own, with guard bytes around each, and the list that describes it. */
export class ScatteredBuffer {
  readonly sgt: SgTable;
  readonly length: number;
  private readonly lab: ScenarioContext;
  private readonly pieces: readonly GuardedBuffer[];

  constructor(lab: ScenarioContext, pieces: readonly Piece[], what: string) {
    this.lab = lab;
    this.pieces = pieces.map(
      ({ offset, length }, i) => new GuardedBuffer(lab.kernel, length, offset, `piece ${i} of ${what}`),
    );
    this.length = pieces.reduce((sum, { length }) => sum + length, 0);
    this.sgt = new SgTable(lab.kernel);
    lab.ok(sg_alloc_table(this.sgt, pieces.length, GFP_KERNEL), 'sg_alloc_table');
    let index = 0;
    for (const sg of for_each_sgtable_sg(this.sgt)) {
      const { address, length } = this.pieces[index++]!;
      sg_set_buf(sg, address, length);
    }
  }

  /** Fills it with the pattern. */
  fill(seed: number): void {
    let position = 0;
    for (const { address, length } of this.pieces) {
      fillPattern(this.lab.kernel, address, length, seed, position);
      position += length;
    }
  }

  /** Fails the scenario unless its first bytes hold the pattern, and those after them that of `rest`. */
  expect(seed: number, what: string, bytes = this.length, rest = seed): void {
    const { kernel } = this.lab;
    let position = 0;
    for (const { address, length } of this.pieces) {
      const here = Math.max(0, Math.min(length, bytes - position));
      expectPattern(kernel, address, here, seed, what, position);
      const tail = (address + here) as typeof address;
      expectPattern(kernel, tail, length - here, rest, `what is behind ${what}`, position + here);
      position += length;
    }
    for (const piece of this.pieces) piece.expectGuards();
  }

  free(): void {
    sg_free_table(this.sgt);
    for (const piece of this.pieces) piece.free();
  }
}
