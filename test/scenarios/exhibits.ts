import { readdirSync } from 'node:fs';
import path from 'node:path';

import { isScenario } from '../../lab/scenario';
import type { Exhibit } from '../../scenarios/bugs/lib/exhibit';

const FOLDER = path.resolve(__dirname, '../../scenarios/bugs');

const isExhibit = (value: unknown): value is Exhibit => isScenario(value) && 'exhibit' in value;

/** The exhibits of the bug museum, by their files. */
export const exhibits = (): ReadonlyMap<string, Exhibit> => {
  const all = new Map<string, Exhibit>();
  const files = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.ts'))
    .sort();
  for (const file of files) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- the folder is not known before
    const module = require(path.join(FOLDER, file)) as { default: unknown };
    if (!isExhibit(module.default)) throw new Error(`${file} exports no exhibit`);
    all.set(file, module.default);
  }
  return all;
};
