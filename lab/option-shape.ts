import { LabError } from '../base/errors';

/**
 * Checks of values that come from a scenario file, which may never have been type-checked. Each takes the value and its
 * place (`nodes[1].dmas[0].request`), and answers a wrong one with a `LabError`.
 */
export type Check = (value: unknown, place: string) => void;

/** A value as it is shown in an error message. */
const shown = (value: unknown): string => {
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
};

const refuse = (value: unknown, place: string, wanted: string): never => {
  throw new LabError(`${place} is ${shown(value)}; it must be ${wanted}`, { what: place });
};

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** One check among several kinds of value. @param wanted completes "it must be" */
const either =
  (wanted: string, accepts: (value: unknown) => boolean): Check =>
  (value, place) => {
    if (!accepts(value)) refuse(value, place, wanted);
  };

export const isString = either('a string', (value) => typeof value === 'string');
export const isBoolean = either('true or false', (value) => typeof value === 'boolean');
export const isFunction = either('a function', (value) => typeof value === 'function');
export const isAnObject = either('an object', isObject);

/** A whole number from `low` to `high`. */
export const isInteger = (low: number, high: number): Check =>
  either(
    `a whole number from ${low} to ${high}`,
    (value) => Number.isInteger(value) && (value as number) >= low && (value as number) <= high,
  );

/** A number above `low`, up to `high`. */
export const isNumberAbove = (low: number, high: number): Check =>
  either(`a number above ${low}, up to ${high}`, (value) => typeof value === 'number' && value > low && value <= high);

/** One of some words. */
export const isOneOf = (...words: readonly string[]): Check =>
  either(words.map((word) => `'${word}'`).join(' or '), (value) => words.includes(value as string));

/** `false`, or what another check accepts. */
export const isFalseOr =
  (check: Check): Check =>
  (value, place) => {
    if (value !== false) check(value, place);
  };

/** `true`, or what another check accepts. */
export const isTrueOr =
  (check: Check): Check =>
  (value, place) => {
    if (value !== true) check(value, place);
  };

/** An array whose elements all pass a check. */
export const isArrayOf =
  (check: Check): Check =>
  (value, place) => {
    if (!Array.isArray(value)) refuse(value, place, 'an array');
    (value as unknown[]).forEach((each, index) => check(each, `${place}[${index}]`));
  };

/** An object with arbitrary names, whose values all pass a check. */
export const isRecordOf =
  (check: Check): Check =>
  (value, place) => {
    if (!isObject(value)) refuse(value, place, 'an object');
    for (const [name, each] of Object.entries(value as object)) check(each, `${place}.${name}`);
  };

/**
 * An object that has the required members, perhaps the optional ones, and no others.
 * @param what completes "… has no option": `a machine`
 */
export const isShape =
  (what: string, required: Readonly<Record<string, Check>>, optional: Readonly<Record<string, Check>>): Check =>
  (value, place) => {
    if (!isObject(value)) refuse(value, place, 'an object');
    const names = [...Object.keys(required), ...Object.keys(optional)];
    const within = (name: string): string => (place === '' ? name : `${place}.${name}`);
    for (const [name, each] of Object.entries(value as object)) {
      const check = required[name] ?? optional[name];
      if (check === undefined) {
        throw new LabError(`${what} has no option '${name}'; it has ${names.join(', ')}`, { what: within(name) });
      }
      if (each === undefined && required[name] === undefined) continue;
      check(each, within(name));
    }
    for (const name of Object.keys(required)) {
      if (Object.hasOwn(value as object, name)) continue;
      throw new LabError(`${place} has no ${name}`, { what: place });
    }
  };
