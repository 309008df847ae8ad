import type { QueueSetup } from '../setup';
import { ERROR, type ErrorCode } from '../spec';
import { type UNFINISHED, type Completer } from './completer';
import type { InPlaceCompleter } from './in-place';
import type { RequestEnd } from './request-end';

/**
 * Where owner bits give entries away and the end is told elsewhere: the bits go back first, or the engine would take the
 * entries for new ones in the next lap.
 */
export class OwnersFirst implements Completer {
  private readonly owners: InPlaceCompleter;
  private readonly ends: Completer;

  constructor(owners: InPlaceCompleter, ends: Completer) {
    this.owners = owners;
    this.ends = ends;
  }

  start(setup: QueueSetup): ErrorCode {
    this.owners.start();
    return this.ends.start(setup);
  }

  hasRoom(head: number): boolean {
    return this.ends.hasRoom(head);
  }

  complete(end: RequestEnd): ErrorCode | typeof UNFINISHED {
    const code = this.owners.complete(end);
    return code === ERROR.NONE ? this.ends.complete(end) : code;
  }

  get tail(): number {
    return this.ends.tail;
  }

  keep(end: RequestEnd): void {
    this.owners.keep(end);
  }

  pass(end: RequestEnd): ErrorCode {
    return this.owners.pass(end);
  }

  holds(page: number, offset: number): boolean {
    return this.owners.holds(page, offset);
  }

  drop(): void {
    this.owners.drop();
  }
}
