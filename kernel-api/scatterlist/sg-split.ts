import { virtAddr } from '../../base/address';
import { BUS_NO_ADDRESS } from '../../base/bus-outcome';
import { EINVAL, ENOMEM } from '../../base/errno';
import type { Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { kernelFault } from '../mm/kernel-fault';
import { kfree, kmalloc_array, kzalloc } from '../mm/kmalloc';
import { SG_ENTRY_SIZE } from './layout';
import { sg_entry, sg_mark_end, sg_next, type Scatterlist } from './scatterlist';
import { sg_nents } from './sg-count';

/** Splitting a list into several (`lib/sg_split.c`). */

/** `sizeof(struct sg_splitter)`. */
const SPLITTER_SIZE = 40;

/** What becomes one list of the output. */
interface Splitter {
  /** The first entry that it has bytes of, and how many bytes of it belong to somebody else. */
  first: Scatterlist | null;
  skip: number;
  nents: number;
  lastLength: number;
  /** Where the list is made. */
  out: Scatterlist | null;
}

/** Works out which entries, or mapped segments, each of the lists takes. */
class SplitPlan {
  readonly splitters: Splitter[] = [];
  private readonly sizes: readonly number[];
  /** Lists that are not complete. */
  private left = 0;
  private index = 0;
  /** Bytes that the current list still wants. */
  private wanted = 0;

  constructor(count: number, sizes: readonly number[]) {
    this.sizes = sizes;
    for (let index = 0; index < count; index++)
      this.splitters.push({ first: null, skip: 0, nents: 0, lastLength: 0, out: null });
  }

  private get current(): Splitter {
    const splitter = this.splitters[this.index];
    if (splitter === undefined) throw kernelFault(0, BUS_NO_ADDRESS);
    return splitter;
  }

  private nextList(): void {
    this.index++;
    this.wanted = this.sizes[this.index] ?? 0;
  }

  /** Goes through the list. 0, or -EINVAL if it is too short for all of the sizes. */
  calculate(list: Scatterlist, nents: number, skip: number, isMapped: boolean): number {
    for (const splitter of this.splitters) {
      splitter.first = null;
      splitter.nents = 0;
    }
    this.left = this.splitters.length;
    this.index = 0;
    this.wanted = this.sizes[0] ?? 0;
    let toSkip = skip;
    let sg: Scatterlist | null = list;
    for (let count = 0; count < nents && sg !== null; count++, sg = sg_next(sg)) {
      const length: number = isMapped ? sg.dma_length : sg.length;
      if (toSkip > length) {
        toSkip -= length;
        continue;
      }
      this.takeEntry(sg, length, toSkip);
      toSkip = 0;
      if (this.wanted === 0 && --this.left > 0) this.nextList();
      if (this.left === 0) break;
    }
    return this.wanted !== 0 || this.splitters[0]!.first === null ? -EINVAL : 0;
  }

  /** Gives an entry to the current list, and to those after it that begin within it. */
  private takeEntry(sg: Scatterlist, length: number, skip: number): void {
    let { current } = this;
    let at = skip;
    let taken = Math.min(this.wanted, length - at);
    if (current.first === null) {
      current.first = sg;
      current.skip = at;
    }
    this.wanted -= taken;
    current.nents++;
    current.lastLength = taken;
    while (this.wanted === 0 && at + taken < length && --this.left > 0) {
      this.nextList();
      at += taken;
      taken = Math.min(this.wanted, length - at);
      ({ current } = this);
      Object.assign(current, { first: sg, skip: at, nents: 1, lastLength: taken });
      this.wanted -= taken;
    }
  }
}

/** Makes the entries, with their memory, and no mapping. */
const makeEntries = (kernel: Kernel, { first, skip, nents, lastLength, out }: Splitter): void => {
  let source = first;
  for (let index = 0; index < nents; index++) {
    const sg = sg_entry(out!, index);
    kernel.mm.copy(sg.address, source!.address, SG_ENTRY_SIZE);
    if (index === 0) {
      sg.offset = (sg.offset + skip) >>> 0;
      sg.length = (sg.length - skip) >>> 0;
    }
    kernel.mm.fill(virtAddr(sg.address + 16), 0, 12);
    source = sg_next(source!);
  }
  const last = sg_entry(out!, nents - 1);
  last.length = lastLength;
  sg_mark_end(last);
};

/** Writes the mapped segments of a list into its first entries. */
const makeSegments = ({ first, skip, nents, lastLength, out }: Splitter): void => {
  let source = first;
  for (let index = 0; index < nents; index++) {
    const sg = sg_entry(out!, index);
    const isFirst = index === 0;
    sg.dma_address = BigInt.asUintN(64, source!.dma_address + BigInt(isFirst ? skip : 0)) as typeof sg.dma_address;
    sg.dma_length = (source!.dma_length - (isFirst ? skip : 0)) >>> 0;
    source = sg_next(source!);
  }
  sg_entry(out!, nents - 1).dma_length = lastLength;
};

const allocateLists = (kernel: Kernel, plan: SplitPlan, gfp: Gfp): number => {
  for (const splitter of plan.splitters) {
    const address = kmalloc_array(kernel, splitter.nents, SG_ENTRY_SIZE, gfp);
    if (address === 0) return -ENOMEM;
    splitter.out = kernel.scatterlists.at(address);
  }
  return 0;
};

const makeLists = (plan: SplitPlan, list: Scatterlist, mappedNents: number, skip: number, gfp: Gfp): number => {
  const { kernel } = list;
  let error = plan.calculate(list, sg_nents(list), skip, false);
  if (error === 0) error = allocateLists(kernel, plan, gfp);
  if (error !== 0) return error;
  for (const splitter of plan.splitters) makeEntries(kernel, splitter);
  if (mappedNents === 0) return 0;
  error = plan.calculate(list, mappedNents, skip, true);
  if (error === 0) plan.splitters.forEach(makeSegments);
  return error;
};

/**
 * Splits a list after its first `skip` bytes into `nb_splits` lists of the given sizes. The input stays as it is; the
 * memory is shared, and of a mapped list the mapping is too: unmap the input, not the parts. Each list is one allocation, to
 * be given to `kfree`.
 *
 * As in Linux, a `skip` that ends with an entry makes the first list begin with an entry of no bytes; and a last list that
 * ends within an entry with more entries behind it gets those as well, and is longer than asked for.
 *
 * @param in_mapped_nents what `dma_map_sg` returned; 0 if the list is not mapped
 * @param out gets the lists
 * @param out_mapped_nents gets the mapped segments of each; of a list that is not mapped, its entries
 * @returns 0, -EINVAL if the list is too short, -ENOMEM; after a failure nothing is left
 */
export const sg_split = (
  in_: Scatterlist,
  in_mapped_nents: number,
  skip: number,
  nb_splits: number,
  split_sizes: readonly number[],
  out: (Scatterlist | null)[],
  out_mapped_nents: number[] | null,
  gfp: Gfp,
): number => {
  const { kernel } = in_;
  if (nb_splits < 0) return -ENOMEM;
  const scratch = kzalloc(kernel, nb_splits * SPLITTER_SIZE, gfp);
  if (scratch === 0) return -ENOMEM;
  const plan = new SplitPlan(nb_splits, split_sizes);
  const error = makeLists(plan, in_, in_mapped_nents, skip, gfp);
  plan.splitters.forEach((splitter, index) => {
    if (error !== 0 && splitter.out !== null) kfree(kernel, splitter.out.address);
    if (error !== 0) return;
    out[index] = splitter.out;
    if (out_mapped_nents !== null) out_mapped_nents[index] = splitter.nents;
  });
  kfree(kernel, scratch);
  return error;
};
