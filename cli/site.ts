import type { Place } from './problem';

/** A place as the sanitizer keeps it: `file:line`. */
export const formatSite = ({ file, line }: Place): string => `${file}:${line ?? 0}`;

/** The place that such a text means. */
export const parseSite = (site: string): Place => {
  const colon = site.lastIndexOf(':');
  return { file: site.slice(0, colon), line: Number(site.slice(colon + 1)) };
};
