import fs from 'node:fs';
import path from 'node:path';
import { UsageError } from './usage-error';

/**
 * Creates or empties a file that an option names, before anything is run: a result that cannot be written is better known
 * now. A scenario's own file is refused. Returns the absolute path.
 */
export const createOutputFile = (option: string, file: string, scenarioFiles: readonly string[]): string => {
  const full = path.resolve(file);
  if (scenarioFiles.includes(full)) throw new UsageError(`${option} would overwrite the scenario '${file}'`);
  try {
    fs.writeFileSync(full, '');
  } catch (error) {
    throw new UsageError(`${option} cannot write '${file}': ${reason(error as NodeJS.ErrnoException)}`);
  }
  return full;
};

const reason = ({ code, message }: NodeJS.ErrnoException): string => {
  if (code === 'ENOENT') return 'there is no such folder';
  if (code === 'EISDIR') return 'it is a folder';
  return code === 'EACCES' || code === 'EPERM' || code === 'EROFS' ? 'permission denied' : message;
};
