import type { AnyCursor, AnyDescriptor } from '../any-descriptor';
import type { Format } from '../format';
import { clearEntry, put, putLength, setMark } from '../put';
import type { PlacedField } from '../placed';
import { EntryRoles } from '../roles';
import type { EntryData } from './cut';
import type { Refused, RequestPiece } from './request';

type Way = RequestPiece['moves'];

/** Fills what no meaning says anything about: widths, namespaces, flags of a device. Called before anything else is put. */
export type Prepare = (entry: AnyCursor) => void;

/** Fills entries of a format, in lanes. */
export class EntryWriter {
  readonly roles: EntryRoles;
  private readonly format: Format;
  private readonly descriptor: AnyDescriptor;
  private readonly prepare: Prepare | undefined;
  private readonly opcode: PlacedField | undefined;
  private readonly queueMoves: Way | undefined;
  private readonly blank: Int32Array;

  /** @param queueMoves which way the queue moves data, where neither format nor entries say */
  constructor(format: Format, prepare: Prepare | undefined, queueMoves: Way | undefined) {
    const { entry } = format;
    this.format = format;
    this.descriptor = entry;
    this.roles = new EntryRoles(entry);
    this.prepare = prepare;
    this.opcode = entry.placedFields.find(({ meaning }) => meaning?.kind === 'values' && meaning.moves !== undefined);
    this.queueMoves = format.moves === 'by-queue' ? queueMoves : format.moves;
    this.blank = new Int32Array(entry.lanes);
    clearEntry(entry, this.blank);
    prepare?.(entry.anyCursor(this.blank));
  }

  /** An entry without data. */
  start(lanes: Int32Array): void {
    lanes.set(this.blank);
  }

  /** An entry without data that moves it one way. */
  startMoving(lanes: Int32Array, moves: Way): void {
    this.start(lanes);
    const { roles, opcode } = this;
    if (roles.markField('device-writes') !== undefined) {
      setMark(roles.markField('device-writes'), lanes, moves === 'to-memory');
    } else if (opcode !== undefined) {
      put(opcode, lanes, this.opcodeFor(moves) ?? 0);
      this.prepare?.(this.descriptor.anyCursor(lanes));
    }
  }

  /** Addresses, length and direction. */
  putData(lanes: Int32Array, { address, destination, length, moves }: EntryData): void {
    const { roles } = this;
    this.startMoving(lanes, moves);
    const single = roles.addressField('data');
    if (single !== undefined) put(single, lanes, address);
    else {
      put(roles.addressField('source')!, lanes, address);
      put(roles.addressField('destination')!, lanes, destination);
    }
    putLength(roles, 'data', lanes, length);
  }

  private opcodeFor(moves: Way): number | undefined {
    const meaning = this.opcode?.meaning;
    if (meaning?.kind !== 'values') return undefined;
    return Object.entries(meaning.names).find(([name]) => meaning.moves?.[name] === moves)?.[1];
  }

  /** Whether entries can move data these ways, in one request; undefined if they can. */
  refuse(pieces: readonly RequestPiece[]): Refused | undefined {
    const { roles, format, opcode, queueMoves } = this;
    const has = (way: Way): boolean => pieces.some(({ moves, length }) => moves === way && length > 0);
    if (roles.addressField('data') === undefined || roles.markField('device-writes') !== undefined) return undefined;
    if (has('from-memory') && has('to-memory')) return { problem: `a request of ${format.name} moves data one way` };
    const way = has('to-memory') ? 'to-memory' : 'from-memory';
    const can =
      opcode === undefined ? queueMoves === undefined || queueMoves === way : this.opcodeFor(way) !== undefined;
    return can ? undefined : { problem: `nothing in this queue of ${format.name} moves data ${way.replace('-', ' ')}` };
  }
}
