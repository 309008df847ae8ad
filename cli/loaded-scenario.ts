import type { MatrixCase, MatrixValues } from '../lab/matrix/axes';
import type { LeftOut } from '../lab/matrix/expand';
import type { ExhibitCard } from './museum/exhibit-card';

/** A scenario that a module turned out to hold. */
export interface LoadedScenario {
  /** Absolute. */
  readonly file: string;
  readonly name: string;
  readonly description: string;
  /** What it says about itself as an exhibit of the bug museum. */
  readonly exhibit?: ExhibitCard;
  /** The axes on which it holds, and their values. */
  readonly matrix: MatrixValues;
  /** What to run: a case for each machine; one empty case for its own. */
  readonly cases: readonly MatrixCase[];
  /** What is selected of the matrix, but not run. */
  readonly leftOut: readonly LeftOut[];
}
