import {
  addressOf,
  bits,
  descriptor,
  flag,
  format,
  lengthIn,
  linked,
  marks,
  ring,
  word32,
  word64,
} from '../base/descriptor';
import type { AnyDescriptor, Format } from '../base/descriptor';
import { nvmeCqe, nvmeIo, virtioPacked, virtioSplit, xilinxAxiDmaMm2s, xilinxAxiDmaS2mm } from '../devices/formats';

/** Memory that a queue lies in, as the bench lays it out: I/O addresses. */
export interface Layout {
  readonly entries: number;
  readonly heads: number;
  readonly done: number;
}

/** A format, and how a driver fills entry `i` of `count` with 4 KiB from one page, or from one to another. */
export interface Subject {
  readonly name: string;
  readonly format: Format;
  /** Data goes to memory: from the source's pattern. */
  readonly toMemory: boolean;
  /** Whether there is a second page per entry. */
  readonly copies: boolean;
  fill(entry: EntryWriter, i: number, count: number, from: bigint, to: bigint, at: bigint): void;
  /** What the doorbell is rung with for all `count` entries. */
  readonly doorbell: 'all' | 'last' | 'notify';
}

/** Puts values into an entry by name. */
export type EntryWriter = Record<string, unknown>;

const copyEntry = descriptor('copy_entry', {
  src: word64(addressOf('source')),
  dst: word64(addressOf('destination')),
  next: word64(addressOf('next')),
  len: word32({ LEN: bits(29, 0, lengthIn(1)), LAST: flag(30, marks('last')), OWN: flag(31, marks('owner')) }),
  status: word32({ DONE: flag(0, marks('done')) }),
});

const copies = { ownership: { kind: 'bit' }, completion: { kind: 'in-place' } } as const;

const ringOfCopies = format({
  ...copies,
  name: 'copy-ring',
  entry: copyEntry,
  follow: ring(),
  doorbell: { register: 'KICK', value: 'notify' },
});

const listOfCopies = format({
  ...copies,
  name: 'copy-list',
  entry: copyEntry,
  follow: linked('last'),
  doorbell: { register: 'HEAD', value: 'head-address' },
});

const fillCopy = (c: EntryWriter, i: number, count: number, from: bigint, to: bigint, at: bigint): void => {
  Object.assign(c, { src: from, dst: to, next: at + 32n, LEN: 4096, LAST: i + 1 === count, OWN: true, DONE: false });
};

const fillVirtio = (c: EntryWriter, _i: number, _count: number, from: bigint): void => {
  Object.assign(c, { addr: from, len: 4096, WRITE: true });
};

/** What is measured. */
export const SUBJECTS: readonly Subject[] = [
  { name: 'ring', format: ringOfCopies, toMemory: false, copies: true, fill: fillCopy, doorbell: 'notify' },
  { name: 'list', format: listOfCopies, toMemory: false, copies: true, fill: fillCopy, doorbell: 'notify' },
  { name: 'virtio-split', format: virtioSplit, toMemory: true, copies: false, fill: fillVirtio, doorbell: 'notify' },
  {
    name: 'virtio-packed',
    format: virtioPacked,
    toMemory: true,
    copies: false,
    fill: (c, i, count, from) => {
      fillVirtio(c, i, count, from);
      Object.assign(c, { id: i, AVAIL: true, USED: false });
    },
    doorbell: 'notify',
  },
  {
    name: 'nvme',
    format: nvmeIo,
    toMemory: true,
    copies: false,
    fill: (c, i, _count, from) => void Object.assign(c, { OPC: 2, CID: i, DPTR_prp_PRP1: from, cmd_read_NLB: 7 }),
    doorbell: 'all',
  },
  {
    name: 'xilinx-mm2s',
    format: xilinxAxiDmaMm2s,
    toMemory: false,
    copies: false,
    fill: (c, _i, _count, from, _to, at) =>
      void Object.assign(c, { NEXT: at + 64n, BUFFER: from, LENGTH: 4096, TXSOF: true, TXEOF: true }),
    doorbell: 'last',
  },
  {
    name: 'xilinx-s2mm',
    format: xilinxAxiDmaS2mm,
    toMemory: true,
    copies: false,
    fill: (c, _i, _count, from, _to, at) => void Object.assign(c, { NEXT: at + 64n, BUFFER: from, LENGTH: 4096 }),
    doorbell: 'last',
  },
];

/** The bytes of a completion area for `count` entries. */
export const doneBytes = ({ completion }: Format, count: number): number => {
  const element: AnyDescriptor =
    completion.kind === 'used-ring' ? completion.element : completion.kind === 'queue' ? completion.entry : nvmeCqe;
  return 4096 + (count + 1) * element.size;
};
