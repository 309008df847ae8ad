/** What was found wrong with a case, each in a few words. */
export interface Difference {
  /** What was asked. */
  readonly input: string;
  /** What Linux answered. */
  readonly expected: string;
  /** What the answer was here. */
  readonly found: string;
}

/** What becomes of one case: null if it came out as measured. */
export type Verdict = Difference | null;

/** Texts longer than this are cut in reports: a list may have hundreds of entries. */
const LONGEST = 400;

/** A value on one line; what is too long is cut around the first place where `other` differs. */
export const shown = (value: unknown, other: unknown = value): string => {
  const text = JSON.stringify(value);
  if (text.length <= LONGEST) return text;
  const rival = JSON.stringify(other);
  let same = 0;
  while (same < text.length && text[same] === rival[same]) same++;
  const start = same === text.length ? 0 : Math.max(0, Math.min(same - LONGEST / 2, text.length - LONGEST));
  const end = Math.min(text.length, start + LONGEST);
  return `${start > 0 ? '…' : ''}${text.slice(start, end)}${end < text.length ? '…' : ''}`;
};

/** Compares two values that JSON can show. @param input what was asked, for the report */
export const compare = (input: unknown, expected: unknown, found: unknown): Verdict =>
  JSON.stringify(expected) === JSON.stringify(found)
    ? null
    : { input: shown(input), expected: shown(expected, found), found: shown(found, expected) };
