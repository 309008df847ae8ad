import type {
  AddressMeaning,
  AddressTarget,
  AnyDescriptor,
  CountRole,
  LengthTarget,
  MarkRole,
  Parameters,
  PlacedField,
} from '../../../base/descriptor';
import { valueOf } from '../../../base/descriptor/meaning';
import { isThat } from '../../../base/descriptor/placed';
import { FieldAccess, LengthAccess, MarkAccess } from './field-access';

/** Which way data goes. */
const MOVES = { NOTHING: 0, FROM_MEMORY: 1, TO_MEMORY: 2, COPY: 3, UNKNOWN: 4 } as const;
export { MOVES };
export type Moves = (typeof MOVES)[keyof typeof MOVES];

/** An address field, and what the format asks of its addresses. */
export class AddressAccess extends FieldAccess {
  /** What addresses are a multiple of, less one. */
  readonly alignMask: number;
  /** What data may not cross; 0: nothing. */
  readonly boundary: number;

  constructor(field: PlacedField, { align, boundary }: AddressMeaning) {
    super(field);
    this.alignMask = align - 1;
    this.boundary = boundary;
  }
}

const MOVEMENTS = { 'from-memory': MOVES.FROM_MEMORY, 'to-memory': MOVES.TO_MEMORY, nothing: MOVES.NOTHING } as const;

/** Data that an entry names: where, and how much. */
export interface DataRun {
  readonly address: AddressAccess;
  readonly length: LengthAccess | null;
}

/**
 * The fields of a descriptor by the part that they play, ready for hot paths: those that are always there, or those of one
 * shape. Of several in one part the first counts, but for data.
 */
export class EntryPlan {
  readonly descriptor: AnyDescriptor;
  readonly size: number;
  readonly lanes: number;
  /** Bytes of data where no field says so. */
  readonly bytes: number;
  /** More than one, where an array of addresses lies in an entry. */
  readonly runs: readonly DataRun[];
  readonly data: AddressAccess | null;
  readonly source: AddressAccess | null;
  readonly destination: AddressAccess | null;
  readonly next: AddressAccess | null;
  readonly table: AddressAccess | null;
  readonly list: AddressAccess | null;
  readonly lastList: AddressAccess | null;
  readonly length: LengthAccess | null;
  readonly tableLength: LengthAccess | null;
  readonly listLength: LengthAccess | null;
  readonly first: MarkAccess | null;
  readonly last: MarkAccess | null;
  /** Where the engine tells that a packet begins and ends: of several fields so marked, the last. */
  readonly lastFirst: MarkAccess | null;
  readonly lastLast: MarkAccess | null;
  readonly more: MarkAccess | null;
  readonly deviceWrites: MarkAccess | null;
  readonly indirect: MarkAccess | null;
  readonly jump: MarkAccess | null;
  readonly toggle: MarkAccess | null;
  readonly interrupt: MarkAccess | null;
  readonly owner: MarkAccess | null;
  readonly phase: MarkAccess | null;
  readonly usedPhase: MarkAccess | null;
  readonly done: MarkAccess | null;
  readonly error: MarkAccess | null;
  readonly sourceFixed: MarkAccess | null;
  readonly destinationFixed: MarkAccess | null;
  readonly id: FieldAccess | null;
  readonly nextIndex: FieldAccess | null;
  readonly status: FieldAccess | null;
  readonly written: FieldAccess | null;
  readonly writtenUnit: number;
  readonly index: FieldAccess | null;
  readonly head: FieldAccess | null;
  readonly queue: FieldAccess | null;
  readonly noEvent: MarkAccess | null;
  readonly byEvent: MarkAccess | null;
  readonly eventPhase: MarkAccess | null;
  readonly event: FieldAccess | null;
  private readonly opcode: FieldAccess | null;
  private readonly movements = new Map<number, Moves>();
  /** Of the opcode that was met last: most queues see the same one over and over. */
  private lastOpcode = -1;
  private lastMoves: Moves = MOVES.UNKNOWN;
  private readonly fields: readonly PlacedField[];
  private readonly parameters: Parameters;

  constructor(
    descriptor: AnyDescriptor,
    parameters: Parameters,
    fields: readonly PlacedField[] = descriptor.placedFields,
    bytes = 0,
  ) {
    this.descriptor = descriptor;
    this.parameters = parameters;
    this.fields = fields;
    this.bytes = bytes;
    this.size = descriptor.size;
    this.lanes = descriptor.lanes;
    this.data = this.address('data');
    this.source = this.address('source');
    this.destination = this.address('destination');
    this.next = this.address('next');
    this.table = this.address('table');
    this.list = this.address('list');
    this.lastList = this.address('last-list');
    this.length = this.lengthOf('data');
    this.tableLength = this.lengthOf('table');
    this.listLength = this.lengthOf('list');
    this.runs = this.findRuns();
    this.first = this.mark('first');
    this.last = this.mark('last');
    this.lastFirst = this.mark('first', -1);
    this.lastLast = this.mark('last', -1);
    this.more = this.mark('more');
    this.deviceWrites = this.mark('device-writes');
    this.indirect = this.mark('indirect');
    this.jump = this.mark('jump');
    this.toggle = this.mark('toggle');
    this.interrupt = this.mark('interrupt');
    this.owner = this.mark('owner');
    this.phase = this.mark('phase');
    this.usedPhase = this.mark('used-phase');
    this.done = this.mark('done');
    this.error = this.mark('error');
    this.sourceFixed = this.mark('source-fixed');
    this.destinationFixed = this.mark('destination-fixed');
    this.id = this.count('id');
    this.nextIndex = this.count('next-index');
    this.status = this.count('status');
    this.written = this.count('written');
    const { written } = this;
    this.writtenUnit = written?.field.meaning?.kind === 'count' ? written.field.meaning.unit : 1;
    this.index = this.count('index');
    this.head = this.count('head');
    this.queue = this.count('queue');
    this.noEvent = this.mark('no-event');
    this.byEvent = this.mark('by-event');
    this.eventPhase = this.mark('event-phase');
    this.event = this.count('event');
    this.opcode = this.findOpcode();
  }

  private that(kind: string, part: string): PlacedField[] {
    return this.fields.filter((field) => isThat(field, kind, part));
  }

  private address(of: AddressTarget): AddressAccess | null {
    const [field] = this.that('address', of);
    return field?.meaning?.kind === 'address' ? new AddressAccess(field, field.meaning) : null;
  }

  private mark(role: MarkRole, which: 0 | -1 = 0): MarkAccess | null {
    const field = this.that('mark', role).at(which);
    return field?.meaning?.kind === 'mark' ? new MarkAccess(field, field.meaning) : null;
  }

  private count(role: CountRole): FieldAccess | null {
    const [field] = this.that('count', role);
    return field === undefined ? null : new FieldAccess(field);
  }

  private lengthOf(of: LengthTarget): LengthAccess | null {
    const fields = this.that('length', of);
    return this.makeLength(fields.find(({ path }) => !path.includes('[')) ?? fields[0]);
  }

  private makeLength(field: PlacedField | undefined): LengthAccess | null {
    if (field?.meaning?.kind !== 'length') return null;
    const { unit } = field.meaning;
    if (typeof unit === 'string') {
      return new LengthAccess(field, field.meaning, 1, new FieldAccess(this.descriptor.field(unit)));
    }
    return new LengthAccess(field, field.meaning, valueOf(unit, this.parameters), null);
  }

  /** Each address of data with its length: that of the same element where they lie in arrays. */
  private findRuns(): DataRun[] {
    const lengths = this.that('length', 'data').filter(({ path }) => path.includes('['));
    return this.that('address', 'data').map((field) => {
      const own = lengths.find(({ path }) => elementOf(path) === elementOf(field.path));
      const address = new AddressAccess(field, field.meaning as AddressMeaning);
      return { address, length: own === undefined ? this.length : this.makeLength(own) };
    });
  }

  private findOpcode(): FieldAccess | null {
    for (const field of this.fields) {
      if (field.meaning?.kind !== 'values' || field.meaning.moves === undefined) continue;
      const { names, moves } = field.meaning;
      for (const [name, value] of Object.entries(names)) {
        this.movements.set(value, MOVEMENTS[moves[name] ?? 'nothing']);
      }
      return new FieldAccess(field);
    }
    return null;
  }

  /** Which way an entry's data goes. @param otherwise where the entry does not say */
  moves(lanes: Int32Array, base: number, otherwise: Moves): Moves {
    if (this.deviceWrites !== null) return this.deviceWrites.is(lanes, base) ? MOVES.TO_MEMORY : MOVES.FROM_MEMORY;
    if (this.opcode === null) return this.source === null ? otherwise : MOVES.COPY;
    const moves = this.movesOf(this.opcode.number(lanes, base));
    return this.source === null || moves === MOVES.NOTHING || moves === MOVES.UNKNOWN ? moves : MOVES.COPY;
  }

  private movesOf(opcode: number): Moves {
    if (opcode !== this.lastOpcode) {
      this.lastOpcode = opcode;
      this.lastMoves = this.movements.get(opcode) ?? MOVES.UNKNOWN;
    }
    return this.lastMoves;
  }
}

/** `[2]` of `bufs[2].addr`; nothing outside of arrays. */
const elementOf = (path: string): string => path.slice(path.lastIndexOf('['), path.lastIndexOf(']') + 1);
