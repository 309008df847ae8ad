import { AXIS_NAMES, isAxis, valuesOf, type Axis, type MatrixValues } from '../lab/matrix/axes';
import { unknownAxis, unknownValue } from '../lab/matrix/check-matrix';
import { UsageError } from './usage-error';

/** What `--matrix` was followed by: a part of the matrix, and the words that are targets after all. */
export interface MatrixOption {
  /** The values to run, by axis; an axis that is not here is run as scenarios declare it. */
  readonly selected: MatrixValues;
  readonly targets: readonly string[];
}

const wrong = (sentence: string): UsageError => new UsageError(`--matrix: ${sentence}`);

const valuesIn = (axis: Axis, text: string): readonly string[] => {
  if (text === 'all') return valuesOf(axis);
  const values = text.split(',');
  const stranger = values.find((value) => !valuesOf(axis).includes(value));
  if (stranger !== undefined) throw wrong(unknownValue(axis, stranger));
  return values;
};

/**
 * Reads the words behind `--matrix`: `axis=value,value` narrows an axis, and naming it again adds values. The option takes
 * all words up to the next option, so that those without `=` can only be targets. Throws a `UsageError`.
 */
export const parseMatrixOption = (words: readonly string[]): MatrixOption => {
  const selected = new Map<Axis, Set<string>>();
  const targets: string[] = [];
  for (const word of words) {
    const [, name, values] = /^([^=]*)=(.*)$/s.exec(word) ?? [];
    if (name === undefined || values === undefined) {
      if (isAxis(word)) throw wrong(`axis ${word} needs values, as in ${word}=${valuesOf(word).join(',')}`);
      targets.push(word);
      continue;
    }
    if (!isAxis(name)) throw wrong(unknownAxis(name));
    const all = selected.get(name) ?? new Set();
    for (const value of valuesIn(name, values)) all.add(value);
    selected.set(name, all);
  }
  const axes = AXIS_NAMES.filter((axis) => selected.has(axis));
  const inOrder = (axis: Axis): string[] => valuesOf(axis).filter((value) => selected.get(axis)!.has(value));
  return { selected: Object.fromEntries(axes.map((axis) => [axis, inOrder(axis)])), targets };
};
