import { createHash, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Compile } from './compiler';

/** What is kept at most; what was used last is kept longest. */
const MAX_FILES = 500;
const MAX_BYTES = 32 * 1024 * 1024;
/** How exactly it is known when a file was used last. */
const DAY_MILLISECONDS = 86_400_000;
/** A kept file, or one that somebody has begun to write. */
const KEPT = /^[0-9a-f]{64}(?:\..*)?$/;

const sha256 = (...texts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(texts)).digest('hex');

const DIGEST_LENGTH = 64;

/** What decides where compiled code is kept: the folder that the user works in, and the environment. */
export type Surroundings = Pick<NodeJS.Process, 'cwd' | 'env'>;

/** What is in a kept file. The key is part of it: a file that was given another's name is none. */
const withDigest = (key: string, code: string): string => sha256(key, code) + code;

/** The result, or undefined if the file system refuses: whatever is wrong with the cache, a run goes on without it. */
const attempt = <T>(action: () => T): T | undefined => {
  try {
    return action();
  } catch {
    return undefined;
  }
};

/** Always so on a system that does not tell. */
const belongsToUser = ({ uid }: fs.Stats): boolean => process.getuid === undefined || uid === process.getuid();

/** What is kept is executed: nobody else may be able to change it. */
const isPrivate = (stats: fs.Stats): boolean =>
  belongsToUser(stats) && (process.getuid === undefined || (stats.mode & 0o022) === 0);

/** Makes the last folder of a path accessible to this user only; false if something is in the way. */
const isUsable = (folder: string): boolean =>
  attempt(() => {
    fs.mkdirSync(path.dirname(folder), { recursive: true });
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    fs.accessSync(folder, fs.constants.W_OK);
    return isPrivate(fs.statSync(folder));
  }) ?? false;

/** As other tools have it: in the `node_modules` of the package around, if it has one. */
const projectFolder = (from: string): string | undefined => {
  if (fs.existsSync(path.join(from, 'package.json'))) {
    const packages = path.join(from, 'node_modules');
    const stats = fs.statSync(packages, { throwIfNoEntry: false });
    return stats !== undefined && belongsToUser(stats) ? path.join(packages, '.cache', 'dmalab') : undefined;
  }
  const above = path.dirname(from);
  return above === from ? undefined : projectFolder(above);
};

/** By the XDG Base Directory Specification, which has relative paths ignored. */
const userFolder = ({ XDG_CACHE_HOME: caches = '', HOME = '' }: NodeJS.ProcessEnv): string | undefined => {
  if (path.isAbsolute(caches)) return path.join(caches, 'dmalab');
  const home = path.isAbsolute(HOME) ? HOME : os.homedir();
  return fs.existsSync(home) ? path.join(home, '.cache', 'dmalab') : undefined;
};

/** Where compiled code can be kept. */
const cacheFolder = ({ cwd, env }: Surroundings): string | undefined =>
  [() => projectFolder(cwd()), () => userFolder(env)]
    .map((find) => attempt(find))
    .find((folder) => folder !== undefined && isUsable(folder));

/** Removes what was not used for longest, as far as there is too much. */
const prune = (folder: string): void => {
  const names = fs.readdirSync(folder).filter((name) => KEPT.test(name));
  const files = names.flatMap((name) => {
    const file = path.join(folder, name);
    const stats = fs.statSync(file, { throwIfNoEntry: false });
    return stats === undefined ? [] : [{ file, size: stats.size, used: stats.mtimeMs }];
  });
  let bytes = 0;
  files
    .sort((one, other) => other.used - one.used)
    .filter(({ size }, at) => (bytes += size) > MAX_BYTES || at >= MAX_FILES)
    .forEach(({ file }) => fs.rmSync(file, { force: true }));
};

/**
 * Compiled code, kept from run to run. A file is named after all that its content follows from, so it never gets old, and
 * begins with a digest, so one that is damaged is as good as none.
 */
class CompileCache {
  private readonly folder: string;
  private isPruned = false;

  constructor(folder: string) {
    this.folder = folder;
  }

  get(key: string): string | undefined {
    return attempt(() => {
      const text = this.read(path.join(this.folder, key));
      const code = text.slice(DIGEST_LENGTH);
      return text === withDigest(key, code) ? code : undefined;
    });
  }

  /** Others may write the same at the same time: each renames what is complete. */
  put(key: string, code: string): void {
    const file = path.join(this.folder, key);
    const temporary = `${file}.${randomUUID()}`;
    attempt(() => {
      try {
        fs.writeFileSync(temporary, withDigest(key, code), { flag: 'wx', mode: 0o600 });
        fs.renameSync(temporary, file);
      } catch {
        fs.rmSync(temporary, { force: true });
      }
    });
    if (!this.isPruned) attempt(() => prune(this.folder));
    this.isPruned = true;
  }

  private read(file: string): string {
    const handle = fs.openSync(file, 'r');
    try {
      const stats = fs.fstatSync(handle);
      if (!isPrivate(stats)) return '';
      const now = Date.now();
      if (now - stats.mtimeMs > DAY_MILLISECONDS) fs.futimesSync(handle, now / 1000, now / 1000);
      return fs.readFileSync(handle, 'utf8');
    } finally {
      fs.closeSync(handle);
    }
  }
}

/**
 * The same compiler, except that what it compiled in an earlier run is taken from there. What cannot be compiled is not kept,
 * and where nothing can be kept, or DMALAB_NO_CACHE is set, each file is compiled.
 *
 * @param versionOf what the output depends on besides the source and the name of its file
 */
export const keepCompiled = (
  compile: Compile,
  versionOf: () => string,
  surroundings: Surroundings = process,
): Compile => {
  const { DMALAB_NO_CACHE: off = '' } = surroundings.env;
  const folder = off === '' ? cacheFolder(surroundings) : undefined;
  if (folder === undefined) return compile;
  const cache = new CompileCache(folder);
  const version = versionOf();
  return (source, file) => {
    const key = sha256(version, path.basename(file), source);
    const kept = cache.get(key);
    if (kept !== undefined) return kept;
    const code = compile(source, file);
    cache.put(key, code);
    return code;
  };
};
