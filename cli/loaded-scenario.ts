import type { MatrixCase, MatrixValues } from '../lab/matrix/axes';
import type { LeftOut } from '../lab/matrix/expand';

/** A scenario that a module turned out to hold. */
export interface LoadedScenario {
  /** Absolute. */
  readonly file: string;
  readonly name: string;
  readonly description: string;
  /** The axes on which it holds, and their values. */
  readonly matrix: MatrixValues;
  /** What to run: a case for each machine; one empty case for its own. */
  readonly cases: readonly MatrixCase[];
  /** What is selected of the matrix, but not run. */
  readonly leftOut: readonly LeftOut[];
}
