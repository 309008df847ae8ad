import fs from 'node:fs';
import path from 'node:path';

/** The folder that the command was loaded from: `dist/` of the package, or the sources themselves. */
const folder = path.resolve(__dirname, '..');
const extension = path.extname(__filename);

/** Where the parts of this very package are. */
export const installation = {
  /** Everything in here is the lab's own code, `scenarios/` excepted. */
  folder,
  /** The same, and where its sources are, the innermost first. */
  roots: path.basename(folder) === 'dist' ? [folder, path.dirname(folder)] : [folder],
  /** What `import … from 'dmalab'` means. */
  publicEntry: path.join(folder, `index${extension}`),
  /** The types of it, for `--typecheck`. */
  publicTypes: path.join(folder, extension === '.js' ? 'index.d.ts' : 'index.ts'),
  /** The scenarios that ship; sub-folders hold what they share. */
  scenarios: path.join(folder, 'scenarios'),
  /** The bug museum among them. */
  museum: path.join(folder, 'scenarios', 'bugs'),
  /** The steps of the tutorial, likewise. */
  tutorial: path.join(folder, 'scenarios', 'tutorial'),
  /** What a worker thread starts with. */
  workerMain: path.join(folder, 'cli', 'worker', `main${extension}`),
} as const;

/** The version in package.json, which is in this folder or, of a compiled package, one above. */
export const packageVersion = (): string => {
  const file = [folder, path.dirname(folder)]
    .map((candidate) => path.join(candidate, 'package.json'))
    .find((candidate) => fs.existsSync(candidate));
  if (file === undefined) return 'unknown';
  return (JSON.parse(fs.readFileSync(file, 'utf8')) as { version: string }).version;
};
