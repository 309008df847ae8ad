import { PAGE_SIZE, type ScenarioContext } from 'dmalab';
import type { Piece } from './scattered-buffer';

/** Requests at which things go wrong, by the lengths of their pieces: one byte, about a page, several pages, many pieces. */
const EDGES: readonly (readonly number[])[] = [
  [1],
  [PAGE_SIZE - 1],
  [PAGE_SIZE],
  [PAGE_SIZE + 1],
  [3 * PAGE_SIZE + 5],
  [1, PAGE_SIZE, 1],
  [64, PAGE_SIZE - 1, 2, 300, 7],
];

/** The edges, and behind them short requests of one piece, so that there are `count`. */
export const someLengths = ({ rng }: ScenarioContext, count: number): (readonly number[])[] => [
  ...EDGES,
  ...Array.from({ length: count - EDGES.length }, () => [rng.between(1, 1500)]),
];

/** Pieces of these lengths, wherever in their pages. */
export const anywhere = ({ rng }: ScenarioContext, lengths: readonly number[]): Piece[] =>
  lengths.map((length) => ({ offset: rng.between(64, PAGE_SIZE - 1), length }));

/** Cuts a length at random places, into so many pieces at most. */
export const cutAnywhere = ({ rng }: ScenarioContext, total: number, most: number): number[] => {
  const cuts = Array.from({ length: Math.min(most, total) - 1 }, () => rng.between(1, total - 1));
  const ends = [...new Set([...cuts, total])].sort((a, b) => a - b);
  return ends.map((end, i) => end - (ends[i - 1] ?? 0));
};
