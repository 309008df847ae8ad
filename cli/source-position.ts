import fs from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { installation } from './installation';
import type { Place } from './problem';

/** A place in a file that was executed, compiled or not. */
export type ExactPlace = Required<Place>;

/** What lies in the package and is no scenario. */
const OWN_CODE = new Set('base emulator devices firmware kernel-api lab cli index.js index.ts node_modules'.split(' '));
const FRAME = /^\s+at (?:.*\()?((?:file:\/\/)?[^()]+):(\d+):(\d+)\)?$/;
const INLINE_MAP = /^data:application\/json[^,]*;base64,/;

/** A script's name as a path; undefined if it is no file (Node's own code, `eval`). */
export const scriptFile = (name: string): string | undefined => {
  const file = name.startsWith('file://') ? fileURLToPath(name) : name.replace(/^async /, '');
  return path.isAbsolute(file) ? file : undefined;
};

const parseFrame = (text: string): ExactPlace | undefined => {
  const [, name, line, column] = FRAME.exec(text) ?? [];
  const file = name === undefined ? undefined : scriptFile(name);
  return file === undefined ? undefined : { file, line: Number(line), column: Number(column) };
};

const contains = (folder: string, file: string): boolean => file.startsWith(folder + path.sep);

/** Whether a scenario's author wrote this code: it is not the lab's, and no package's. */
export const isAuthored = (file: string): boolean => {
  const root = installation.roots.find((folder) => contains(folder, file));
  if (root !== undefined) return !OWN_CODE.has(path.relative(root, file).split(path.sep)[0]!);
  return !file.includes(`${path.sep}node_modules${path.sep}`);
};

const readPayload = (file: string, url: string): SourceMapPayload | undefined => {
  if (url === '') return undefined;
  const external = path.resolve(path.dirname(file), url);
  const text = INLINE_MAP.test(url)
    ? Buffer.from(url.replace(INLINE_MAP, ''), 'base64').toString()
    : fs.existsSync(external)
      ? fs.readFileSync(external, 'utf8')
      : undefined;
  return text === undefined ? undefined : (JSON.parse(text) as SourceMapPayload);
};

/** Reading one takes milliseconds, and what is loaded does not change any more. */
const maps = new Map<string, SourceMap | undefined>();

const mapOf = (file: string, url: string): SourceMap | undefined => {
  if (!maps.has(file)) {
    const payload = readPayload(file, url);
    maps.set(file, payload && new SourceMap(payload));
  }
  return maps.get(file);
};

/** The place in the source that a compiled file's source map names; the place itself if there is no such map. */
export const toSource = (place: ExactPlace, mapUrl: string): Place => {
  const entry = mapOf(place.file, mapUrl)?.findEntry(place.line - 1, place.column - 1);
  if (entry === undefined || !('originalSource' in entry)) return place;
  return {
    file: fileURLToPath(new URL(entry.originalSource, pathToFileURL(place.file))),
    line: entry.originalLine + 1,
    column: entry.originalColumn + 1,
  };
};

/**
 * The places of a stack that a scenario's author wrote, the innermost first. Of what was compiled while it was loaded, stacks
 * are in terms of the source already.
 */
export const authoredPlaces = (stack: string | undefined): Place[] =>
  (stack?.split('\n') ?? []).flatMap((line) => {
    const frame = parseFrame(line);
    if (frame === undefined || !isAuthored(frame.file)) return [];
    const isCompiled = contains(installation.folder, frame.file);
    return [isCompiled ? toSource(frame, `${path.basename(frame.file)}.map`) : frame];
  });

/** The innermost place of a stack that a scenario's author wrote. */
export const authoredPlace = (stack: string | undefined): Place | undefined => authoredPlaces(stack)[0];
