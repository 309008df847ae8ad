import fs from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(__dirname, '../..');

/** Where the steps ship. */
export const STEPS = path.join(ROOT, 'scenarios', 'tutorial');

/** Commands that the reader types one after the other, each with what it prints. */
export interface Session {
  readonly commands: readonly { readonly command: string; readonly output: readonly string[] }[];
  /** What the reader has typed in before, by the names of files. */
  readonly files: Readonly<Record<string, string>>;
}

/** What a reader of the tutorial is told to do. */
export interface Tutorial {
  readonly sessions: readonly Session[];
  /** All files as they are at the end. */
  readonly files: Readonly<Record<string, string>>;
}

/** A block of code; those that belong to a file come after its name in bold. Or where the last diff of a file is undone. */
const BLOCK =
  /(?:^\*\*(?<file>\S+)\*\*\n\n)?^```(?<language>\w+)\n(?<text>.*?)^```$|^<!-- undone: (?<undone>\S+) -->$/gms;

interface Block {
  readonly file?: string;
  readonly language?: string;
  readonly text: string;
  readonly undone?: string;
}

/** Takes lines away and adds lines as a diff says; each of its runs without `+` must be there once. */
const patched = (text: string, diff: string, file: string): string => {
  const lines = diff.trimEnd().split('\n');
  const side = (sign: string): string =>
    lines
      .filter((line) => line[0] !== sign)
      .map((line) => `${line.slice(1)}\n`)
      .join('');
  const [before, after] = [side('+'), side('-')];
  if (text.split(before).length !== 2) throw new Error(`${file} has not one place for\n${diff}`);
  return text.replace(before, () => after);
};

const commandsOf = (text: string): Session['commands'] =>
  text
    .split(/^\$ /m)
    .slice(1)
    .map((one) => {
      const [command, ...output] = one.trimEnd().split('\n');
      return { command: command!, output };
    });

/** Reads the tutorial as its reader does, from the first line to the last. */
export const readTutorial = (): Tutorial => {
  const text = fs.readFileSync(path.join(ROOT, 'docs', 'tutorial.md'), 'utf8');
  const files: Record<string, string> = {};
  const undo: Record<string, string> = {};
  const sessions: Session[] = [];
  for (const { groups } of text.matchAll(BLOCK)) {
    const { file, language, text: code, undone } = groups as unknown as Block;
    if (undone !== undefined) files[undone] = undo[undone] ?? '';
    else if (file !== undefined && language === 'diff') {
      undo[file] = files[file] ?? '';
      files[file] = patched(undo[file], code, file);
    } else if (file !== undefined) files[file] = file in files ? `${files[file]!}\n${code}` : code;
    else if (language === 'console') sessions.push({ commands: commandsOf(code), files: { ...files } });
  }
  return { sessions, files };
};
