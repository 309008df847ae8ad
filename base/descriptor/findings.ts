import type { AnyDescriptor } from './any-descriptor';
import type { AddressTarget, Parameters } from './meaning';

/** What can be wrong with descriptors in memory. */
export type FindingKind =
  /** A chain, list or frame that does not end where it should. */
  | 'unterminated'
  /** A chain that leads back into itself, in a format that is not cyclic. */
  | 'loop'
  /** A frame that begins in another one, or goes on where none began. */
  | 'frame'
  /** The device may look, and what it will see is not all there yet. */
  | 'too-early'
  /** The device writes to what it writes to already, or to a descriptor; entries that share bytes. */
  | 'overlap'
  /** An address where nothing is mapped, or nothing answers. */
  | 'unmapped'
  | 'misaligned'
  /** Data across an address that it may not cross. */
  | 'boundary'
  | 'too-long'
  /** Lists that have less room than a request moves. */
  | 'too-short'
  /** What the device reads after what it writes, in a format that has it the other way round. */
  | 'order'
  /** An entry that is given away with its done mark still set, and that the device refuses. */
  | 'stale'
  /** The end of a request that nobody gave, or that ended before. */
  | 'not-given'
  | 'completed-twice'
  /** More written than the request has room for. */
  | 'overrun'
  /** Reserved bits that are not zero. */
  | 'reserved'
  | 'unknown-value'
  | 'unknown-opcode'
  /** An index past the end of its table, or further ahead than there are entries. */
  | 'index'
  /** A table or list that is none: empty, no whole number of entries, within another one, or after the last one. */
  | 'indirect'
  /** There was more than the walk may look at. */
  | 'limit';

/** Something wrong, as plain data. */
export interface Finding {
  readonly kind: FindingKind;
  /** Which entry: `entry 3`, `entry 3, table entry 1`, `header`. */
  readonly where: string;
  /** What is wrong, as a sentence without a full stop. */
  readonly message: string;
  /** Where the entry lies. */
  readonly address: bigint;
  /** The path of the field, or of the word, that is at fault. */
  readonly field?: string;
}

/** Which way the data of a piece moves, as far as the descriptors tell. */
export type PieceMoves = 'from-memory' | 'to-memory' | 'unknown';

/** A run of memory that an entry names. */
export interface DataPiece {
  readonly of: AddressTarget;
  /** The path of its address field. */
  readonly field: string;
  readonly address: bigint;
  /** Bytes that move. */
  readonly length: number;
  readonly moves: PieceMoves;
  /** The address stays, however much moves. */
  readonly fixed: boolean;
}

/** An entry as it was found. */
export interface WalkedEntry {
  readonly where: string;
  readonly descriptor: AnyDescriptor;
  readonly address: bigint;
  readonly lanes: Int32Array;
  /** Whether it is the device's. What is wrong with entries that are not is nobody's business. */
  readonly owned: boolean;
  readonly pieces: readonly DataPiece[];
}

/** An entry whose data is still being found. */
export interface OpenEntry extends WalkedEntry {
  readonly pieces: DataPiece[];
}

/** A request that the device has been given. */
export interface WalkedRequest {
  /** What its completion will name it by; undefined if it completes in place. */
  readonly id: number | undefined;
  /** Its first entry. */
  readonly where: string;
  /** Entries that it takes in its ring or table. */
  readonly entries: number;
  /** Bytes that the device reads and writes; those of unknown direction count for both. */
  readonly readable: number;
  readonly writable: number;
}

/** What a walk found. */
export interface Walk {
  readonly entries: readonly WalkedEntry[];
  readonly requests: readonly WalkedRequest[];
  readonly findings: readonly Finding[];
  /**
   * Entries of the ring or list, or first ones of heads' chains, that are the device's: where each begins among `entries`. Up to
   * the next one, what it leads to is among them.
   */
  readonly units: readonly number[];
  /** How many of the last units are of a request that does not end. */
  readonly open: number;
}

/** Where the entries of one queue are: what its registers would say. */
export interface WalkStart {
  /** The address of the ring, of the table, or of the first entry of a list. */
  readonly at: bigint;
  /** Entries of the ring or table. */
  readonly entries?: number;
  /** The entry to begin with, or the count of heads seen before. Default 0. */
  readonly from?: number;
  /** How many entries of a ring to look at. Default: all. With ownership by indices, those that are the device's. */
  readonly count?: number;
  /** The phase of the first lap. Default 1. */
  readonly phase?: 0 | 1;
  /** The entries before are of a frame that goes on. */
  readonly begun?: boolean;
  /** The last entry of a list that ends with its tail. */
  readonly tail?: bigint;
  /** What precedes the ring of heads. */
  readonly heads?: bigint;
  /** Which way this queue moves data, where neither format nor entries say. */
  readonly moves?: 'from-memory' | 'to-memory';
  /** Values of the format's parameters, where they are others. */
  readonly parameters?: Parameters;
  /** The most bytes that one request of this queue may move. Default: no limit but the format's. */
  readonly most?: number;
}

/** What a walk can ask about the world. What is left out is not checked. */
export interface WalkChecks {
  /** Whether all of a range may be read, or with `writes` written, by the device. */
  readonly live?: (address: bigint, length: number, writes: boolean) => boolean;
  /** Whether the device would see what the CPU stored in a range last. */
  readonly visible?: (address: bigint, length: number) => boolean;
  /** The most entries, headers and elements to read. Default 4096. */
  readonly limit?: number;
  /** Only what is the device's matters: the walk ends before an entry of a ring or list that is not. */
  readonly givenOnly?: boolean;
  /** The walk of a list or ring ends before these: somebody has looked at them already. */
  readonly known?: (address: bigint) => boolean;
}

/** Which findings are about which entry, the first at its place, and those about no entry that was read. */
export const findingsByEntry = ({
  entries,
  findings,
}: Pick<Walk, 'entries' | 'findings'>): {
  readonly of: ReadonlyMap<WalkedEntry, readonly Finding[]>;
  readonly elsewhere: readonly Finding[];
} => {
  const placeOf = ({ where, address }: Finding | WalkedEntry): string => `${where} ${address}`;
  const of = new Map(entries.map((entry) => [entry, [] as Finding[]]));
  const atPlace = new Map<string, Finding[]>();
  for (const [entry, about] of of) if (!atPlace.has(placeOf(entry))) atPlace.set(placeOf(entry), about);
  const elsewhere: Finding[] = [];
  for (const finding of findings) (atPlace.get(placeOf(finding)) ?? elsewhere).push(finding);
  return { of, elsewhere };
};
