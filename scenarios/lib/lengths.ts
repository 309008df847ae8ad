import { PAGE_SIZE, type ScenarioContext } from 'dmalab';
import type { Piece } from './scattered-buffer';

/** Lists of lengths at which things go wrong: of one byte, about a page, of several pages, and of many pieces. */
export const EDGES: readonly (readonly number[])[] = [
  [1],
  [PAGE_SIZE - 1],
  [PAGE_SIZE],
  [PAGE_SIZE + 1],
  [3 * PAGE_SIZE + 5],
  [1, PAGE_SIZE, 1],
  [64, PAGE_SIZE - 1, 2, PAGE_SIZE + 1, 300, 7],
];

/** Pieces of these lengths, wherever in their pages. */
export const anywhere = ({ rng }: ScenarioContext, lengths: readonly number[]): Piece[] =>
  lengths.map((length) => ({ offset: rng.between(64, PAGE_SIZE - 1), length }));

/** Cuts a length into so many pieces at random places. */
export const cutAnywhere = ({ rng }: ScenarioContext, total: number, pieces: number): number[] => {
  const cuts = Array.from({ length: Math.min(pieces, total) - 1 }, () => rng.between(1, total - 1));
  const ends = [...new Set([...cuts, total])].sort((a, b) => a - b);
  return ends.map((end, i) => end - (ends[i - 1] ?? 0));
};
