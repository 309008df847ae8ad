import {
  addressOf,
  counts,
  descriptor,
  flag,
  format,
  heads,
  lengthIn,
  linked,
  marks,
  ring,
  word16,
  word32,
  word64,
  type Format,
} from '../../../base/descriptor';

/** How a format of the family is put together. */
export interface Kind {
  readonly follow: 'ring' | 'jump' | 'last' | 'null' | 'tail' | 'heads';
  readonly ownership: 'bit' | 'phase' | 'indices';
  readonly pieces: 'own' | 'chain' | 'frame';
  readonly completion: 'in-place' | 'in-ring' | 'queue' | 'used-ring';
}

const avail = descriptor('fam_avail', { flags: word16(), idx: word16(counts('index')) }, { align: 2 });
const availElement = descriptor('fam_avail_elem', { id: word16(counts('id')) }, { align: 2 });
const used = descriptor('fam_used', { flags: word16(), idx: word16(counts('index')) }, { align: 2 });
const usedElement = descriptor('fam_used_elem', { id: word32(counts('id')), len: word32(counts('written')) });
const doneEntry = descriptor('fam_done', {
  id: word16(counts('id')),
  flags: word16({ PHASE: flag(0, marks('phase')) }),
  status: word16(counts('status')),
  head: word16(counts('head')),
  written: word32(counts('written')),
  queue: word32(counts('queue')),
});
/** Offsets in an entry of a completion queue, and its size. */
export const DONE = { id: 0, flags: 2, status: 4, head: 6, written: 8, queue: 12, size: 16 };

/** Offsets in an entry, its size, and its flags. */
export const E = { addr: 0, next: 8, len: 16, flags: 20, id: 22, index: 24, status: 26, written: 28, size: 32 };
export const F = {
  FIRST: 1,
  LAST: 2,
  MORE: 4,
  WRITE: 8,
  IRQ: 16,
  OWN: 32,
  PHASE: 64,
  USED: 128,
  JUMP: 256,
  TOGGLE: 512,
};
export const S = { DONE: 1, ERROR: 2 };

/** Where jumps do not tell that the phase changes, it does after a lap. */
const jumpFlags = ({ follow, ownership, pieces }: Kind) => ({
  ...(follow === 'jump' ? { JUMP: flag(8, marks('jump')) } : {}),
  ...(follow === 'jump' && ownership === 'phase' && pieces !== 'own' ? { TOGGLE: flag(9, marks('toggle')) } : {}),
});

const entryOf = (kind: Kind) =>
  descriptor(`fam_${kind.follow}_${kind.ownership}_${kind.pieces}`, {
    addr: word64(addressOf('data')),
    next: word64(addressOf(kind.follow === 'ring' || kind.follow === 'heads' ? 'table' : 'next')),
    len: word32(lengthIn(1, { max: 20_000 })),
    flags: word16({
      FIRST: flag(0, marks('first')),
      LAST: flag(1, marks('last')),
      MORE: flag(2, marks('more')),
      WRITE: flag(3, marks('device-writes')),
      IRQ: flag(4, marks('interrupt')),
      OWN: flag(5, marks('owner')),
      PHASE: flag(6, marks('phase')),
      USED: flag(7, marks('used-phase')),
      ...jumpFlags(kind),
    }),
    id: word16(counts('id')),
    index: word16(counts('next-index')),
    status: word16({ DONE: flag(0, marks('done')), ERROR: flag(1, marks('error')) }),
    written: word32(counts('written')),
  });

const followOf = (kind: Kind): Format['follow'] => {
  if (kind.follow === 'ring' || kind.follow === 'jump') return ring();
  if (kind.follow === 'heads') return heads(avail, availElement);
  return linked(kind.follow, { cyclic: kind.follow === 'tail' });
};

const doorbellOf = ({ follow }: Kind): Format['doorbell']['value'] => {
  if (follow === 'ring' || follow === 'jump') return 'tail-index';
  if (follow === 'tail') return 'tail-address';
  return follow === 'last' ? 'head-address' : 'notify';
};

const completionOf = ({ completion }: Kind): Format['completion'] => {
  if (completion === 'queue') return { kind: 'queue', entry: doneEntry };
  if (completion === 'used-ring') return { kind: 'used-ring', header: used, element: usedElement };
  return { kind: completion };
};

/** The format, or nothing where a format cannot be so. */
export const familyFormat = (kind: Kind): Format | undefined => {
  if (
    kind.completion === 'in-ring' &&
    (kind.follow !== 'ring' || kind.ownership !== 'phase' || kind.pieces === 'frame')
  ) {
    return undefined;
  }
  const pieces: Format['pieces'] =
    kind.pieces === 'own'
      ? { kind: 'own' }
      : kind.pieces === 'frame'
        ? { kind: 'frame', limit: 8 }
        : { kind: 'chain', next: kind.follow === 'heads' ? 'index' : 'consecutive', limit: 8 };
  try {
    return format({
      name: [kind.follow, kind.ownership, kind.pieces, kind.completion].join('-'),
      entry: entryOf(kind),
      follow: followOf(kind),
      pieces,
      ownership: { kind: kind.ownership },
      completion: completionOf(kind),
      doorbell: { register: 'BELL', value: doorbellOf(kind) },
    });
  } catch {
    return undefined;
  }
};

/** Every kind of which there is a format. */
export const KINDS: readonly Kind[] = (['ring', 'jump', 'last', 'null', 'tail', 'heads'] as const)
  .flatMap((follow) => (['bit', 'phase', 'indices'] as const).map((ownership) => ({ follow, ownership })))
  .flatMap((kind) => (['own', 'chain', 'frame'] as const).map((pieces) => ({ ...kind, pieces })))
  .flatMap((kind) =>
    (['in-place', 'in-ring', 'queue', 'used-ring'] as const).map((completion) => ({ ...kind, completion })),
  )
  .filter((kind) => familyFormat(kind) !== undefined);
