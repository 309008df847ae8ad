import type { DeviceWindow } from './device-window';

/**
 * What one device can reach by OSTD's means (`dev.dma.ostdWindows`): the live windows, and which page frames they show. A
 * frame is shown to a device once at most.
 */
export class DeviceWindows {
  private readonly open = new Set<DeviceWindow>();
  private readonly frames = new Set<number>();

  /** How many windows there are. */
  get count(): number {
    return this.open.size;
  }

  /** All of them, in the order in which they were opened. */
  list(): readonly DeviceWindow[] {
    return [...this.open];
  }

  /** The first of `count` frames that the device can reach already; -1 if there is none. */
  firstShown(pfn: number, count: number): number {
    for (let frame = pfn; frame < pfn + count; frame++) if (this.frames.has(frame)) return frame;
    return -1;
  }

  /** A window was opened. */
  add(window: DeviceWindow): void {
    this.open.add(window);
    for (let frame = window.pfn; frame < window.pfn + window.pages; frame++) this.frames.add(frame);
  }

  /** A window was closed. */
  delete(window: DeviceWindow): void {
    this.open.delete(window);
    for (let frame = window.pfn; frame < window.pfn + window.pages; frame++) this.frames.delete(frame);
  }

  /** A window became two. */
  replace(old: DeviceWindow, ...parts: readonly DeviceWindow[]): void {
    this.open.delete(old);
    for (const part of parts) this.open.add(part);
  }
}
