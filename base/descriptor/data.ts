import type { OpenEntry, PieceMoves } from './findings';
import type { Pieces } from './format';
import type { Nestable } from './members';
import { walkPages } from './pages';
import { walkSegments } from './segments';
import { activeNested } from './shapes';
import type { Walker } from './walk';

/** The element of segments that a format's entries may hold. */
export const segmentOf = (pieces: Pieces): Nestable | undefined => {
  if (pieces.kind === 'by-shape') return pieces.segments.element;
  return pieces.kind === 'segments' ? pieces.element : undefined;
};

/** Bytes and way of an entry's data, where pages or segments say where it is; undefined if nothing moves. */
const transferOf = (walker: Walker, entry: OpenEntry): { bytes: number; moves: PieceMoves } | undefined => {
  const { roles, start } = walker;
  const moves = roles.moves(entry.lanes, walker.otherwise);
  const bytes = roles.bytes(entry.lanes);
  if (moves === 'nothing' || bytes === 0) return undefined;
  if (start.most !== undefined && bytes > start.most) {
    const field = roles.lengthField('data', entry.lanes)?.path;
    walker.reporter(entry)('too-long', `it moves ${bytes} bytes, and ${start.most} is the most of this queue`, field);
  }
  return { bytes, moves };
};

/** Finds where an entry's data lies, and what is wrong with that. */
export const describeData = (walker: Walker, entry: OpenEntry): void => {
  const { pieces } = walker.format;
  if (pieces.kind !== 'pages' && pieces.kind !== 'segments' && pieces.kind !== 'by-shape') {
    for (const piece of walker.roles.pieces(entry.lanes, walker.otherwise)) walker.addPiece(entry, piece);
    return;
  }
  const transfer = transferOf(walker, entry);
  if (transfer === undefined) return;
  const element = segmentOf(pieces);
  const inner = activeNested(entry.descriptor, entry.lanes).find(({ descriptor }) => descriptor === element);
  if (inner !== undefined && pieces.kind !== 'pages') {
    walkSegments(walker, entry, pieces.kind === 'by-shape' ? pieces.segments : pieces, { ...transfer, inner });
  } else if (pieces.kind !== 'segments') {
    walkPages(walker, entry, pieces.kind === 'by-shape' ? pieces.pages : pieces, transfer);
  }
};
