import { hex } from '../u64';
import type { OpenEntry, PieceMoves } from './findings';
import type { PagePieces } from './format';
import { valueOf } from './meaning';
import { EntryRoles } from './roles';
import type { Walker } from './walk';

/** What a list of pages has to give. */
interface Rest {
  readonly entry: OpenEntry;
  readonly pieces: PagePieces;
  readonly page: number;
  readonly moves: PieceMoves;
  readonly roles: EntryRoles;
}

/** Whether a page after the first begins where pages begin. */
const checkPage = (walker: Walker, entry: OpenEntry, field: string, address: bigint, page: number): void => {
  if (address % BigInt(page) === 0n) return;
  walker.reporter(entry)(
    'misaligned',
    `${field} is ${hex(address)}, which is not where a page of ${page} begins`,
    field,
  );
};

/** Takes an element of a list: a page, or with `last` bytes zero the address of the next list. */
const takeElement = (walker: Walker, rest: Rest, at: bigint, index: number, bytes: number): bigint | undefined => {
  const { element } = rest.pieces;
  const where = `${rest.entry.where}, page ${index}`;
  const lanes = walker.read(element, at, where);
  if (lanes === undefined) return undefined;
  const taken = walker.takeElement(rest.roles, at, where, lanes);
  const field = rest.roles.addressField('data', lanes)!;
  const address = rest.roles.address('data', lanes);
  if (bytes === 0) return address;
  checkPage(walker, taken, field.path, address, rest.page);
  walker.addPiece(taken, { of: 'data', field: field.path, address, length: bytes, moves: rest.moves, fixed: false });
  return address;
};

/** Whether a list may be read at an address; tells why not. */
const mayRead = (walker: Walker, { entry, pieces }: Rest, at: bigint, seen: Set<bigint>): boolean => {
  const { align } = pieces.element;
  const field = walker.roles.addressField('list', entry.lanes)?.path;
  const report = walker.reporter(entry);
  if (seen.has(at)) report('loop', `its list of pages leads back to ${hex(at)}`, field);
  else if (at % BigInt(align) === 0n) return true;
  else report('misaligned', `its list of pages lies at ${hex(at)}, no multiple of ${align}`, field);
  return false;
};

/** Follows lists of pages until there is as much as moves. */
const walkLists = (walker: Walker, rest: Rest, from: bigint, bytes: number): void => {
  const { page, pieces } = rest;
  const { size } = pieces.element;
  const seen = new Set<bigint>();
  let index = 1;
  for (let list: bigint | undefined = from, left = bytes; list !== undefined && left > 0;) {
    if (!mayRead(walker, rest, list, seen)) return;
    seen.add(list);
    const slots = Math.floor((page - Number(list % BigInt(page))) / size);
    const more = Math.ceil(left / page) > slots;
    const here = more ? slots - 1 : Math.ceil(left / page);
    const at = (slot: number): bigint => list! + BigInt(slot * size);
    for (let slot = 0; slot < here; slot++, index++) {
      if (takeElement(walker, rest, at(slot), index, Math.min(left, page)) === undefined) return;
      left -= Math.min(left, page);
    }
    list = more ? takeElement(walker, rest, at(here), index, 0) : undefined;
  }
};

/**
 * Finds the pages of an entry's data: the first from any offset, the second at the address of the list, or a list there if
 * there are more.
 */
export const walkPages = (
  walker: Walker,
  entry: OpenEntry,
  pieces: PagePieces,
  { bytes, moves }: { readonly bytes: number; readonly moves: PieceMoves },
): void => {
  const { roles, start } = walker;
  const page = valueOf(pieces.page, start.parameters);
  const first = roles.addressField('data', entry.lanes);
  const second = roles.addressField('list', entry.lanes);
  if (first === undefined || second === undefined) return;
  const address = roles.address('data', entry.lanes);
  const length = Math.min(bytes, page - Number(address % BigInt(page)));
  walker.addPiece(entry, { of: 'data', field: first.path, address, length, moves, fixed: false });
  const left = bytes - length;
  const next = roles.address('list', entry.lanes);
  if (left <= 0) return;
  if (left <= page) {
    checkPage(walker, entry, second.path, next, page);
    walker.addPiece(entry, { of: 'list', field: second.path, address: next, length: left, moves, fixed: false });
  } else walkLists(walker, { entry, pieces, page, moves, roles: new EntryRoles(pieces.element) }, next, left);
};
