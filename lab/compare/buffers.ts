import { virtAddr, type VirtAddr } from '../../base/address';
import { GFP_KERNEL } from '../../kernel-api/gfp';
import type { Kernel } from '../../kernel-api/kernel';
import { __get_free_pages, get_order } from '../../kernel-api/mm/page-alloc';
import { sg_next, sg_set_buf } from '../../kernel-api/scatterlist/scatterlist';
import { SgTable, sg_alloc_table } from '../../kernel-api/scatterlist/sg-table';
import { ScenarioFailure } from '../failure';
import { expectBytes } from '../pattern';
import { cutRequest, largestOf, mostPieces, pieceOffset, type Traffic } from './traffic';

const PAGE = 4096;
/** Bytes behind each piece that must stay what they are. */
const GUARD = 16;
const GUARD_BYTE = 0xa5;

/** The memory of one request at a time: pieces at places of their own, used again for the next request. */
export class RequestBuffer {
  /** The list of the current request. */
  sgt: SgTable;
  private readonly kernel: Kernel;
  private readonly traffic: Traffic;
  private readonly places: VirtAddr[];
  private pieces: readonly { readonly at: VirtAddr; readonly length: number }[] = [];

  constructor(kernel: Kernel, traffic: Traffic, slot: number) {
    this.kernel = kernel;
    this.traffic = traffic;
    this.sgt = new SgTable(kernel);
    const count = mostPieces(traffic);
    const longest = traffic.scatter === 'pages' ? PAGE : largestOf(traffic.sizes);
    this.places = Array.from({ length: count }, (_, i) => {
      const offset = pieceOffset(traffic, slot, i);
      const pages = __get_free_pages(kernel, GFP_KERNEL, get_order(offset + longest + GUARD));
      if (pages === 0) throw new ScenarioFailure('the machine has too little memory for so many and so large requests');
      return virtAddr(pages + offset);
    });
  }

  /** Lays out a request of so many bytes. */
  layOut(bytes: number): void {
    const lengths = cutRequest(bytes, this.traffic.scatter);
    this.pieces = lengths.map((length, i) => ({ at: this.places[i]!, length }));
    if (this.sgt.orig_nents !== lengths.length) {
      this.sgt = new SgTable(this.kernel);
      if (sg_alloc_table(this.sgt, lengths.length, GFP_KERNEL) !== 0) throw new ScenarioFailure('no memory for a list');
    }
    let sg = this.sgt.sgl;
    for (const { at, length } of this.pieces) {
      sg_set_buf(sg!, at, length);
      sg = sg_next(sg!);
    }
  }

  /** Stores what is to be sent. */
  fill(bytes: Uint8Array): void {
    let position = 0;
    for (const { at, length } of this.pieces) {
      this.kernel.mm.write(at, bytes.subarray(position, position + length));
      position += length;
    }
  }

  /** Makes all of it, and what is behind, bytes that nobody sends. */
  clear(): void {
    for (const { at, length } of this.pieces) this.kernel.mm.fill(at, GUARD_BYTE, length + GUARD);
  }

  /** Whether every byte arrived, and none behind it. */
  expect(bytes: Uint8Array, what: string): void {
    const guard = new Uint8Array(GUARD).fill(GUARD_BYTE);
    let position = 0;
    for (const { at, length } of this.pieces) {
      expectBytes(this.kernel.mm.read(at, length), bytes.subarray(position, position + length), what);
      expectBytes(this.kernel.mm.read(virtAddr(at + length), GUARD), guard, `${what}, behind a piece`);
      position += length;
    }
  }
}
