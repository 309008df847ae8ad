import { alignToSegment } from './slots';

/** What the command line says about swiotlb. */
export interface SwiotlbParameter {
  /** Slots, whole segments; undefined if it does not say. */
  readonly nslabs: number | undefined;
  readonly nareas: number | undefined;
  /** Bounce everything. */
  readonly force: boolean;
  /** Never bounce: there is no pool. */
  readonly noforce: boolean;
}

/** `simple_strtoul` with base 0: hexadecimal, octal or decimal digits as far as there are some. */
const numberAt = (text: string): { value: number; length: number } => {
  const [word, hexadecimal, octal] = /^0[xX]([0-9a-fA-F]+)|^0([0-7]*)|^\d+/.exec(text)!;
  if (hexadecimal !== undefined) return { value: parseInt(hexadecimal, 16), length: word.length };
  return { value: parseInt(word, octal === undefined ? 10 : 8), length: word.length };
};

/**
 * Reads `swiotlb=[slots][,areas][,force|noforce]` as `setup_io_tlb_npages` does; what it cannot make sense of, it ignores.
 *
 * @param value undefined if the parameter is not there
 */
export const parseSwiotlbParameter = (value: string | undefined): SwiotlbParameter => {
  let rest = value ?? '';
  const take = (): number | undefined => {
    if (!/^\d/.test(rest)) return undefined;
    const { value: number, length } = numberAt(rest);
    rest = rest.slice(length);
    return Math.min(number, 2 ** 32);
  };
  const skipComma = (): void => {
    if (rest.startsWith(',')) rest = rest.slice(1);
  };
  const slots = take();
  skipComma();
  const nareas = take();
  skipComma();
  return {
    nslabs: slots === undefined ? undefined : alignToSegment(slots),
    nareas,
    force: rest === 'force',
    noforce: rest === 'noforce',
  };
};
