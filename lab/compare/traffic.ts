import type { Prng } from '../../base/prng';

/** How large requests are, in bytes: each size with its weight, or all from `from` to `to` alike. */
export type Sizes =
  | { readonly kind: 'mix'; readonly parts: readonly { readonly bytes: number; readonly weight: number }[] }
  | { readonly kind: 'uniform'; readonly from: number; readonly to: number };

/** How the data of a request lies in memory: in so many pieces at places of their own, or page by page. */
export type Scatter = number | 'pages';

/** What is sent through each format. */
export interface Traffic {
  readonly requests: number;
  readonly sizes: Sizes;
  /** Requests under way at once. */
  readonly depth: number;
  readonly scatter: Scatter;
  /** Which way data goes where a format can do both: out of memory, or into it. */
  readonly direction: 'out' | 'in';
}

const PAGE = 4096;
/** Pieces shorter than this are not made. */
const SHORTEST = 16;

/** The largest request. */
export const largestOf = (sizes: Sizes): number =>
  sizes.kind === 'uniform' ? sizes.to : Math.max(...sizes.parts.map(({ bytes }) => bytes));

/** The most pieces of a request. */
export const mostPieces = ({ scatter, sizes }: Traffic): number =>
  scatter === 'pages' ? Math.ceil(largestOf(sizes) / PAGE) : scatter;

const drawOne = (sizes: Sizes, prng: Prng): number => {
  if (sizes.kind === 'uniform') return prng.between(sizes.from, sizes.to);
  let left = prng.below(sizes.parts.reduce((sum, { weight }) => sum + weight, 0));
  for (const { bytes, weight } of sizes.parts) {
    if (left < weight) return bytes;
    left -= weight;
  }
  return sizes.parts[0]!.bytes;
};

/** The sizes of all requests, the same for every format. */
export const drawSizes = ({ requests, sizes }: Traffic, prng: Prng): number[] =>
  Array.from({ length: requests }, () => drawOne(sizes, prng));

/** The lengths of a request's pieces. */
export const cutRequest = (bytes: number, scatter: Scatter): number[] => {
  if (scatter === 'pages') {
    return Array.from({ length: Math.ceil(bytes / PAGE) }, (_, i) => Math.min(PAGE, bytes - i * PAGE));
  }
  const count = Math.max(1, Math.min(scatter, Math.floor(bytes / SHORTEST)));
  const each = Math.floor(bytes / count / 4) * 4;
  return Array.from({ length: count }, (_, i) => (i + 1 < count ? each : bytes - each * (count - 1)));
};

/** Where pieces begin within their page: those of several lie anywhere, in steps of a cache line. */
export const pieceOffset = (traffic: Traffic, slot: number, piece: number): number =>
  traffic.scatter === 'pages' || mostPieces(traffic) === 1 ? 0 : 64 * ((7 * slot + 5 * piece + 1) % 32);
