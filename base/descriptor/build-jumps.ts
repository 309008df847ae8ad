import type { Prng } from '../prng';
import type { AnyDescriptor } from './any-descriptor';
import type { Built } from './built';
import { put, setMark } from './put';
import type { EntryRoles } from './roles';
import { fillChosen, shuffled } from './sample';

/** Who makes a sample. */
interface Maker {
  readonly prng: Prng;
  readonly format: { readonly entry: AnyDescriptor };
  readonly roles: EntryRoles;
  room(bytes: number, align: number): bigint;
  make(descriptor: AnyDescriptor, address: bigint, where: string): Built;
}

/** A ring in pieces: its entries in their order, and of the jumps among them whether they change the phase. */
export interface JumpRing {
  readonly row: readonly Built[];
  readonly leads: ReadonlyMap<Built, boolean>;
}

/** What its `next` asks of the addresses of pieces. */
const pieceAlign = ({ format, roles }: Maker, jump: Built): number => {
  const { meaning, below } = roles.addressField('next', jump.lanes)!;
  return Math.max(format.entry.align, 2 ** below, meaning?.kind === 'address' ? meaning.align : 1);
};

const makeJump = ({ prng, roles }: Maker, { descriptor, lanes }: Built): void => {
  setMark(roles.markField('jump'), lanes, true);
  fillChosen(prng, descriptor, lanes);
};

/** Where pieces begin: anywhere, with room between them, and in any order. */
const placePieces = (sample: Maker, lengths: readonly number[]): bigint[] => {
  const { format, prng } = sample;
  const { entry } = format;
  const probe: Built = { descriptor: entry, address: 0n, lanes: new Int32Array(entry.lanes), where: '', data: [] };
  makeJump(sample, probe);
  const align = pieceAlign(sample, probe);
  const at: bigint[] = [];
  for (const i of shuffled(prng, [...lengths.keys()])) {
    sample.room(entry.align * prng.below(4), 1);
    at[i] = sample.room(lengths[i]! * entry.size, align);
  }
  return at;
};

/** An odd number of jumps changes the phase, or the device would take the ring for new ones without end. */
const chooseToggles = ({ prng }: Maker, count: number): boolean[] => {
  const some = Array.from({ length: count }, () => prng.oneIn(3));
  if (some.filter((one) => one).length % 2 === 0) some[count - 1] = !some[count - 1];
  return some;
};

/** A ring whose last entry leads to its beginning, or one of several pieces. Some pieces are nothing but a jump. */
export const buildJumpRing = (sample: Maker): JumpRing => {
  const { prng, format, roles } = sample;
  const lengths = Array.from({ length: prng.between(1, 3) }, (_, i) => prng.between(i === 0 ? 2 : 1, 5));
  const at = placePieces(sample, lengths);
  const toggles = chooseToggles(sample, lengths.length);
  const row: Built[] = [];
  const leads = new Map<Built, boolean>();
  lengths.forEach((length, piece) => {
    for (let i = 0; i < length; i++) {
      const address = at[piece]! + BigInt(i * format.entry.size);
      const entry = sample.make(format.entry, address, `entry ${row.length}`);
      row.push(entry);
      if (i + 1 < length) continue;
      makeJump(sample, entry);
      put(roles.addressField('next', entry.lanes)!, entry.lanes, at[(piece + 1) % lengths.length]!);
      setMark(roles.markField('toggle'), entry.lanes, toggles[piece]!);
      leads.set(entry, toggles[piece]!);
    }
  });
  return { row, leads };
};
