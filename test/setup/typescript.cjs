'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

/**
 * Has `require` load TypeScript as the real build compiles it, without a look at types. A file is compiled once for as long
 * as it stays the same: compiling all sources takes ten seconds, and each of mocha's processes loads most of them.
 */
const root = path.resolve(__dirname, '../..');
const cache = path.join(root, 'node_modules', '.cache', 'tests');
const OPTIONS = { target: 'es2023', module: 'nodenext', inlineSourceMap: true, inlineSources: true };
const { version } = require('typescript/package.json');

const compile = (source, file) => {
  // It takes half a second to load: only what has changed needs it.
  const ts = require('typescript');
  const { options } = ts.convertCompilerOptionsFromJson(OPTIONS, root);
  const { diagnostics, outputText } = ts.transpileModule(source, {
    compilerOptions: options,
    fileName: file,
    reportDiagnostics: true,
  });
  if (diagnostics.length === 0) return outputText;
  const host = { getCurrentDirectory: () => root, getCanonicalFileName: (name) => name, getNewLine: () => '\n' };
  throw new SyntaxError(ts.formatDiagnostics(diagnostics, host));
};

/** Several processes may write it at a time. */
const write = (file, text) => {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(`${file}.${process.pid}`, text);
  fs.renameSync(`${file}.${process.pid}`, file);
};

const compiled = (file) => {
  const source = fs.readFileSync(file, 'utf8');
  const hash = createHash('sha256').update(JSON.stringify([version, OPTIONS, file, source]));
  const kept = path.join(cache, `${hash.digest('hex')}.js`);
  if (fs.existsSync(kept)) return fs.readFileSync(kept, 'utf8');
  const output = compile(source, file);
  write(kept, output);
  return output;
};

// Node reads the source maps: stacks are in terms of the sources.
process.setSourceMapsEnabled(true);
Module._extensions['.ts'] = (module, file) => module._compile(compiled(file), file);
