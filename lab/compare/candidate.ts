import type { AnyCursor, Format, PostOptions } from '../../base/descriptor';

/** A format with the choices that it leaves to its driver. */
export interface Candidate {
  /** What it is called in reports. */
  readonly name: string;
  readonly format: Format;
  /** Fills what the format's meanings say nothing about. */
  readonly prepare?: (entry: AnyCursor) => void;
  readonly indirect?: NonNullable<PostOptions['indirect']>;
  /** Values of the format's parameters. */
  readonly parameters?: Readonly<Record<string, number>>;
}

/** Which way a format moves data. */
export type Moves = 'out' | 'in' | 'copy';

const hasAddress = ({ entry }: Format, of: string): boolean =>
  [...entry.placedFields, ...entry.variantFields].some(
    ({ meaning }) => meaning?.kind === 'address' && meaning.of === of,
  );

/** What a format does with traffic that is to go one way, if it can. */
export const movesOf = (format: Format, direction: 'out' | 'in'): Moves => {
  if (hasAddress(format, 'source') && hasAddress(format, 'destination')) return 'copy';
  if (format.moves === 'by-queue') return direction;
  return format.moves === 'from-memory' ? 'out' : 'in';
};
