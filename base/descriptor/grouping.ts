import type { WalkedEntry } from './findings';
import type { Walker } from './walk';

/** Puts entries that follow each other together to requests, and finds chains and frames that do not end. */
export class Grouping {
  private readonly walker: Walker;
  private readonly kind: 'chain' | 'frame' | undefined;
  private readonly limit: number;
  /** Entries of the request that has not ended yet, jumps among them, and where it began among those of the walk. */
  private open = 0;
  private jumps = 0;
  private from = 0;
  /** The frame began with entries that are done already. */
  private begun = false;
  private last: WalkedEntry | undefined;

  constructor(walker: Walker) {
    const { pieces } = walker.format;
    this.walker = walker;
    this.kind = pieces.kind === 'chain' || pieces.kind === 'frame' ? pieces.kind : undefined;
    this.limit = pieces.kind === 'chain' || pieces.kind === 'frame' ? pieces.limit : 0;
    this.begun = walker.start.begun ?? false;
  }

  /** An entry that the device is done with. */
  done({ lanes }: WalkedEntry): void {
    if (this.walker.isJump(lanes)) return;
    this.begun = this.inFrames(lanes) && !this.walker.roles.marked('last', lanes);
  }

  /** The next entry. @param at which one of the walk it is */
  next(entry: WalkedEntry, at: number): void {
    if (!entry.owned) {
      this.end();
      return;
    }
    const { roles } = this.walker;
    if (this.walker.isJump(entry.lanes)) {
      this.jump();
      return;
    }
    if (this.inFrames(entry.lanes)) this.checkFrame(entry);
    if (this.open === 0) this.from = at;
    this.begun = false;
    this.last = entry;
    this.open++;
    if (!this.goesOn(entry.lanes)) this.close();
    else if (this.open - this.jumps === this.limit) this.tell(`the ${this.kind!} has more than ${this.limit} entries`);
    if (this.kind === 'chain' && roles.marked('more', entry.lanes) && this.walker.isIndirect(entry.lanes)) {
      const field = roles.markField('indirect')?.path;
      this.walker.reporter(entry)('indirect', 'it leads to a table, and to another entry as well', field);
    }
  }

  /** Between requests it is of none; within one it does not end it, whatever its marks. */
  private jump(): void {
    if (this.open === 0) return;
    this.open++;
    this.jumps++;
  }

  /** Where packets that arrive begin and end, the device says: an entry that it writes to is a request of its own. */
  private inFrames(lanes: Int32Array): boolean {
    const { roles, otherwise } = this.walker;
    return this.kind === 'frame' && roles.moves(lanes, otherwise) !== 'to-memory';
  }

  private goesOn(lanes: Int32Array): boolean {
    const { roles } = this.walker;
    if (this.kind === 'chain') return roles.marked('more', lanes);
    return this.inFrames(lanes) && !roles.marked('last', lanes);
  }

  private close(): void {
    if (this.open > 0) this.walker.request(this.from, this.open);
    this.open = 0;
    this.jumps = 0;
  }

  private checkFrame(entry: WalkedEntry): void {
    const first = this.walker.roles.marked('first', entry.lanes);
    const report = this.walker.reporter(entry);
    const field = this.walker.roles.markField('first')?.path;
    if (first && (this.open > 0 || this.begun)) {
      report('frame', 'it begins a frame, and the one before has not ended', field);
    }
    if (first) this.close();
    else if (this.open === 0 && !this.begun) report('frame', 'it goes on with a frame, and none has begun', field);
  }

  private tell(message: string): void {
    this.walker.reporter(this.last!)('unterminated', message);
  }

  /** Nothing follows that is the device's. */
  end(): void {
    if (this.kind !== undefined && this.open > 0) {
      this.tell(`the ${this.kind} goes on after it, and the next entry is not the device's`);
      this.walker.open = this.open;
    }
    this.close();
  }
}
