import type { Task } from './task';

/** Tasks that are ready to run, first come, first served. A ring, so that taking the first one moves nothing. */
export class RunQueue {
  private ring: (Task | undefined)[] = new Array<Task | undefined>(16).fill(undefined);
  private head = 0;
  private count = 0;

  get isEmpty(): boolean {
    return this.count === 0;
  }

  push(task: Task): void {
    if (this.count === this.ring.length) this.grow();
    this.ring[(this.head + this.count) & (this.ring.length - 1)] = task;
    this.count++;
  }

  shift(): Task | undefined {
    if (this.count === 0) return undefined;
    const task = this.ring[this.head];
    this.ring[this.head] = undefined;
    this.head = (this.head + 1) & (this.ring.length - 1);
    this.count--;
    return task;
  }

  private grow(): void {
    const { length } = this.ring;
    const bigger = new Array<Task | undefined>(length * 2).fill(undefined);
    for (let i = 0; i < length; i++) bigger[i] = this.ring[(this.head + i) & (length - 1)];
    this.ring = bigger;
    this.head = 0;
  }
}
