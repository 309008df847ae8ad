import { PageRuns } from '../iommu/page-runs';
import { DmaWriter } from '../scatterlist/dma-writer';
import { EntryReader } from '../scatterlist/entry-reader';
import { PlainSgMapper } from './direct-sg-plain';

/**
 * What a mapping call works out about the entries of a list before it changes them. Linux stashes this in the entries'
 * own unused fields; outside of RAM it needs no undoing. Reused from call to call.
 */
export class SgScratch {
  readonly reader = new EntryReader();
  readonly writer = new DmaWriter();
  readonly plain = new PlainSgMapper();
  /** The address of each entry. */
  entry = new Float64Array(128);
  /** The first page frame of its data. */
  pfn = new Float64Array(128);
  /** Where its data starts in that page. */
  offset = new Float64Array(128);
  /** Bytes of data. */
  length = new Float64Array(128);
  /** Bytes of I/O address space: whole pages, with the padding up to the next entry. */
  span = new Float64Array(128);

  /** The runs of pages that the entries make. */
  readonly runs = new PageRuns(128);

  /** Makes room for the entries of a list. */
  reserve(nents: number): void {
    this.runs.reserve(nents);
    if (nents <= this.pfn.length) return;
    const size = Math.max(nents, this.pfn.length * 2);
    this.entry = new Float64Array(size);
    this.pfn = new Float64Array(size);
    this.offset = new Float64Array(size);
    this.length = new Float64Array(size);
    this.span = new Float64Array(size);
  }
}

/** Hands out scratch space: one per call that is under way, as an interrupt may map while a map waits for the IOMMU. */
export class SgScratchPool {
  private readonly free: SgScratch[] = [];

  take(nents: number): SgScratch {
    const scratch = this.free.pop() ?? new SgScratch();
    scratch.reserve(nents);
    return scratch;
  }

  give(scratch: SgScratch): void {
    this.free.push(scratch);
  }
}
