/** The plainest cache that there could be: bytes of RAM, and a list of lines per set, the one used last at the end. */
export class CacheModel {
  readonly ram: Uint8Array;
  private readonly sets: { line: number; bytes: Uint8Array; dirty: boolean }[][];
  private readonly ways: number;

  constructor(size: number, sets: number, ways: number) {
    this.ram = new Uint8Array(size);
    this.sets = Array.from({ length: sets }, () => []);
    this.ways = ways;
  }

  private setOf(line: number): { line: number; bytes: Uint8Array; dirty: boolean }[] {
    return this.sets[line % this.sets.length]!;
  }

  private use(line: number): { bytes: Uint8Array; dirty: boolean } {
    const set = this.setOf(line);
    const index = set.findIndex((each) => each.line === line);
    const entry =
      index >= 0 ? set.splice(index, 1)[0]! : { line, bytes: this.ram.slice(line * 64, line * 64 + 64), dirty: false };
    if (index < 0 && set.length === this.ways) this.leave(set[0]!.line, true);
    set.push(entry);
    return entry;
  }

  private leave(line: number, keepData: boolean): void {
    const set = this.setOf(line);
    const index = set.findIndex((each) => each.line === line);
    if (index < 0) return;
    const [entry] = set.splice(index, 1);
    if (keepData && entry!.dirty) this.ram.set(entry!.bytes, line * 64);
  }

  cpuRead(at: number, length: number): number[] {
    return Array.from({ length }, (_, i) => this.use((at + i) >> 6).bytes[(at + i) & 63]!);
  }

  cpuWrite(at: number, bytes: readonly number[]): void {
    bytes.forEach((byte, i) => {
      const entry = this.use((at + i) >> 6);
      entry.bytes[(at + i) & 63] = byte;
      entry.dirty = true;
    });
  }

  ramRead(at: number, length: number): number[] {
    return [...this.ram.subarray(at, at + length)];
  }

  ramWrite(at: number, bytes: readonly number[]): void {
    this.ram.set(bytes, at);
  }

  operate(operation: 'clean' | 'invalidate' | 'flush', at: number, length: number): void {
    if (length === 0) return;
    for (let line = at >> 6; line <= (at + length - 1) >> 6; line++) {
      if (operation !== 'clean') this.leave(line, operation === 'flush');
      const entry = this.setOf(line).find((each) => each.line === line);
      if (entry?.dirty === true) {
        this.ram.set(entry.bytes, line * 64);
        entry.dirty = false;
      }
    }
  }

  snoopRead(at: number, length: number): number[] {
    this.operate('clean', at, length);
    return this.ramRead(at, length);
  }

  snoopWrite(at: number, bytes: readonly number[]): void {
    this.operate('flush', at, bytes.length);
    this.ramWrite(at, bytes);
  }

  /** What the CPU would see. */
  view(): number[] {
    const bytes = this.ram.slice();
    for (const set of this.sets) for (const entry of set) bytes.set(entry.bytes, entry.line * 64);
    return [...bytes];
  }
}
