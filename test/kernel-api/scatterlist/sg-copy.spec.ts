import { expect } from 'chai';
import fc from 'fast-check';

import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { alloc_pages } from '../../../kernel-api/mm/page-alloc';
import { nth_page, page_address, type Page } from '../../../kernel-api/mm/page';
import { vmalloc } from '../../../kernel-api/mm/vmalloc';
import {
  SG_MITER_FROM_SG,
  SG_MITER_TO_SG,
  sg_miter_next,
  sg_miter_skip,
  sg_miter_start,
  sg_miter_stop,
  SgMappingIter,
} from '../../../kernel-api/scatterlist/miter';
import { for_each_sg_page } from '../../../kernel-api/scatterlist/page-iter';
import {
  sg_copy_from_buffer,
  sg_copy_to_buffer,
  sg_pcopy_from_buffer,
  sg_pcopy_to_buffer,
  sg_zero_buffer,
} from '../../../kernel-api/scatterlist/sg-copy';
import { sg_set_page, sg_virt } from '../../../kernel-api/scatterlist/scatterlist';
import { for_each_sgtable_sg, sg_alloc_table, SgTable } from '../../../kernel-api/scatterlist/sg-table';
import { makeFakeKernel, type FakeKernel } from '../../support/fake-kernel';

const pattern = (length: number, seed = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => index * 29 + (index >> 8) + seed);

/** Where each entry's data is: offset in a block of four pages, and length. */
interface Piece {
  readonly offset: number;
  readonly length: number;
}

/** A list with one block of pages per piece, filled with guard bytes. */
const makeList = (kernel: FakeKernel, pieces: readonly Piece[]): { table: SgTable; blocks: Page[] } => {
  const table = new SgTable(kernel);
  expect(sg_alloc_table(table, pieces.length, GFP_KERNEL)).to.equal(0);
  const blocks = pieces.map(() => alloc_pages(kernel, GFP_KERNEL, 2)!);
  [...for_each_sgtable_sg(table)].forEach((sg, index) => {
    kernel.mm.fill(page_address(blocks[index]!), 0xa5, 16384);
    sg_set_page(sg, blocks[index]!, pieces[index]!.length, pieces[index]!.offset);
  });
  return { table, blocks };
};

/** The bytes of a list, one entry after the other. */
const contents = (kernel: FakeKernel, table: SgTable): Uint8Array => {
  const entries = [...for_each_sgtable_sg(table)];
  const bytes = new Uint8Array(entries.reduce((sum, sg) => sum + sg.length, 0));
  let at = 0;
  for (const sg of entries) {
    kernel.mm.readInto(sg_virt(sg), bytes, at, sg.length);
    at += sg.length;
  }
  return bytes;
};

const guardsIntact = (kernel: FakeKernel, blocks: readonly Page[], pieces: readonly Piece[]): boolean =>
  blocks.every((block, index) => {
    const { offset, length } = pieces[index]!;
    const bytes = kernel.mm.read(page_address(block), 16384).fill(0xa5, offset, offset + length);
    return bytes.every((byte) => byte === 0xa5);
  });

/** Chai compares arrays element by element, which takes long for large ones. */
const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

const PIECES: readonly Piece[] = [
  { offset: 100, length: 3996 },
  { offset: 4095, length: 2 },
  { offset: 0, length: 0 },
  { offset: 5000, length: 9000 },
  { offset: 0, length: 4096 },
];
const TOTAL = 3996 + 2 + 9000 + 4096;

describe('sg_copy', () => {
  it('fills a list and reads it back, with bytes of the kernel or of outside', () => {
    const kernel = makeFakeKernel();
    const { table, blocks } = makeList(kernel, PIECES);
    expect(sg_copy_from_buffer(table.sgl!, 5, pattern(TOTAL), TOTAL)).to.equal(TOTAL);
    expect(contents(kernel, table)).to.deep.equal(pattern(TOTAL));
    expect(guardsIntact(kernel, blocks, PIECES)).to.equal(true);
    const area = vmalloc(kernel, TOTAL);
    expect(sg_copy_to_buffer(table.sgl!, 5, area, TOTAL)).to.equal(TOTAL);
    expect(kernel.mm.read(area, TOTAL)).to.deep.equal(pattern(TOTAL));
    kernel.mm.write(area, pattern(TOTAL, 7));
    expect(sg_copy_from_buffer(table.sgl!, 5, area, TOTAL)).to.equal(TOTAL);
    const read = new Uint8Array(TOTAL);
    expect(sg_copy_to_buffer(table.sgl!, 5, read, TOTAL)).to.equal(TOTAL);
    expect(read).to.deep.equal(pattern(TOTAL, 7));
  });

  it('copies no more than the list, the buffer and the number of entries allow', () => {
    const kernel = makeFakeKernel();
    const { table } = makeList(kernel, PIECES);
    const sgl = table.sgl!;
    expect(sg_copy_from_buffer(sgl, 5, pattern(TOTAL + 50), TOTAL + 50)).to.equal(TOTAL);
    expect(sg_copy_from_buffer(sgl, 2, pattern(TOTAL), TOTAL)).to.equal(3998);
    expect(sg_copy_from_buffer(sgl, 0, pattern(10), 10)).to.equal(0);
    expect(sg_copy_from_buffer(sgl, 5, pattern(10), 0)).to.equal(0);
    expect(sg_copy_from_buffer(sgl, 99, pattern(TOTAL), TOTAL), 'the end mark stops it').to.equal(TOTAL);
    expect(sg_pcopy_to_buffer(sgl, 5, new Uint8Array(10), 10, TOTAL - 4)).to.equal(4);
    expect(sg_pcopy_to_buffer(sgl, 5, new Uint8Array(10), 10, TOTAL)).to.equal(0);
    expect(sg_pcopy_to_buffer(sgl, 5, new Uint8Array(10), 10, TOTAL + 1)).to.equal(0);
  });

  it('agrees with a flat array: any layout, any skip, any length', () => {
    const piece = fc.record({
      offset: fc.integer({ min: 0, max: 9000 }),
      length: fc.oneof(fc.integer({ min: 0, max: 7000 }), fc.constantFrom(0, 1, 4095, 4096, 4097)),
    });
    const command = fc.record({
      skip: fc.nat(20_000),
      length: fc.nat(20_000),
      kind: fc.constantFrom('write', 'read', 'zero'),
    });
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 5 }),
        fc.array(command, { maxLength: 6 }),
        (pieces, commands) => {
          const kernel = makeFakeKernel({ banks: [{ base: 0x1_0000_0000, size: 1 << 20 }] });
          const { table, blocks } = makeList(kernel, pieces);
          const flat = contents(kernel, table);
          commands.forEach(({ skip, length, kind }, step) => {
            const expected = Math.max(0, Math.min(length, flat.length - skip));
            const buffer = pattern(length, step);
            if (kind === 'write') {
              expect(sg_pcopy_from_buffer(table.sgl!, pieces.length, buffer, length, skip)).to.equal(expected);
              flat.set(buffer.subarray(0, expected), expected > 0 ? skip : 0);
            } else if (kind === 'zero') {
              expect(sg_zero_buffer(table.sgl!, pieces.length, length, skip)).to.equal(expected);
              if (expected > 0) flat.fill(0, skip, skip + expected);
            } else {
              expect(sg_pcopy_to_buffer(table.sgl!, pieces.length, buffer, length, skip)).to.equal(expected);
              const wanted = pattern(length, step);
              wanted.set(flat.subarray(skip, skip + expected));
              expect(isSame(buffer, wanted)).to.equal(true);
            }
            expect(isSame(contents(kernel, table), flat)).to.equal(true);
          });
          expect(guardsIntact(kernel, blocks, pieces)).to.equal(true);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('sg_miter', () => {
  it('gives pieces that never cross a page', () => {
    const kernel = makeFakeKernel();
    const { table, blocks } = makeList(kernel, PIECES);
    const miter = new SgMappingIter(kernel);
    sg_miter_start(miter, table.sgl, 5, SG_MITER_FROM_SG);
    const seen: [Page, number, number][] = [];
    while (sg_miter_next(miter)) seen.push([miter.page!, miter.addr % 4096, miter.length]);
    expect(seen).to.deep.equal([
      [blocks[0], 100, 3996],
      [blocks[1], 4095, 1],
      [nth_page(blocks[1]!, 1), 0, 1],
      [nth_page(blocks[3]!, 1), 904, 3192],
      [nth_page(blocks[3]!, 2), 0, 4096],
      [nth_page(blocks[3]!, 3), 0, 9000 - 3192 - 4096],
      [blocks[4], 0, 4096],
    ]);
    expect(kernel.warned).to.deep.equal([]);
  });

  it('comes back to what was not consumed, after a stop too', () => {
    const kernel = makeFakeKernel();
    const { table } = makeList(kernel, [{ offset: 10, length: 100 }]);
    const miter = new SgMappingIter(kernel);
    sg_miter_start(miter, table.sgl, 1, SG_MITER_TO_SG);
    expect(sg_miter_next(miter)).to.equal(true);
    miter.consumed = 30;
    sg_miter_stop(miter);
    expect([miter.page, miter.addr, miter.length]).to.deep.equal([null, 0, 0]);
    expect(sg_miter_next(miter)).to.equal(true);
    expect([miter.addr % 4096, miter.length]).to.deep.equal([40, 70]);
    miter.consumed = 0;
    expect(sg_miter_skip(miter, 69)).to.equal(true);
    expect(sg_miter_next(miter)).to.equal(true);
    expect([miter.addr % 4096, miter.length]).to.deep.equal([109, 1]);
    expect(sg_miter_next(miter)).to.equal(false);
    expect(sg_miter_skip(miter, 1)).to.equal(false);
  });

  it('warns of a missing direction and of more consumed than there was', () => {
    const kernel = makeFakeKernel();
    const { table } = makeList(kernel, [{ offset: 0, length: 8 }]);
    const miter = new SgMappingIter(kernel);
    sg_miter_start(miter, table.sgl, 1, 0);
    expect(kernel.warned).to.have.length(1);
    sg_miter_next(miter);
    miter.consumed = 9;
    sg_miter_stop(miter);
    expect(kernel.warned).to.have.length(2);
  });

  it('and the page iterator see every page once', () => {
    const kernel = makeFakeKernel();
    const { table, blocks } = makeList(kernel, PIECES);
    const pages = [...for_each_sg_page(table.sgl, 5, 0)];
    const at = (block: number, page: number): Page => nth_page(blocks[block]!, page);
    // An entry's pages count from its own page, wherever in it the data starts.
    expect(pages).to.deep.equal([at(0, 0), at(1, 0), at(1, 1), at(3, 0), at(3, 1), at(3, 2), at(3, 3), at(4, 0)]);
    expect([...for_each_sg_page(table.sgl, 5, 2)]).to.deep.equal(pages.slice(2));
  });
});
