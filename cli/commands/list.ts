import { AXIS_NAMES, valuesOf, type MatrixValues } from '../../lab/matrix/axes';
import { displayPath } from '../display-path';
import { ExitCode } from '../exit-code';
import type { Loaded } from '../load-all';
import { formatProblem } from '../problem';
import { layOut } from '../report/columns';
import { listAsJson } from '../report/json-report';
import { terminalOf, type Terminal } from '../report/terminal';
import { findFiles, shippedName } from '../targets';
import { createCrew, loadFiltered, type CommonOptions } from './common';

const GAP = 2;

/** Where a scenario holds: `translation coherency=off`; an axis without values stands for all of them. */
const describeMatrix = (matrix: MatrixValues): string =>
  AXIS_NAMES.flatMap((axis) => {
    const values = matrix[axis];
    if (values === undefined) return [];
    return [values.length === valuesOf(axis).length ? axis : `${axis}=${values.join(',')}`];
  }).join(' ');

const listAsText = ({ scenarios, problems }: Loaded, { colors, width, write }: Terminal): void => {
  const where = (file: string): string => (shippedName(file) === undefined ? displayPath(file) : '');
  const nameWidth = Math.max(0, ...scenarios.map(({ name }) => name.length)) + GAP;
  const columns = [
    { width: nameWidth, align: 'left' },
    { width: width - nameWidth, align: 'left' },
  ] as const;
  for (const { name, description, file, matrix } of scenarios) {
    const axes = describeMatrix(matrix);
    const text = [description, colors.dim(axes === '' ? '' : `matrix: ${axes}`), colors.dim(where(file))]
      .filter((part) => part !== '')
      .join('\n');
    write(layOut([[colors.bold(name), text]], columns, true));
  }
  for (const problem of problems) write(`${colors.red(formatProblem(problem))}\n`);
};

/** `dmalab list`: names and describes scenarios without running them. The result is the exit code. */
export const listCommand = async (targets: readonly string[], options: CommonOptions): Promise<number> => {
  const files = findFiles(targets);
  const crew = createCrew(options);
  try {
    const loaded = await loadFiltered(crew.first, files, options.filter);
    if (options.json === true) process.stdout.write(listAsJson(loaded.scenarios, loaded.problems));
    else listAsText(loaded, terminalOf(process.stdout));
    return loaded.problems.length > 0 ? ExitCode.unusable : ExitCode.passed;
  } finally {
    await crew.close();
  }
};
