/**
 * Descriptor formats as data: one declaration gives layout, types, cursors, headers, tables and checks.
 */
export type { AheadCursor } from './ahead';
export type { AnyCursor, AnyDescriptor } from './any-descriptor';
export { invalidCompletions, validCompletions, type CompletionSample } from './build-completions';
export { cHeader } from './c-header';
export { CursorBase, type CursorMoves, type CursorOf, type DescriptorCursor } from './cursor';
export { Descriptor, descriptor, type DescriptorOptions, type DescriptorValue } from './descriptor';
export {
  givenBy,
  walkCompletions,
  type CompletionChecks,
  type CompletionStart,
  type GivenRequest,
} from './completions';
export { format } from './declare-format';
export {
  heads,
  linked,
  ring,
  type Completion,
  type Doorbell,
  type Follow,
  type Format,
  type FormatSpec,
  type Ownership,
  type PagePieces,
  type Pieces,
  type SegmentPieces,
} from './format';
export { addressesIn, changedFields } from './changes';
export { dump, dumpEntry, type EntryNote } from './dump';
export { dumpData, type EntryData, type FieldData, type FindingData, type WalkData } from './dump-data';
export { GivenCursor, type GivenNow } from './given';
export type {
  DataPiece,
  Finding,
  FindingKind,
  PieceMoves,
  Walk,
  WalkChecks,
  WalkedEntry,
  WalkedRequest,
  WalkStart,
} from './findings';
export { walk } from './follow';
export { invalidSample, validSample } from './generate';
export { overlaps, overlapWithEarlier, rangesOf, type EntryRange } from './overlaps';
export { descriptorTable, meaningText } from './markdown';
export {
  addressOf,
  counts,
  lengthIn,
  marks,
  opcodes,
  parameter,
  values,
  type AddressMeaning,
  type AddressTarget,
  type CountMeaning,
  type CountRole,
  type LengthMeaning,
  type MarkMeaning,
  type MarkRole,
  type Meaning,
  type LengthTarget,
  type Movement,
  type Parameter,
  type Parameters,
  type ValuesMeaning,
} from './meaning';
export {
  across,
  bits,
  flag,
  ignored,
  nested,
  repeat,
  reserved,
  unused,
  variants,
  wide,
  word16,
  word16be,
  word32,
  word32be,
  word64,
  word64be,
  word8,
  type BitFields,
  type Members,
} from './members';
export type { LanePiece, PlacedField } from './placed';
export { EntryRoles } from './roles';
export { publisher, runPublisher, type Publish, type PublishRun } from './publish';
export { rustStructs } from './rust';
export type { Sample, Spoiled } from './sample';
export {
  readEntry,
  wordsOfBytes,
  wordsOfLoads,
  wordsOfPeeks,
  type Loads,
  type PeekBytes,
  type WordReader,
} from './words';
export {
  DescriptorQueue,
  queueLayout,
  type Finished,
  type Posted,
  type PostOptions,
  type Prepare,
  type QueueLayout,
  type QueueSize,
  type Refused,
  type RequestPiece,
  type SharedMemory,
} from './queue';
