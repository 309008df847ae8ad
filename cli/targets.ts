import fs from 'node:fs';
import path from 'node:path';
import type * as tinyglobby from 'tinyglobby';
import { displayPath } from './display-path';
import { installation } from './installation';
import { UsageError } from './usage-error';

const MODULE = /\.c?[jt]s$/;
const DECLARATION = /\.d\.c?ts$/;

/** Where a glob looks only if it says so. */
const PACKAGES = 'node_modules';

const isModule = (file: string): boolean => MODULE.test(file) && !DECLARATION.test(file);

/** The modules directly in a folder; what they share is kept in sub-folders. */
const modulesIn = (folder: string): string[] =>
  fs
    .readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && isModule(entry.name))
    .map((entry) => path.join(folder, entry.name))
    .sort();

/** The scenario modules that ship with the package. */
export const shippedFiles = (): string[] =>
  fs.existsSync(installation.scenarios) ? modulesIn(installation.scenarios) : [];

/** Folders of shipped scenarios that are run when they are named: their names begin with the folder's. */
const NAMED_FOLDERS = [installation.museum, installation.tutorial];

const existingModulesIn = (folder: string): string[] => (fs.existsSync(folder) ? modulesIn(folder) : []);

/** The exhibits of the bug museum that ships. */
const museumFiles = (): string[] => existingModulesIn(installation.museum);

/** A shipped module by its name: the name of the file without what follows the first dot. */
export const shippedFile = (name: string): string | undefined =>
  [...shippedFiles(), ...NAMED_FOLDERS.flatMap(existingModulesIn)].find((file) => shippedName(file) === name);

/** The modules of a shipped folder by its name, which may end with a slash; none if there is no such folder. */
const shippedFolder = (name: string): string[] => {
  const folder = NAMED_FOLDERS.find((one) => path.basename(one) === name.replace(/\/$/, ''));
  return folder === undefined ? [] : existingModulesIn(folder);
};

/** How a shipped scenario can be named on the command line; undefined if the file is not one of them. */
export const shippedName = (file: string): string | undefined => {
  const name = path.basename(file).replace(/\..*$/, '');
  const folder = path.dirname(file);
  if (NAMED_FOLDERS.includes(folder)) return `${path.basename(folder)}/${name}`;
  return folder === installation.scenarios ? name : undefined;
};

const inFolder = (folder: string): string[] => {
  const files = modulesIn(folder);
  if (files.length === 0)
    throw new UsageError(`folder '${displayPath(folder)}' holds no TypeScript or JavaScript file`);
  return files;
};

const checkedFile = (file: string): string => {
  if (isModule(file)) return file;
  throw new UsageError(
    `'${displayPath(file)}' cannot be a scenario: that is a TypeScript or JavaScript file (.ts, .cts, .js or .cjs)`,
  );
};

/** Most targets are no globs, and a start waits for what is loaded. */
const globs = (): typeof tinyglobby => module.require('tinyglobby') as typeof tinyglobby;

const matches = (pattern: string): string[] => {
  const files = globs().globSync(pattern.replaceAll('\\', '/'), { absolute: true });
  const isWanted = (file: string): boolean =>
    isModule(file) && (pattern.includes(PACKAGES) || !file.includes(PACKAGES));
  const modules = files.map((file) => path.normalize(file)).filter(isWanted);
  if (modules.length === 0) throw new UsageError(`no TypeScript or JavaScript file matches '${pattern}'`);
  return modules.sort();
};

const filesOf = (target: string): string[] => {
  const full = path.resolve(target);
  const stats = fs.statSync(full, { throwIfNoEntry: false });
  if (stats?.isDirectory()) return inFolder(full);
  if (stats !== undefined) return [checkedFile(full)];
  const shipped = shippedFile(target);
  if (shipped !== undefined) return [shipped];
  const several = shippedFolder(target);
  if (several.length > 0) return several;
  if (globs().isDynamicPattern(target)) return matches(target);
  throw new UsageError(`there is no file, folder or shipped scenario '${target}'`);
};

/**
 * The scenario modules that the command line names (files, folders, globs, shipped scenarios), as absolute paths in the
 * order given, each once; without targets, all that ship. Throws a `UsageError` for a target that leads nowhere.
 */
export const findFiles = (targets: readonly string[]): string[] => {
  if (targets.length > 0) return [...new Set(targets.flatMap(filesOf))];
  const files = shippedFiles();
  if (files.length === 0) throw new UsageError(`this installation has no scenarios in ${installation.scenarios}`);
  return files;
};

/** The same for exhibits: without targets, the bug museum that ships. */
export const findExhibits = (targets: readonly string[]): string[] => {
  if (targets.length > 0) return findFiles(targets);
  const files = museumFiles();
  if (files.length === 0) throw new UsageError(`this installation has no bug museum in ${installation.museum}`);
  return files;
};
