import { readdirSync } from 'node:fs';
import path from 'node:path';

import { isScenario, type Scenario } from '../../lab/scenario';

const FOLDER = path.resolve(__dirname, '../../scenarios');

/** The scenarios that ship, by their names. */
export const shippedScenarios = (): ReadonlyMap<string, Scenario> => {
  const scenarios = new Map<string, Scenario>();
  const files = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.ts'))
    .sort();
  for (const file of files) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- the folder is not known before
    const module = require(path.join(FOLDER, file)) as { default: unknown };
    if (!isScenario(module.default)) throw new Error(`${file} exports no scenario`);
    scenarios.set(module.default.name, module.default);
  }
  return scenarios;
};
