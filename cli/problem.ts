import { displayPath } from './display-path';

/** A place in a source file. */
export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line?: number;
  /** From 1. */
  readonly column?: number;
}

/** Why a scenario module cannot be used: one sentence, and where. */
export interface Problem extends Place {
  readonly message: string;
  /** The stack behind it, shown only when debugging. */
  readonly stack?: string;
}

/** A place as compilers write it: `file:line:column`. */
export const formatPlace = ({ file, line, column }: Place): string =>
  [displayPath(file), line, line === undefined ? undefined : column].filter((part) => part !== undefined).join(':');

/** A problem in one line. */
export const formatProblem = (problem: Problem): string => `${formatPlace(problem)}: ${problem.message}`;
