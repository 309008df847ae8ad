import path from 'node:path';

/** A path as people would type it: relative to where they are, unless that is longer. */
export const displayPath = (file: string, from = process.cwd()): string => {
  const relative = path.relative(from, file);
  return relative !== '' && relative.length < file.length ? relative : file;
};
