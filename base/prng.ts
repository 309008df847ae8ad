/**
 * The lab's only source of chance: a small seeded generator, so that the same seed gives the same run.
 *
 * The algorithm is sfc32 (Chris Doty-Humphrey's PractRand, public domain): 128 bits of state, no multiplication, passes
 * BigCrush. `fork` derives an independent stream by name, so that adding one user of randomness does not shift the
 * numbers that every other user sees.
 */
export class Prng {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;
  private readonly seed: number;

  /** @param seed any integer; only its low 32 bits count. */
  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.a = 0x9e37_79b9 | 0;
    this.b = 0x243f_6a88 | 0;
    this.c = this.seed | 0;
    for (let round = 0; round < 15; round++) this.nextU32();
  }

  /** The next 32 random bits. */
  nextU32(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    this.c |= 0;
    return sum >>> 0;
  }

  /** A uniform integer in `0 … bound - 1`, without modulo bias. @param bound 1 to 2^32. */
  below(bound: number): number {
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound);
    for (;;) {
      const bits = this.nextU32();
      if (bits < limit) return bits % bound;
    }
  }

  /** A uniform integer in `low … high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True once in `n` on average. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  /** One of the given items. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** An independent stream for a named purpose; depends on this generator's seed and the name only. */
  fork(name: string): Prng {
    let hash = 0x811c_9dc5 ^ this.seed;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x0100_0193);
    return new Prng(hash);
  }
}
