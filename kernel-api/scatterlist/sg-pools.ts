import { virtAddr, type VirtAddr } from '../../base/address';
import { __GFP_NOWARN, type Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { kfree, kmalloc } from '../mm/kmalloc';
import { BUG_ON } from '../oops';
import { SG_CHUNK_SIZE, SG_ENTRY_SIZE } from './layout';

/** Entries that an object of each pool has. */
const SIZES = [8, 16, 32, 64, SG_CHUNK_SIZE];
/** Objects that each pool keeps back for when memory has run out. */
const RESERVE = 2;

/**
 * Pools of scatterlist parts by size, each with a small reserve (`lib/sg_pool.c`): in atomic context, and when memory has run
 * out, there are still some.
 */
export class SgPools {
  private readonly kernel: Kernel;
  private readonly reserves: VirtAddr[][] = SIZES.map(() => []);
  private filled = false;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** Sets the reserves aside. At boot, or else when they are first needed. */
  init(): void {
    if (this.filled) return;
    this.filled = true;
    this.reserves.forEach((reserve, index) => {
      for (let count = 0; count < RESERVE; count++) {
        const address = kmalloc(this.kernel, SIZES[index]! * SG_ENTRY_SIZE, __GFP_NOWARN);
        if (address !== 0) reserve.push(address);
      }
    });
  }

  private indexFor(nents: number): number {
    BUG_ON(nents > SG_CHUNK_SIZE, 'kernel BUG at lib/sg_pool.c: more entries than a chunk has');
    return nents <= 8 ? 0 : Math.ceil(Math.log2(nents)) - 3;
  }

  /** Memory for up to 128 entries: new, or else from the reserve. 0 if that is used up as well. */
  alloc(nents: number, gfp: Gfp): VirtAddr {
    const index = this.indexFor(nents);
    this.init();
    const address = kmalloc(this.kernel, SIZES[index]! * SG_ENTRY_SIZE, gfp | __GFP_NOWARN);
    return address !== 0 ? address : (this.reserves[index]!.pop() ?? virtAddr(0));
  }

  /** Gives memory back, to the reserve first. @param nents what it was allocated for */
  free(address: VirtAddr, nents: number): void {
    const reserve = this.reserves[this.indexFor(nents)]!;
    if (reserve.length < RESERVE) reserve.push(address);
    else kfree(this.kernel, address);
  }
}
