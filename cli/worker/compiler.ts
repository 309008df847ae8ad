import fs from 'node:fs';
import path from 'node:path';
import type ts from 'typescript';
import { installation, packageVersion } from '../installation';

/** A source that is not compiled: it cannot be parsed or, if types are checked, has a type error. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
  readonly file: string;
  readonly diagnostics: readonly ts.Diagnostic[];

  constructor(file: string, diagnostics: readonly ts.Diagnostic[]) {
    super(`${file} cannot be compiled`);
    this.file = file;
    this.diagnostics = diagnostics;
  }
}

/** Turns the text of a file into CommonJS that ends in its source map. Throws a `CompileError`. */
export type Compile = (source: string, file: string) => string;

/** The same for every scenario, wherever it lies: no tsconfig is read, and every module becomes CommonJS. */
const OPTIONS = {
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
  sourceMap: true,
  types: [] as string[],
};

const MAP_COMMENT = '//# sourceMappingURL=';

/** It takes half a second to load. */
const loadTypeScript = (): typeof ts => module.require('typescript') as typeof ts;

const optionsFor = (compiler: typeof ts, more: object = {}): ts.CompilerOptions =>
  compiler.convertCompilerOptionsFromJson({ ...OPTIONS, ...more }, process.cwd()).options;

/** Puts the map into the code. It names the source relative to itself: the same file elsewhere is compiled to the same text. */
const withMap = (code: string, map: string, file: string): string => {
  const name = path.basename(file);
  const full = { ...(JSON.parse(map) as object), file: name, sources: [encodeURIComponent(name)], sourceRoot: '' };
  const text = Buffer.from(JSON.stringify(full)).toString('base64');
  const end = code.lastIndexOf(MAP_COMMENT);
  return `${code.slice(0, end)}${MAP_COMMENT}data:application/json;charset=utf-8;base64,${text}`;
};

/**
 * Compiles without a look at types. What comes out depends on the source, the file's name without its folder, and what
 * `transpilerVersion` says; on nothing else.
 */
export const transpile: Compile = (source, file) => {
  const compiler = loadTypeScript();
  const { outputText, sourceMapText, diagnostics } = compiler.transpileModule(source, {
    compilerOptions: optionsFor(compiler),
    fileName: path.basename(file),
    reportDiagnostics: true,
  });
  if (diagnostics !== undefined && diagnostics.length > 0) throw new CompileError(file, diagnostics);
  return withMap(outputText, sourceMapText!, file);
};

/** What `transpile` depends on besides its arguments: the compiler, and how it is used, which is what this module says. */
export const transpilerVersion = (): string => {
  const { version } = module.require('typescript/package.json') as { readonly version: string };
  return JSON.stringify([packageVersion(), version, fs.readFileSync(__filename, 'utf8')]);
};

/** For the type check, a scenario may use Node's globals, and knows the lab. */
const checkedOptions = (compiler: typeof ts): ts.CompilerOptions =>
  optionsFor(compiler, {
    types: ['node'],
    typeRoots: [path.resolve(require.resolve('@types/node/package.json'), '../..')],
    paths: { dmalab: [installation.publicTypes] },
    // Nothing is written; but without it, JavaScript would be compiled onto itself, which is refused.
    outDir: '.dmalab',
  });

/** Files do not change during a run, and the libraries' take long to parse. */
const rememberingHost = (compiler: typeof ts, options: ts.CompilerOptions): ts.CompilerHost => {
  const host = compiler.createCompilerHost(options);
  const files = new Map<string, ts.SourceFile | undefined>();
  return {
    ...host,
    getSourceFile: (name, ...rest) => {
      if (!files.has(name)) files.set(name, host.getSourceFile(name, ...rest));
      return files.get(name);
    },
  };
};

const emit = (program: ts.Program, file: ts.SourceFile): { code?: string; map?: string } => {
  const output: { code?: string; map?: string } = {};
  program.emit(file, (name, text) => {
    output[name.endsWith('.map') ? 'map' : 'code'] = text;
  });
  return output;
};

/** Makes programs of a file and those before. */
const createPrograms = (): ((file: string) => ts.Program) => {
  const compiler = loadTypeScript();
  const options = checkedOptions(compiler);
  const host = rememberingHost(compiler, options);
  const roots = new Set<string>();
  let program: ts.Program | undefined;
  return (file) => {
    roots.add(file);
    const oldProgram = program === undefined ? {} : { oldProgram: program };
    program = compiler.createProgram({ rootNames: [...roots], options, host, ...oldProgram });
    return program;
  };
};

/** A compiler that checks the types of each file on the way, with those of all that it imports. */
export const createChecker = (): Compile => {
  let programOf: ReturnType<typeof createPrograms> | undefined;
  return (source, file) => {
    programOf ??= createPrograms();
    const program = programOf(file);
    const parsed = program.getSourceFile(file)!;
    const diagnostics = [...program.getSemanticDiagnostics(parsed), ...program.getSyntacticDiagnostics(parsed)];
    if (diagnostics.length > 0) throw new CompileError(file, diagnostics);
    const { code, map } = emit(program, parsed);
    return code === undefined || map === undefined ? transpile(source, file) : withMap(code, map, file);
  };
};
