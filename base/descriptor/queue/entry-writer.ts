import type { AnyCursor, AnyDescriptor } from '../any-descriptor';
import type { Format } from '../format';
import type { Parameters } from '../meaning';
import { clearEntry, put, putLength, setMark } from '../put';
import type { PlacedField } from '../placed';
import { EntryRoles } from '../roles';
import type { EntryData } from './cut';
import { segmentsOfFormat } from './lists';
import type { Refused, RequestPiece } from './request';

type Way = RequestPiece['moves'];

/** Fills what no meaning says anything about: widths, namespaces, flags of a device. Called before anything else is put. */
export type Prepare = (entry: AnyCursor) => void;

/** Fills entries of a format, in lanes. */
export class EntryWriter {
  readonly roles: EntryRoles;
  private readonly format: Format;
  private readonly opcode: PlacedField | undefined;
  private readonly queueMoves: Way | undefined;
  private readonly blank: Readonly<Record<Way, Int32Array>>;

  /** @param queueMoves which way the queue moves data, where neither format nor entries say */
  constructor(format: Format, parameters: Parameters, prepare: Prepare | undefined, queueMoves: Way | undefined) {
    const { entry } = format;
    this.format = format;
    this.roles = new EntryRoles(entry, { parameters, without: segmentsOfFormat(format)?.element });
    this.opcode = entry.placedFields.find(({ meaning }) => meaning?.kind === 'values' && meaning.moves !== undefined);
    this.queueMoves = format.moves === 'by-queue' ? queueMoves : format.moves;
    this.blank = {
      'from-memory': this.blankEntry(entry, 'from-memory', prepare),
      'to-memory': this.blankEntry(entry, 'to-memory', prepare),
    };
  }

  private blankEntry(entry: AnyDescriptor, moves: Way, prepare: Prepare | undefined): Int32Array {
    const lanes = new Int32Array(entry.lanes);
    clearEntry(entry, lanes);
    if (this.opcode !== undefined) put(this.opcode, lanes, this.opcodeFor(moves) ?? 0);
    prepare?.(entry.anyCursor(lanes));
    setMark(this.roles.markField('device-writes', lanes), lanes, moves === 'to-memory');
    return lanes;
  }

  /** An entry without data, which moves some one way. */
  start(lanes: Int32Array, moves: Way): void {
    lanes.set(this.blank[moves]);
  }

  /** Addresses, length and direction. */
  putData(lanes: Int32Array, { address, destination, length, moves }: EntryData): void {
    const { roles } = this;
    this.start(lanes, moves);
    const single = roles.addressField('data', lanes);
    if (single !== undefined) put(single, lanes, address);
    else {
      put(roles.addressField('source', lanes)!, lanes, address);
      put(roles.addressField('destination', lanes)!, lanes, destination);
    }
    putLength(roles, 'data', lanes, length);
  }

  private opcodeFor(moves: Way): number | undefined {
    const meaning = this.opcode?.meaning;
    if (meaning?.kind !== 'values') return undefined;
    return Object.entries(meaning.names).find(([name]) => meaning.moves?.[name] === moves)?.[1];
  }

  /** Whether entries have a source and a destination. */
  get copies(): boolean {
    const lanes = this.blank['to-memory'];
    return this.roles.addressField('source', lanes) !== undefined;
  }

  /** What keeps entries from moving data these ways, in one request; undefined if nothing does. */
  refuse(pieces: readonly RequestPiece[]): Refused | undefined {
    const { roles, format, opcode, queueMoves } = this;
    const has = (way: Way): boolean => pieces.some(({ moves, length }) => moves === way && length > 0);
    if (this.copies || roles.markField('device-writes', this.blank['to-memory']) !== undefined) return undefined;
    if (has('from-memory') && has('to-memory')) return { problem: `a request of ${format.name} moves data one way` };
    const way = has('to-memory') ? 'to-memory' : 'from-memory';
    const can =
      opcode === undefined ? queueMoves === undefined || queueMoves === way : this.opcodeFor(way) !== undefined;
    return can ? undefined : { problem: `nothing in this queue of ${format.name} moves data ${way.replace('-', ' ')}` };
  }
}
