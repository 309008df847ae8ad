import { AXIS_NAMES, type MatrixCase, type MatrixValues } from './axes';

/** The values of a case, one `axis=value` for each axis that it has. */
export const caseWords = (matrixCase: MatrixCase): string[] =>
  AXIS_NAMES.flatMap((axis) => {
    const value = matrixCase[axis];
    return value === undefined ? [] : [`${axis}=${value}`];
  });

/** The values of several cases, one `axis=value,value` for each axis. */
export const valueWords = (values: MatrixValues): string[] =>
  AXIS_NAMES.flatMap((axis) => {
    const list = values[axis];
    return list === undefined ? [] : [`${axis}=${list.join(',')}`];
  });

/** A scenario at one place of the matrix: `dmatest[translation=strict coherency=off]`; its bare name on its own machine. */
export const caseName = (name: string, matrixCase: MatrixCase): string => {
  const words = caseWords(matrixCase);
  return words.length === 0 ? name : `${name}[${words.join(' ')}]`;
};
