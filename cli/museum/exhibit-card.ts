import type { Axis, MatrixCase } from '../../lab/matrix/axes';

/** What an exhibit of the bug museum says about itself. Plain data: it crosses threads. */
export interface ExhibitCard {
  readonly number: number;
  readonly name: string;
  /** What is wrong, in one line. */
  readonly title: string;
  /** A driver that had the bug. */
  readonly example: string;
  /** Whether Linux's CONFIG_DMA_API_DEBUG reports it: yes, partly, no. */
  readonly dmaDebug: 'Y' | 'P' | 'N';
  /** Any of these reports counts as having detected it. */
  readonly reports: readonly string[];
  /** Where it must be detected. */
  readonly shows: 'everywhere' | readonly ShowPlace[];
}

/** All machines that have one of the values on each axis that is named. */
export type ShowPlace = { readonly [A in Axis]?: readonly string[] };

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

const isPlace = (value: unknown): value is ShowPlace =>
  typeof value === 'object' && value !== null && Object.values(value).every(isTexts);

const isCard = (value: unknown): value is ExhibitCard => {
  const { number, name, title, example, dmaDebug, reports, shows } = value as Record<string, unknown>;
  return (
    typeof number === 'number' &&
    [name, title, example].every((text) => typeof text === 'string') &&
    ['Y', 'P', 'N'].some((letter) => letter === dmaDebug) &&
    isTexts(reports) &&
    (shows === 'everywhere' || (Array.isArray(shows) && shows.every(isPlace)))
  );
};

/** What a scenario says about itself as an exhibit; undefined if it is none. */
export const cardOf = (scenario: object): ExhibitCard | undefined => {
  const { exhibit } = scenario as { readonly exhibit?: unknown };
  if (typeof exhibit !== 'object' || exhibit === null || !isCard(exhibit)) return undefined;
  const { number, name, title, example, dmaDebug, reports, shows } = exhibit;
  return { number, name, title, example, dmaDebug, reports, shows };
};

/** Whether a bug must be detected on a machine. On the exhibit's own it must. */
export const mustShow = ({ shows }: ExhibitCard, at: MatrixCase): boolean =>
  shows === 'everywhere' ||
  at.translation === undefined ||
  shows.some((place) => Object.entries(place).every(([axis, values]) => values.includes(at[axis as Axis] ?? '')));
