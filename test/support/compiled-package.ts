import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const root = path.resolve(__dirname, '../..');
const SOURCES = ['base', 'emulator', 'devices', 'firmware', 'kernel-api', 'lab', 'cli', 'scenarios', 'conformance'];
const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.CommonJS,
  esModuleInterop: true,
  sourceMap: true,
};

const sourceFiles = (): string[] => {
  const inside = (folder: string): string[] =>
    fs
      .readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => path.join(folder, name));
  return ['index.ts', ...SOURCES.flatMap(inside).filter((file) => file.endsWith('.ts'))];
};

const mtime = (file: string): number => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? -1;

/** Whether `dist/` is what the real build would make of the sources now. */
const isBuilt = (files: readonly string[], dist: string): boolean => {
  const compiled = (file: string): string => path.join(dist, file.replace(/\.ts$/, '.js'));
  if (files.some((file) => mtime(compiled(file)) < mtime(path.join(root, file)))) return false;
  const sources = new Set(files.map(compiled));
  return fs.readdirSync(path.join(dist, 'scenarios')).every((name) => {
    const file = path.join(dist, 'scenarios', name);
    return !file.endsWith('.js') || sources.has(file);
  });
};

/** Compiles one file unless that has been done since it changed. */
const compile = (file: string, output: string): void => {
  const source = path.join(root, file);
  const target = path.join(output, file.replace(/\.ts$/, '.js'));
  const changed = mtime(source);
  if (Math.floor(mtime(target)) === Math.floor(changed)) return;
  const { outputText, sourceMapText } = ts.transpileModule(fs.readFileSync(source, 'utf8'), {
    compilerOptions: OPTIONS,
    fileName: path.relative(path.dirname(target), source),
  });
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.writeFileSync(`${target}.map`, sourceMapText!);
  fs.writeFileSync(target, outputText);
  fs.utimesSync(target, changed / 1000, changed / 1000);
};

/** Files of an earlier build whose source is gone, a scenario for instance, must not be found. */
const removeLeftovers = (output: string, files: ReadonlySet<string>): void => {
  for (const name of fs.readdirSync(output, { recursive: true, encoding: 'utf8' })) {
    const source = name.replace(/\.js(?:\.map)?$/, '.ts');
    if (source !== name && !files.has(source)) fs.rmSync(path.join(output, name));
  }
};

const compileAll = (): string => {
  const files = sourceFiles();
  const dist = path.join(root, 'dist');
  if (isBuilt(files, dist)) return path.join(dist, 'cli', 'main.js');
  const home = path.join(root, 'node_modules', '.cache', 'compiled-package');
  const output = path.join(home, 'dist');
  fs.mkdirSync(output, { recursive: true });
  for (const file of files) compile(file, output);
  removeLeftovers(output, new Set(files));
  fs.copyFileSync(path.join(root, 'package.json'), path.join(home, 'package.json'));
  fs.writeFileSync(path.join(output, 'index.d.ts'), `export * from ${JSON.stringify(path.join(root, 'index'))};\n`);
  return path.join(output, 'cli', 'main.js');
};

let compiled: string | undefined;

/**
 * The package as it is installed: `dist/` if it is up to date; otherwise one compiled from the sources as they are now
 * without a look at types, which takes a few seconds less than the real build. Returns the path of the command's main file.
 */
export const compilePackage = (): string => (compiled ??= compileAll());
