import { physAddr } from '../../../base/address';
import { u64, u64ToBigInt } from '../../../base/u64';
import type { CpuPort } from '../../../emulator/cpu-port';

/** What a walk found: the physical page, the leaf's low flag bits and its size in pages. */
export interface Walked {
  readonly page: bigint;
  readonly flags: number;
  readonly leafPages: bigint;
}

/**
 * An independent, slow walker of first-stage tables, straight from the privileged architecture: bigints, no shortcuts.
 * `undefined` where nothing is mapped; throws on what the architecture reserves.
 */
export const walkTables = (cpu: CpuPort, rootPfn: number, levels: number, iovaPage: bigint): Walked | undefined => {
  let table = BigInt(rootPfn) << 12n;
  const word = u64();
  for (let level = levels - 1; level >= 0; level--) {
    const index = (iovaPage >> BigInt(9 * level)) & 511n;
    cpu.load64(physAddr(Number(table + index * 8n)), word);
    const pte = u64ToBigInt(word.lo, word.hi);
    if ((pte & 1n) === 0n) return undefined;
    const ppn = (pte >> 10n) & ((1n << 44n) - 1n);
    const napot = pte >> 63n === 1n;
    if ((pte & 0xen) === 0n) {
      if (level === 0) throw new Error('a pointer in the last level');
      if ((pte & 0xffn) !== 1n || pte >> 54n !== 0n) throw new Error(`reserved bits in a pointer: ${pte.toString(16)}`);
      table = ppn << 12n;
      continue;
    }
    if ((pte & 4n) !== 0n && (pte & 2n) === 0n) throw new Error('writable and not readable');
    const flags = Number(pte & 0x3ffn);
    if (napot) {
      if (level !== 0 || (ppn & 15n) !== 8n) throw new Error('a reserved Svnapot encoding');
      return { page: (ppn & ~15n) | (iovaPage & 15n), flags, leafPages: 16n };
    }
    const span = 1n << BigInt(9 * level);
    if (ppn % span !== 0n) throw new Error('a misaligned superpage');
    return { page: ppn | (iovaPage & (span - 1n)), flags, leafPages: span };
  }
  return undefined;
};
