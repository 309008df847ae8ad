/**
 * What has to compile, and what must not, of descriptors. `tsc` is the test: a line after `@ts-expect-error` that compiles is
 * an error itself. Nothing here is ever run.
 */
import {
  addressOf,
  bits,
  descriptor,
  values,
  word32,
  word64,
  type CursorOf,
  type DescriptorValue,
} from '../../base/descriptor';
import { simple, type all } from '../base/descriptor/samples';

/** Compiles if both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const yes = <_T extends true>(): void => {};

type Simple = DescriptorValue<typeof simple>;
type All = DescriptorValue<typeof all>;

yes<Same<Simple['addr'], bigint>>();
yes<Same<Simple['LENGTH'], number>>();
yes<Same<Simple['OWN'], boolean>>();
yes<Same<Simple['CODE'], 'ok' | 'short' | 'bus' | number>>();
yes<Same<All['opcode'], 'flush' | 'write' | 'read' | number>>();
yes<Same<All['far'], bigint>>();
yes<Same<All['V'], bigint>>();
yes<Same<All['big64'], bigint>>();
yes<Same<All['sub'], { X: number; Y: boolean; b: number }>>();
yes<Same<All['list'], readonly number[]>>();
yes<Same<All['subs'][0]['Y'], boolean>>();
yes<Same<keyof Simple, 'addr' | 'LENGTH' | 'LAST' | 'OWN' | 'DONE' | 'CODE'>>();

export const body = (value: All): bigint | number | readonly number[] => {
  if (value.body.is === 'write') return value.body.slba;
  // @ts-expect-error -- only a write has it
  value.body.slba;
  return value.body.is === 'read' ? value.body.from : value.body.words;
};

export const cursors = (c: CursorOf<typeof simple>, d: CursorOf<typeof all>): number => {
  yes<Same<typeof c.LENGTH, number>>();
  yes<Same<typeof c.OWN, boolean>>();
  yes<Same<typeof c.addr, bigint>>();
  yes<Same<typeof c.addrPage, number>>();
  yes<Same<typeof c.CODE, number>>();
  yes<Same<typeof d.sub_X, number>>();
  yes<Same<typeof d.body_write_slbaLo, number>>();
  yes<Same<typeof d.farOffset, number>>();
  c.to(1).clear().LENGTH = 1;
  // @ts-expect-error -- bits without meaning have no value
  c.SPARE = 1;
  // @ts-expect-error -- a flag is a boolean
  c.OWN = 1;
  // @ts-expect-error -- words with fields are no fields
  c.len = 1;
  // @ts-expect-error -- only wide fields have pages
  c.LENGTHPage = 1;
  // @ts-expect-error -- an address is a bigint
  c.addr = 1;
  return d.opcode;
};

export const encode = (): void => {
  const lanes = new Int32Array(4);
  simple.encode({ addr: 1n, LENGTH: 1, LAST: false, OWN: true, DONE: false, CODE: 'ok' }, lanes);
  // @ts-expect-error -- a name that there is not
  simple.encode({ addr: 1n, LENGTH: 1, LAST: false, OWN: true, DONE: false, CODE: 'nope' }, lanes);
  // @ts-expect-error -- a field is missing
  simple.encode({ addr: 1n, LENGTH: 1, LAST: false, OWN: true, CODE: 'ok' }, lanes);
  // @ts-expect-error -- nothing says what this word is
  descriptor('x', { a: 32 });
  // @ts-expect-error -- nothing has this meaning
  word32({ A: bits(1, 0, { kind: 'nothing' }) });
  // @ts-expect-error -- there is nothing of this kind to point to
  word64(addressOf('somewhere'));
  // @ts-expect-error -- values are numbers
  values({ a: 'b' });
};
