import type { Register } from '../../../emulator/registers/register';
import type { QueueInterrupts } from '../interrupts';
import { Place } from '../place';
import type { QueueSetup } from '../setup';
import { ERROR, MAX_ENTRIES, type ErrorCode } from '../spec';

/** The completion queue of a queue, and who is told of what is in it. Other queues may tell their ends there, too. */
export class DoneEnd {
  /** What software reads next, and what is written next: registers. */
  readonly head: Register;
  readonly tailRegister: Register;
  readonly interrupts: QueueInterrupts;
  /** Its queue is enabled. */
  live = false;
  tail = 0;
  phase = 1;
  private size = 0;
  private readonly start = new Place();

  constructor(head: Register, tailRegister: Register, interrupts: QueueInterrupts) {
    this.head = head;
    this.tailRegister = tailRegister;
    this.interrupts = interrupts;
  }

  begin({ doneSize, doneTail, donePhase, done }: QueueSetup): ErrorCode {
    this.size = doneSize;
    this.tail = doneTail;
    this.phase = donePhase;
    this.start.set(done.page, done.offset);
    // One place stays free, or a full queue would look like an empty one.
    if (doneSize < 2 || doneSize > MAX_ENTRIES || doneTail >= doneSize) return ERROR.CONFIG;
    this.live = true;
    return ERROR.NONE;
  }

  private get after(): number {
    return this.tail + 1 === this.size ? 0 : this.tail + 1;
  }

  hasRoom(head: number): boolean {
    return this.live && this.after !== head;
  }

  /** Where the next completion goes. */
  find(place: Place, bytes: number): void {
    place.setPast(this.start, this.tail * bytes);
  }

  advance(): void {
    this.tail = this.after;
    if (this.tail === 0) this.phase ^= 1;
  }
}
