import { LabError } from '../../base/errors';
import { AXIS_NAMES, isAxis, valuesOf, type Axis, type Matrix, type MatrixValues } from './axes';

/** A sentence about an axis that does not exist. */
export const unknownAxis = (name: string): string =>
  `the matrix has no axis '${name}'; its axes are ${AXIS_NAMES.join(', ')}`;

/** A sentence about a value that an axis does not have. */
export const unknownValue = (axis: Axis, value: string): string =>
  `axis ${axis} has no value '${value}'; it has ${valuesOf(axis).join(', ')}`;

const checkedValues = (axis: Axis, wanted: unknown): readonly string[] => {
  if (wanted === 'all') return valuesOf(axis);
  if (!Array.isArray(wanted) || wanted.length === 0) {
    throw new LabError(`axis ${axis} of a matrix takes 'all' or an array of ${valuesOf(axis).join(', ')}`);
  }
  for (const value of wanted as unknown[]) {
    const isKnown = typeof value === 'string' && valuesOf(axis).includes(value);
    if (!isKnown) throw new LabError(unknownValue(axis, typeof value === 'string' ? value : JSON.stringify(value)));
  }
  return valuesOf(axis).filter((value) => (wanted as unknown[]).includes(value));
};

/**
 * The values that a matrix names, looked up and in order. It may come from a file that was not type-checked: anything that
 * is not an axis or a value of it is a `LabError`.
 */
export const matrixValues = (matrix: Matrix): MatrixValues => {
  const given: unknown = matrix;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new LabError("a matrix is an object of axes, like { translation: 'all' }");
  }
  for (const name of Object.keys(given)) if (!isAxis(name)) throw new LabError(unknownAxis(name));
  const axes = AXIS_NAMES.filter((axis) => matrix[axis] !== undefined);
  return Object.fromEntries(axes.map((axis) => [axis, checkedValues(axis, matrix[axis])]));
};
