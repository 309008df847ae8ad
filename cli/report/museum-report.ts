import type { Problem } from '../problem';
import type { ExhibitVerdict, LoadedExhibit } from '../museum/verdict';

/** The end of a tour. */
export interface TourSummary {
  readonly exhibits: number;
  /** Exhibits whose buggy driver was run. */
  readonly tried: number;
  /** Exhibits that are detected somewhere. */
  readonly detected: number;
  /** Exhibits that are not as they should be. */
  readonly failed: number;
  readonly falseAlarms: number;
  readonly cases: number;
  readonly notLoaded: number;
  /** Without loading. */
  readonly wallMilliseconds: number;
}

/** Follows a tour of the bug museum. */
export interface MuseumReport {
  start(exhibits: readonly LoadedExhibit[]): void;
  verdict(verdict: ExhibitVerdict): void;
  end(problems: readonly Problem[], summary: TourSummary): void;
}

export const casesPerSecond = ({ cases, wallMilliseconds }: TourSummary): number =>
  cases === 0 ? 0 : Math.round((cases / wallMilliseconds) * 1000);
