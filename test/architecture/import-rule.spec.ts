import { expect } from 'chai';
import type { ICruiseResult, IForbiddenRuleType } from 'dependency-cruiser';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(__dirname, '../..');
const config = createRequire(__filename)(path.join(root, '.dependency-cruiser.cjs')) as {
  forbidden: IForbiddenRuleType[];
  options: Record<string, unknown>;
};

/** File -> its text. Each file that is imported exists, so that a report is about the rule and not about the path. */
const tree: Record<string, string> = {
  'base/types.ts': 'export const one = 1;',
  'base/up.ts': "import { cache } from '../emulator/cache'; export const up = cache;",
  'base/type-up.ts': "import type { cache } from '../emulator/cache'; export type Up = typeof cache;",
  'base/node.ts': "import fs from 'node:fs'; export const exists = fs.existsSync;",
  'base/bare-node.ts': "import path from 'path'; export const join = path.join;",
  'base/package.ts': "import pino from 'pino'; export const logger = pino;",
  'base/ring-a.ts': "import { b } from './ring-b'; export const a = (): unknown => b;",
  'base/ring-b.ts': "import { a } from './ring-a'; export const b = (): unknown => a;",
  'base/type-ring-a.ts': "import type { B } from './type-ring-b'; export interface A { b: B }",
  'base/type-ring-b.ts': "import type { A } from './type-ring-a'; export interface B { a: A }",
  'emulator/cache.ts': "import { one } from '../base/types'; export const cache = one;",
  'emulator/cpu-port.ts': "import { one } from '../base/types'; export const port = one;",
  'emulator/up.ts': "import { uart } from '../devices/uart'; export const up = uart;",
  'devices/uart.ts': "import { cache } from '../emulator/cache'; export const uart = cache;",
  'devices/sideways.ts': "import { tree } from '../firmware/tree'; export const sideways = tree;",
  'firmware/tree.ts': "import { one } from '../base/types'; export const tree = one;",
  'firmware/sideways.ts': "import { map } from '../kernel-api/map'; export const sideways = map;",
  'kernel-api/map.ts': "import { port } from '../emulator/cpu-port'; export const map = port;",
  'kernel-api/sideways.ts': "import { uart } from '../devices/uart'; export const sideways = uart;",
  'kernel-api/hardware.ts': "import { cache } from '../emulator/cache'; export const hardware = cache;",
  'kernel-api/type-ring-a.ts': "import type { B } from './type-ring-b'; export interface A { b: B }",
  'kernel-api/type-ring-b.ts': "import type { A } from './type-ring-a'; export interface B { a: A }",
  'kernel-api/ring-a.ts': "import { b } from './ring-b'; export const a = (): unknown => b;",
  'kernel-api/ring-b.ts': "import { a } from './ring-a'; export const b = (): unknown => a;",
  'lab/machine.ts':
    "import { uart } from '../devices/uart'; import { map } from '../kernel-api/map'; export { uart, map };",
  'lab/entry.ts': "import { uart } from '../index'; export const entry = uart;",
  'lab/up.ts': "import { demo } from '../scenarios/demo'; export const up = demo;",
  'index.ts': "export * from './lab/machine';",
  'scenarios/demo.ts': "import { uart } from '../index'; export const demo = uart;",
  'scenarios/up.ts': "import { main } from '../cli/main'; export const up = main;",
  'conformance/ask.ts':
    "import { uart } from '../devices/uart'; import { machine } from '../lab/plain'; export const ask = [uart, machine];",
  'conformance/main.ts': "import fs from 'node:fs'; import { ask } from './ask'; export const main = [fs, ask];",
  'conformance/node.ts': "import fs from 'node:fs'; export const exists = fs.existsSync;",
  'conformance/up.ts': "import { demo } from '../scenarios/demo'; export const up = demo;",
  'lab/plain.ts': 'export const machine = 1;',
  'lab/to-conformance.ts': "import { ask } from '../conformance/ask'; export const toConformance = ask;",
  'cli/to-conformance.ts': "import { ask } from '../conformance/ask'; export const toConformance = ask;",
  'cli/main.ts': "import fs from 'node:fs'; import { demo } from '../scenarios/demo'; export const main = [fs, demo];",
  'cli/to-test.ts': "import { helper } from '../test/helper'; export const toTest = helper;",
  'cli/nowhere.ts': "import { nothing } from './does-not-exist'; export const nowhere = nothing;",
  'test/helper.ts': "import { main } from '../cli/main'; export const helper = main;",
};

/** A cycle is reported once, at one of its modules. */
const expected = [
  'base/bare-node.ts: base-imports',
  'base/node.ts: base-imports',
  'base/package.ts: base-imports',
  'base/ring-a.ts: no-runtime-cycle',
  'base/ring-a.ts: no-type-cycle',
  'base/type-ring-a.ts: no-type-cycle',
  'base/type-up.ts: base-imports',
  'base/up.ts: base-imports',
  'cli/nowhere.ts: unresolvable',
  'cli/to-conformance.ts: not-to-tests',
  'cli/to-test.ts: not-to-tests',
  'conformance/node.ts: conformance-imports',
  'conformance/up.ts: conformance-imports',
  'devices/sideways.ts: devices-imports',
  'emulator/up.ts: emulator-imports',
  'firmware/sideways.ts: firmware-imports',
  'kernel-api/hardware.ts: kernel-api-imports',
  'kernel-api/ring-a.ts: no-runtime-cycle',
  'kernel-api/sideways.ts: kernel-api-imports',
  'lab/entry.ts: lab-imports',
  'lab/to-conformance.ts: lab-imports',
  'lab/to-conformance.ts: not-to-tests',
  'lab/up.ts: lab-imports',
  'scenarios/up.ts: scenarios-imports',
];

describe('import rule', () => {
  let directory: string;
  let reported: string[];

  before(async () => {
    directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'dmalab-imports-')));
    for (const [name, text] of Object.entries(tree)) {
      fs.mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
      fs.writeFileSync(path.join(directory, name), text);
    }
    const { cruise } = await import('dependency-cruiser');
    const { tsConfig: _, ...options } = config.options;
    const { output } = await cruise(['.'], {
      ...options,
      ruleSet: { forbidden: config.forbidden },
      validate: true,
      baseDir: directory,
    });
    const violations = (output as ICruiseResult).summary.violations;
    reported = [...new Set(violations.map(({ from, rule }) => `${from}: ${rule.name}`))].sort();
  });

  after(() => {
    fs.rmSync(directory, { recursive: true, force: true });
  });

  it('reports every forbidden import, and only those', () => {
    // A package is also unresolvable in a tree without node_modules; that report is beside the point.
    expect(reported.filter((line) => line !== 'base/package.ts: unresolvable')).to.deep.equal(expected);
  });
});
