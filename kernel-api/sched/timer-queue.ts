import type { CpuPort } from '../../emulator/cpu-port';

/** Something that is to happen at a point of time. Kept by its owner and reused, so that waiting allocates nothing. */
export class TimerEntry {
  /** When, in nanoseconds; meaningful while `queued`. */
  deadline = 0;
  /** Whether it is in the queue. Managed by the queue. */
  queued = false;
  /** Called at the deadline, in interrupt context, with the entry off the queue. */
  readonly fire: () => void;

  constructor(fire: () => void) {
    this.fire = fire;
  }
}

/**
 * Everything in the kernel that waits for time to pass, sorted, in front of the CPU's one timer. Equal deadlines fire in
 * the order in which they were queued. A kernel has few of them, most of them new ones at the far end, so a sorted array
 * is the fastest queue.
 */
export class TimerQueue {
  private readonly cpu: CpuPort;
  private readonly entries: TimerEntry[] = [];

  constructor(cpu: CpuPort) {
    this.cpu = cpu;
  }

  /** Queues an entry, or moves it. @param deadline absolute nanoseconds. */
  add(entry: TimerEntry, deadline: number): void {
    if (entry.queued) this.unlink(entry);
    const { entries } = this;
    entry.deadline = deadline;
    entry.queued = true;
    let at = entries.length;
    while (at > 0 && entries[at - 1]!.deadline > deadline) at--;
    entries.splice(at, 0, entry);
    if (at === 0) this.cpu.setTimer(deadline);
  }

  /** Takes an entry off; whether it was queued. */
  remove(entry: TimerEntry): boolean {
    if (!entry.queued) return false;
    const wasFirst = this.entries[0] === entry;
    this.unlink(entry);
    if (wasFirst) this.program();
    return true;
  }

  /** The timer interrupt: fires what is due. */
  expire(): void {
    const { entries } = this;
    try {
      for (;;) {
        const entry = entries[0];
        if (entry === undefined || entry.deadline > this.cpu.now) return;
        this.unlink(entry);
        entry.fire();
      }
    } finally {
      this.program();
    }
  }

  private program(): void {
    this.cpu.setTimer(this.entries[0]?.deadline ?? Infinity);
  }

  private unlink(entry: TimerEntry): void {
    this.entries.splice(this.entries.lastIndexOf(entry), 1);
    entry.queued = false;
  }
}
