import type { MatrixValues } from '../../lab/matrix/axes';
import { CaseWorker } from '../case-worker';
import { loadAll, type Loaded } from '../load-all';
import type { LogLevel } from '../log-level';
import type { NameFilter } from '../option-values';
import { logPrinter } from '../report/log-printer';
import { terminalOf } from '../report/terminal';
import { UsageError } from '../usage-error';

/** Options that every command over scenarios has. */
export interface CommonOptions {
  readonly filter?: NameFilter;
  readonly timeout: number;
  readonly memory: number;
  readonly logLevel: LogLevel;
  readonly typecheck?: true;
  readonly json?: true;
}

/** The worker as the options want it. What scenarios print must not get between the results. */
export const createWorker = (options: CommonOptions): CaseWorker =>
  new CaseWorker({
    typecheck: options.typecheck === true,
    logLevel: options.logLevel,
    timeoutSeconds: options.timeout,
    heapMebibytes: options.memory,
    onOutput: (text) => void process.stderr.write(text),
    onLog: logPrinter(terminalOf(process.stderr).colors.isColorSupported),
  });

/** Loads the modules and keeps what the filter lets through. A filter that lets nothing through is a mistake. */
export const loadFiltered = async (
  worker: CaseWorker,
  files: readonly string[],
  filter: NameFilter | undefined,
  selected: MatrixValues | null = null,
): Promise<Loaded> => {
  const loaded = await loadAll(worker, files, selected);
  if (filter === undefined) return loaded;
  const scenarios = loaded.scenarios.filter(({ name }) => filter.keeps(name));
  if (scenarios.length === 0 && loaded.scenarios.length > 0) {
    const names = loaded.scenarios.map(({ name }) => name).join(', ');
    throw new UsageError(`no scenario's name matches --filter ${filter.text}; there are: ${names}`);
  }
  return { ...loaded, scenarios };
};
