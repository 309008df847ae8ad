import fs from 'node:fs';
import Module from 'node:module';
import path from 'node:path';
import type * as tsNode from 'ts-node';
import { installation } from '../installation';

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

/** `@types/node` comes with ts-node; without it a scenario is checked as one that uses nothing of Node's. */
const nodeTypes = (): { types: string[]; typeRoots?: string[] } => {
  try {
    const folder = path.dirname(require.resolve('@types/node/package.json'));
    return { types: ['node'], typeRoots: [path.dirname(folder)] };
  } catch {
    return { types: [] };
  }
};

/** The same for every scenario, wherever it lies: no tsconfig is read, and every module becomes CommonJS. */
const compilerSettings = (typecheck: boolean): tsNode.RegisterOptions => ({
  cwd: process.cwd(),
  skipProject: true,
  transpileOnly: !typecheck,
  moduleTypes: { '**/*': 'cjs' },
  compilerOptions: {
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    module: 'commonjs',
    moduleResolution: 'node10',
    ignoreDeprecations: '6.0',
    esModuleInterop: true,
    resolveJsonModule: true,
    allowJs: true,
    strict: true,
    skipLibCheck: true,
    paths: { dmalab: [installation.publicTypes] },
    ...(typecheck ? nodeTypes() : { types: [] }),
  },
});

/** The compiler takes most of a start-up: it is loaded when the first module needs it. */
const lazyCompiler = (typecheck: boolean): (() => tsNode.Service) => {
  let service: tsNode.Service | undefined;
  return () => (service ??= (module.require('ts-node') as typeof tsNode).create(compilerSettings(typecheck)));
};

/**
 * Makes `require` load TypeScript, and JavaScript in either module syntax, without regard to tsconfig.json and package.json.
 * `onCompile` is told before and after each compilation.
 */
export const installTypeScriptLoader = (typecheck: boolean, onCompile: (busy: boolean) => void): void => {
  const compiler = lazyCompiler(typecheck);
  const compile = (file: string): string => {
    onCompile(true);
    try {
      return compiler().compile(fs.readFileSync(file, 'utf8'), file);
    } finally {
      onCompile(false);
    }
  };
  resolveOwnName();
  for (const extension of EXTENSIONS) {
    const original = loader._extensions[extension] ?? loader._extensions['.js']!;
    loader._extensions[extension] = (target, file) => {
      if (isForeign(file)) (target as CompiledModule)._compile(compile(file), file, 'commonjs');
      else original(target, file);
    };
  }
};
