import type { CacheLineEvent } from '../../../base/trace-events';
import type { Machine } from '../../../lab/machine';

const PAGE = 4096;
const LINE = 64;
const LINES_PER_PAGE = PAGE / LINE;

/** Every page of RAM that was ever written. */
const pagesOf = ({ hardware: { ram } }: Machine): Map<number, Uint8Array> => {
  const pages = new Map<number, Uint8Array>();
  ram.forEachTouchedPage((page) => {
    const bytes = new Uint8Array(PAGE);
    ram.peek(page * PAGE, bytes, 0, PAGE);
    pages.set(page, bytes);
  });
  return pages;
};

/** Every line that the CPU's cache holds; none without a cache. */
const linesOf = ({ hardware: { memory } }: Machine): Map<number, Uint8Array> => {
  const lines = new Map<number, Uint8Array>();
  memory?.cache.forEachLine((line, slot) => {
    lines.set(line, memory.cache.bytes.slice(slot * LINE, slot * LINE + LINE));
  });
  return lines;
};

const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

/**
 * What RAM and cache hold at a moment, kept up with what the cache does by itself: it writes dirty lines back, drops lines and
 * fetches others, and none of that is a device's doing. What differs from this image afterwards, somebody has written.
 */
export class MemoryImage {
  private readonly ram: Map<number, Uint8Array>;
  private readonly cache: Map<number, Uint8Array>;
  /** Lines that the CPU made dirty since: its own business. */
  private readonly cpuLines = new Set<number>();

  /** Stores that wait in the CPU leave it first, as they may at any time: nothing of the CPU's is under way then. */
  constructor(machine: Machine) {
    machine.hardware.memory?.stores?.drain();
    this.ram = pagesOf(machine);
    this.cache = linesOf(machine);
  }

  /** Follows the cache. */
  follow(event: CacheLineEvent): void {
    const line = event.physical / LINE;
    if (event.type === 'cache-fill') this.cache.set(line, this.lineOfRam(line).slice());
    else if (event.type === 'cache-dirty') this.cpuLines.add(line);
    else {
      const held = this.cache.get(line);
      if (held !== undefined && event.dirty && event.type !== 'cache-drop') this.lineOfRam(line).set(held);
      if (event.type !== 'cache-clean') this.cache.delete(line);
    }
  }

  /** Pages that are not as the image has them, in RAM or in the cache. */
  differences(machine: Machine): number[] {
    const found = new Set<number>();
    for (const [page, bytes] of pagesOf(machine)) if (this.ramDiffers(page, bytes)) found.add(page);
    const now = linesOf(machine);
    for (const line of new Set([...now.keys(), ...this.cache.keys()])) {
      if (this.cpuLines.has(line)) continue;
      const [held, expected] = [now.get(line), this.cache.get(line)];
      const alike = held !== undefined && expected !== undefined && same(held, expected);
      if (!alike) found.add(Math.floor(line / LINES_PER_PAGE));
    }
    return [...found];
  }

  private ramDiffers(page: number, bytes: Uint8Array): boolean {
    const expected = this.pageOfRam(page);
    if (same(bytes, expected)) return false;
    for (let line = 0; line < LINES_PER_PAGE; line++) {
      const at = line * LINE;
      if (this.cpuLines.has(page * LINES_PER_PAGE + line)) continue;
      if (!same(bytes.subarray(at, at + LINE), expected.subarray(at, at + LINE))) return true;
    }
    return false;
  }

  /** A page that nobody has written to has zeros in it. */
  private pageOfRam(page: number): Uint8Array {
    let bytes = this.ram.get(page);
    if (bytes === undefined) this.ram.set(page, (bytes = new Uint8Array(PAGE)));
    return bytes;
  }

  private lineOfRam(line: number): Uint8Array {
    const at = (line % LINES_PER_PAGE) * LINE;
    return this.pageOfRam(Math.floor(line / LINES_PER_PAGE)).subarray(at, at + LINE);
  }
}
