/** Mixes 32 bits so that neighbouring inputs share nothing (the finalizer of MurmurHash3, public domain). */
const mix = (value: number): number => {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85eb_ca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35);
  return x ^ (x >>> 16);
};

/** After so many bytes the pattern begins again: a prime, so that no two pages are alike for long. */
export const PATTERN_PERIOD = 65_521;

/** The byte that a source produces at a position of its stream. */
export const patternByte = (seed: number, position: number): number => {
  const at = position % PATTERN_PERIOD;
  return (mix(seed + Math.imul(at >>> 2, 0x9e37_79b9)) >>> (8 * (at & 3))) & 0xff;
};

/** A period of the pattern and as much of the next as one write may take, made once per seed. */
export class Pattern {
  readonly bytes: Uint8Array;
  private seed = 0;
  private made = false;

  /** @param longest bytes that are taken at once */
  constructor(longest: number) {
    this.bytes = new Uint8Array(PATTERN_PERIOD + longest);
  }

  /** The bytes for a seed. */
  forSeed(seed: number): Uint8Array {
    const { bytes } = this;
    if (this.made && this.seed === seed) return bytes;
    for (let at = 0; at < PATTERN_PERIOD; at++) bytes[at] = patternByte(seed, at);
    for (let at = PATTERN_PERIOD; at < bytes.length; at++) bytes[at] = bytes[at - PATTERN_PERIOD]!;
    this.made = true;
    this.seed = seed;
    return bytes;
  }
}
