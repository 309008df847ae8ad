import type { MatrixValues } from '../lab/matrix/axes';
import type { CaseWorker, LostAnswer } from './case-worker';
import { displayPath } from './display-path';
import type { LoadedScenario } from './loaded-scenario';
import type { Problem } from './problem';

/** All that the named modules hold. */
export interface Loaded {
  readonly scenarios: readonly LoadedScenario[];
  readonly problems: readonly Problem[];
}

const lossWhileLoading = ({ why, detail }: LostAnswer): string => {
  if (why === 'timeout') return `is not loaded (${detail}): does it loop at its top level?`;
  if (why === 'memory') return 'ran out of memory while it was loaded: --memory allows more';
  return `cannot be loaded: ${detail}`;
};

/**
 * Loads modules one after another. Names must be unique: a report could not tell the scenarios apart otherwise. Modules
 * that are there for descriptor formats are passed over, unless they are all there is.
 *
 * @param selected which part of the matrix is to be run; null for scenarios on their own machines
 */
export const loadAll = async (
  worker: CaseWorker,
  files: readonly string[],
  selected: MatrixValues | null,
): Promise<Loaded> => {
  const byName = new Map<string, LoadedScenario>();
  const problems: Problem[] = [];
  const formatsOnly: Problem[] = [];
  for (const file of files) {
    const answer = await worker.ask({ type: 'load', file, selected });
    if (answer.type === 'refused') (answer.hasFormats === true ? formatsOnly : problems).push(...answer.problems);
    if (answer.type === 'lost') problems.push({ ...(answer.place ?? { file }), message: lossWhileLoading(answer) });
    if (answer.type !== 'loaded') continue;
    const { type: _type, ...scenario } = answer;
    const { name } = scenario;
    const first = byName.get(name);
    if (first === undefined) byName.set(name, { file, ...scenario });
    else problems.push({ file, message: `its name '${name}' is taken by ${displayPath(first.file)}: give it another` });
  }
  if (byName.size + problems.length === 0) problems.push(...formatsOnly);
  return { scenarios: [...byName.values()], problems };
};
