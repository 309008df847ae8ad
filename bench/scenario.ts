import { silentLogger } from '../base/logger';
import sgCopyIommu from '../scenarios/sg-copy-iommu';
import { runScenario } from '../lab/run-scenario';
import { scenario } from '../lab/scenario';
import { hostTurn } from './host';
import { compare, figure, wallTime, type Figure } from './measure';

const empty = scenario({ name: 'empty', run: () => undefined });

const sampleOf = (what: typeof empty) => async (): Promise<number> => {
  const start = wallTime();
  const result = await runScenario(what, { seed: 1, hostTurn, log: silentLogger });
  if (result.failure !== null) throw new Error(result.failure.message);
  return wallTime() - start;
};

/** One whole scenario, machine and kernel included, in milliseconds. */
export const wholeScenario = async (): Promise<Figure[]> => {
  const result = await compare(sampleOf(sgCopyIommu), sampleOf(empty));
  return [figure('scenario', 'ms', result.value / 1e6, result.baseline / 1e6, 'a scenario that does nothing')];
};
