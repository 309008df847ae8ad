import { isScenario, type Scenario } from '../../index';
import type { Problem } from '../problem';
import { describeLoadError } from './load-problem';

/** A module's scenario, or why there is none. */
export type LoadResult =
  | { readonly scenario: Scenario; readonly problems?: undefined }
  | { readonly scenario?: undefined; readonly problems: readonly Problem[] };

const LAST_LINE = "'export default scenario({ name, run })'";

const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
};

const whatIsWrong = (exports: unknown): string => {
  const names = typeof exports === 'object' && exports !== null ? Object.keys(exports) : [];
  const { default: value } = (exports ?? {}) as { default?: unknown };
  if (names.includes('default')) {
    return `its default export is ${kindOf(value)}, not a scenario: it must be ${LAST_LINE}`;
  }
  const named = names.find((name) => isScenario((exports as Record<string, unknown>)[name]));
  if (named !== undefined) return `it exports its scenario as '${named}': make it the default export`;
  if (names.length > 0) return `it has no default export: a scenario file needs ${LAST_LINE}`;
  return `it exports nothing: a scenario file needs ${LAST_LINE}`;
};

/** The scenario among a module's exports: `export default`, or what a CommonJS module is. */
const scenarioAmong = (exports: unknown): Scenario | undefined => {
  if (isScenario(exports)) return exports;
  const { default: value } = (exports ?? {}) as { default?: unknown };
  return isScenario(value) ? value : undefined;
};

/** Loads a module and finds its scenario. Never throws; it runs the module's own code, so it may well never return. */
export const loadScenario = (file: string): LoadResult => {
  try {
    const exports: unknown = module.require(file);
    const scenario = scenarioAmong(exports);
    return scenario === undefined ? { problems: [{ file, message: whatIsWrong(exports) }] } : { scenario };
  } catch (error) {
    return { problems: describeLoadError(error, file) };
  }
};
