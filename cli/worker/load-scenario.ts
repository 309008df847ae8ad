import { isScenario, type Scenario } from '../../index';
import { isFormat } from '../is-format';
import type { Problem } from '../problem';
import { describeLoadError } from './load-problem';

/** A module's scenario, or why there is none. */
export type LoadResult =
  | { readonly scenario: Scenario; readonly problems?: undefined }
  | {
      readonly scenario?: undefined;
      readonly problems: readonly Problem[];
      /** It exports descriptor formats, and no scenario is missing. */
      readonly hasFormats?: true;
    };

const FORMATS_ONLY = "it exports descriptor formats and no scenario: 'dmalab format' prints them";
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

/** Whether a module is there for the descriptor formats that it exports: nothing in it is, or is meant to be, a scenario. */
const isForFormats = (exports: unknown): boolean => {
  const values = typeof exports === 'object' && exports !== null ? Object.entries(exports) : [];
  if (values.some(([name, value]) => isScenario(value) || (name === 'default' && !isFormat(value)))) return false;
  return values.some(([, value]) => isFormat(value));
};

/** Loads a module and finds its scenario. Never throws; it runs the module's own code, so it may well never return. */
export const loadScenario = (file: string): LoadResult => {
  try {
    const exports: unknown = module.require(file);
    const scenario = scenarioAmong(exports);
    if (scenario !== undefined) return { scenario };
    if (!isForFormats(exports)) return { problems: [{ file, message: whatIsWrong(exports) }] };
    return { problems: [{ file, message: FORMATS_ONLY }], hasFormats: true };
  } catch (error) {
    return { problems: describeLoadError(error, file) };
  }
};
