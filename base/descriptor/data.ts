import type { OpenEntry, PieceMoves, WalkedEntry } from './findings';
import { segmentOf } from './format';
import { walkPages } from './pages';
import { walkSegments } from './segments';
import { activeNested } from './shapes';
import type { Walker } from './walk';

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
const describeData = (walker: Walker, entry: OpenEntry): void => {
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

/** Takes an entry that was read, and finds what is wrong with it if it is the device's. */
export const takeOwn = (
  walker: Walker,
  address: bigint,
  where: string,
  lanes: Int32Array,
  owned: boolean,
): WalkedEntry => {
  const entry = walker.enter(walker.format.entry, address, where, lanes, owned);
  if (!owned) return entry;
  walker.check(entry, walker.roles);
  if (!walker.isIndirect(lanes) && !walker.isJump(lanes)) describeData(walker, entry);
  return entry;
};
