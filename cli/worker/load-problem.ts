import type { Diagnostic, DiagnosticMessageChain } from 'typescript';
import type { Problem } from '../problem';
import { authoredPlace } from '../source-position';
import { CompileError } from './compiler';

/** As many as a terminal shows at once. */
const MAX_DIAGNOSTICS = 10;

const flatten = (text: string | DiagnosticMessageChain): string =>
  typeof text === 'string' ? text : [text.messageText, ...(text.next ?? []).map(flatten)].join(' ');

const fromDiagnostic = (diagnostic: Diagnostic, file: string): Problem => {
  const message = flatten(diagnostic.messageText);
  if (diagnostic.file === undefined || diagnostic.start === undefined) return { file, message };
  const { line, character } = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start);
  return { file, line: line + 1, column: character + 1, message };
};

/** What someone threw, in words; nothing that is thrown can make this throw. */
export const describeThrown = (error: unknown): string => {
  try {
    if (error instanceof Error) return error.name === 'LabError' ? error.message : `${error.name}: ${error.message}`;
    return `threw ${String(error)}`;
  } catch {
    return 'threw something that cannot be printed';
  }
};

const sentenceOf = (error: unknown): string => {
  if (!(error instanceof Error)) return `cannot be loaded: it ${describeThrown(error)}`;
  const { code } = error as NodeJS.ErrnoException;
  // Node lists the importing modules below the sentence; the place says it already.
  if (code === 'MODULE_NOT_FOUND') return error.message.split('\n', 1)[0]!.replace(/^C/, 'c');
  if (error instanceof SyntaxError && error.message.startsWith('await ')) {
    return "has an 'await' at its top level: a scenario module must be loaded in one go";
  }
  if (error instanceof SyntaxError) return `cannot be loaded: ${error.message}`;
  return error.name === 'LabError' ? error.message : `throws while it is loaded: ${describeThrown(error)}`;
};

/** Why a module could not be loaded, each reason in one sentence with its place. */
export const describeLoadError = (error: unknown, file: string): Problem[] => {
  if (error instanceof CompileError) {
    return error.diagnostics.slice(0, MAX_DIAGNOSTICS).map((diagnostic) => fromDiagnostic(diagnostic, error.file));
  }
  const stack = error instanceof Error ? error.stack : undefined;
  const place = authoredPlace(stack) ?? { file };
  return [{ ...place, message: sentenceOf(error), ...(stack === undefined ? {} : { stack }) }];
};
