import { SECTIONS } from './answers';
import type { Failure, Outcome } from './replay';

/** Failures of a file that are shown; there may be hundreds, and the first ones tell most. */
const SHOWN_PER_SECTION = 3;

const describe = (file: string, { section, index, input, expected, found }: Failure): string[] => [
  `${file}: ${section}[${index}]`,
  ...(input === '' ? [] : [`  input     ${input}`]),
  `  expected  ${expected}`,
  `  found     ${found}`,
];

/** The lines for one file: the first differing cases of each section, how many more there are, and the notes. */
export const fileReport = (file: string, { passed, failures, notes }: Outcome): string[] => {
  const lines: string[] = [];
  for (const section of SECTIONS) {
    const ofSection = failures.filter((failure) => failure.section === section);
    for (const failure of ofSection.slice(0, SHOWN_PER_SECTION)) lines.push(...describe(file, failure));
    const more = ofSection.length - SHOWN_PER_SECTION;
    if (more > 0) lines.push(`${file}: ${section}: ${more} more`);
  }
  for (const note of notes) lines.push(`${file}: ${note}`);
  return [...lines, `${file}: ${passed} passed, ${failures.length} failed`];
};

/** The last line. */
export const summary = (outcomes: readonly Outcome[]): string => {
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  const failed = outcomes.reduce((sum, outcome) => sum + outcome.failures.length, 0);
  return `${passed} passed, ${failed} failed`;
};
