import fs from 'node:fs';
import Module from 'node:module';
import path from 'node:path';
import { installation } from '../installation';
import { keepCompiled } from './compile-cache';
import { createChecker, transpile, transpilerVersion, type Compile } from './compiler';

type Extension = (module: NodeJS.Module, file: string) => void;
type CompiledModule = NodeJS.Module & { _compile(code: string, file: string, format: 'commonjs'): void };

const loader = Module as unknown as {
  _resolveFilename: (request: string, ...rest: unknown[]) => string;
  _extensions: Record<string, Extension | undefined>;
};

/** Not `.mts` and `.mjs`: the compiler turns these into ES modules whatever it is told. */
const EXTENSIONS = ['.ts', '.cts', '.js', '.cjs'] as const;
const IN_PACKAGE = /[\\/]node_modules[\\/]/;

/** The lab's own code runs as it is, and packages run as Node runs them; TypeScript is compiled wherever it lies. */
const isForeign = (file: string): boolean => {
  if (file.startsWith(installation.folder + path.sep)) return false;
  return file.endsWith('ts') || !IN_PACKAGE.test(file);
};

/** Has every module import this very package when it says 'dmalab', whatever is installed around it. */
const resolveOwnName = (): void => {
  const resolve = loader._resolveFilename;
  loader._resolveFilename = function (request, ...rest) {
    return request === 'dmalab' ? installation.publicEntry : resolve.call(this, request, ...rest);
  };
};

/** Types are checked anew each time; without that, what an earlier run compiled is not compiled again. */
const createCompile = (typecheck: boolean, onCompile: (busy: boolean) => void): Compile => {
  const compile = typecheck ? createChecker() : transpile;
  const watched: Compile = (source, file) => {
    onCompile(true);
    try {
      return compile(source, file);
    } finally {
      onCompile(false);
    }
  };
  return typecheck ? watched : keepCompiled(watched, transpilerVersion);
};

/**
 * Makes `require` load TypeScript, and JavaScript in either module syntax, without regard to tsconfig.json and package.json.
 * `onCompile` is told before and after each compilation.
 */
export const installTypeScriptLoader = (typecheck: boolean, onCompile: (busy: boolean) => void): void => {
  let compile: Compile | undefined;
  const load = (target: CompiledModule, file: string): void => {
    compile ??= createCompile(typecheck, onCompile);
    const code = compile(fs.readFileSync(file, 'utf8'), file);
    // Node reads the maps of what is loaded from now on: stacks are in terms of the sources.
    process.setSourceMapsEnabled(true);
    target._compile(code, file, 'commonjs');
  };
  resolveOwnName();
  for (const extension of EXTENSIONS) {
    const original = loader._extensions[extension] ?? loader._extensions['.js']!;
    loader._extensions[extension] = (target, file) => {
      if (isForeign(file)) load(target as CompiledModule, file);
      else original(target, file);
    };
  }
};
