import fs from 'node:fs';
import type { MatrixCase } from '../../lab/matrix/axes';
import { RESULT_FORMAT } from '../result-format';
import { UsageError } from '../usage-error';

/** The figures that are compared. */
export const COUNTERS = [
  'simulatedTime',
  'bytesRead',
  'bytesWritten',
  'faults',
  'warnings',
  'interrupts',
  'events',
] as const;

export type Counter = (typeof COUNTERS)[number];

/** A report of the sanitizer as `run --json` writes it, as far as it is compared. */
export interface RecordedReport {
  readonly id: string;
  readonly severity: string;
  readonly harm: string;
  readonly device: string;
  readonly message: string;
  readonly file: string;
  readonly line: number | null;
  readonly count: number;
  readonly expected: boolean;
}

/** A case as `run --json` writes it, as far as it is compared. */
export interface RecordedCase {
  readonly name: string;
  readonly case: MatrixCase;
  readonly status: 'passed' | 'failed';
  readonly failure: { readonly message: string } | null;
  readonly measures: Readonly<Record<Counter, number>> | null;
  readonly reports: readonly RecordedReport[];
}

/** What an earlier run wrote. */
export interface Baseline {
  /** As it was named. */
  readonly file: string;
  readonly seed: number;
  /** Whether the sanitizer watched. */
  readonly sanitizer: boolean;
  readonly scenarios: readonly RecordedCase[];
}

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const has = (value: unknown, types: Readonly<Record<string, string>>): boolean =>
  isObject(value) && Object.entries(types).every(([name, type]) => typeof value[name] === type);

const isReport = (value: unknown): boolean =>
  has(value, {
    id: 'string',
    severity: 'string',
    harm: 'string',
    device: 'string',
    message: 'string',
    file: 'string',
    count: 'number',
  });

const isMeasures = (value: unknown): boolean =>
  value === null || has(value, Object.fromEntries(COUNTERS.map((counter) => [counter, 'number'])));

const isCase = (value: unknown): boolean => {
  if (!isObject(value) || !has(value, { name: 'string' })) return false;
  const { case: at, status, failure, measures, reports = [] } = value;
  const isFailure = failure === null || has(failure, { message: 'string' });
  const isStatus = status === 'passed' || status === 'failed';
  return (
    isObject(at) && isStatus && isFailure && isMeasures(measures) && Array.isArray(reports) && reports.every(isReport)
  );
};

const readText = (file: string): string => {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      ENOENT: 'there is no such file',
      EISDIR: 'it is a folder',
      EACCES: 'permission denied',
    };
    throw new UsageError(`--baseline cannot read '${file}': ${reasons[code ?? ''] ?? message}`);
  }
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

/** What the file has; what older versions did not write may be missing. */
interface Recorded {
  readonly format: number;
  readonly seed: number;
  readonly sanitizer?: boolean;
  readonly scenarios: readonly (Omit<RecordedCase, 'reports'> & Partial<Pick<RecordedCase, 'reports'>>)[];
}

/** Reads what `run --json` wrote. Anything else is a `UsageError`. */
export const readBaseline = (file: string): Baseline => {
  const found = parse(readText(file));
  const isRun = isObject(found) && has(found, { format: 'number', seed: 'number' }) && Array.isArray(found.scenarios);
  if (!isRun) throw new UsageError(`--baseline '${file}' holds no results of 'dmalab run --json'`);
  const { format, seed, sanitizer = false, scenarios } = found as unknown as Recorded;
  if (format !== RESULT_FORMAT) {
    throw new UsageError(
      `--baseline '${file}' has results of format ${format}, and this dmalab compares format ${RESULT_FORMAT} only: run it anew`,
    );
  }
  const wrong = scenarios.findIndex((each) => !isCase(each));
  if (wrong >= 0) throw new UsageError(`--baseline '${file}' is damaged: scenarios[${wrong}] is no result of a case`);
  return { file, seed, sanitizer, scenarios: scenarios.map((each) => ({ ...each, reports: each.reports ?? [] })) };
};
