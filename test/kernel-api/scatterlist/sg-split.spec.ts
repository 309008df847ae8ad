import { expect } from 'chai';
import fc from 'fast-check';

import { dmaAddr } from '../../../base/address';
import { EINVAL, ENOMEM } from '../../../base/errno';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { kfree } from '../../../kernel-api/mm/kmalloc';
import { alloc_pages } from '../../../kernel-api/mm/page-alloc';
import { sg_copy_from_buffer, sg_copy_to_buffer } from '../../../kernel-api/scatterlist/sg-copy';
import { for_each_sg, sg_set_page, type Scatterlist } from '../../../kernel-api/scatterlist/scatterlist';
import { sg_nents } from '../../../kernel-api/scatterlist/sg-count';
import { sg_split } from '../../../kernel-api/scatterlist/sg-split';
import { for_each_sgtable_sg, sg_alloc_table, SgTable } from '../../../kernel-api/scatterlist/sg-table';
import { makeFakeKernel, type FakeKernel } from '../../support/fake-kernel';

const smallKernel = (): FakeKernel => makeFakeKernel({ banks: [{ base: 0x1_0000_0000, size: 4 << 20 }] });

const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index * 31 + (index >> 8));

/** A list of entries of the given lengths, filled with a pattern; each starts 100 bytes into a block of its own. */
const makeList = (kernel: FakeKernel, lengths: readonly number[]): Scatterlist => {
  const table = new SgTable(kernel);
  expect(sg_alloc_table(table, lengths.length, GFP_KERNEL)).to.equal(0);
  [...for_each_sgtable_sg(table)].forEach((sg, index) => {
    sg_set_page(sg, alloc_pages(kernel, GFP_KERNEL, 2)!, lengths[index]!, 100);
  });
  const total = lengths.reduce((sum, length) => sum + length, 0);
  sg_copy_from_buffer(table.sgl!, lengths.length, pattern(total), total);
  return table.sgl!;
};

/** Says that each run of `size` entries was mapped to one segment, at addresses that do not follow each other. */
const mapBy = (sgl: Scatterlist, size: number): number => {
  const entries = [...for_each_sg(sgl, sg_nents(sgl))];
  const starts = entries.filter((_, index) => index % size === 0);
  starts.forEach((_, index) => {
    const run = entries.slice(index * size, (index + 1) * size);
    entries[index]!.dma_address = dmaAddr(0x1000_0000 * (index + 1));
    entries[index]!.dma_length = run.reduce((sum, { length }) => sum + length, 0);
  });
  return starts.length;
};

const bytesOf = (sgl: Scatterlist): Uint8Array => {
  const bytes = new Uint8Array(100_000);
  return bytes.slice(0, sg_copy_to_buffer(sgl, sg_nents(sgl), bytes, bytes.length));
};

/** The device address of each byte of a list of mapped segments, every 97th only. */
const addressesOf = (sgl: Scatterlist, nents: number): bigint[] =>
  [...for_each_sg(sgl, nents)].flatMap(({ dma_address, dma_length }) =>
    Array.from({ length: dma_length }, (_, index) => dma_address + BigInt(index)),
  );

interface Result {
  readonly error: number;
  readonly out: Scatterlist[];
  readonly mapped: number[];
}

const split = (sgl: Scatterlist, mapped: number, skip: number, sizes: readonly number[]): Result => {
  const out: Scatterlist[] = [];
  const counts: number[] = [];
  return { error: sg_split(sgl, mapped, skip, sizes.length, sizes, out, counts, GFP_KERNEL), out, mapped: counts };
};

describe('sg_split', () => {
  it('makes lists that are the bytes of the input, cut: and joined again they are all of it', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 6000 }), { minLength: 1, maxLength: 8 });
    const shares = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(lengths, shares, fc.nat(100), fc.integer({ min: 1, max: 3 }), (entries, parts, skipShare, merge) => {
        const kernel = smallKernel();
        const sgl = makeList(kernel, entries);
        const flat = bytesOf(sgl);
        const skip = Math.floor((flat.length * skipShare) / 101);
        const whole = parts.reduce((sum, part) => sum + part, 0);
        const sizes = parts.map((part) => Math.max(1, Math.floor(((flat.length - skip) * part) / whole)));
        const rest = flat.length - skip - sizes.reduce((sum, size) => sum + size, 0);
        if (rest < 0) return;
        sizes[sizes.length - 1]! += rest;
        const nents = mapBy(sgl, merge);
        const allAddresses = addressesOf(sgl, nents);
        const before = kernel.mm.statistics().kmallocObjects;
        const { error, out, mapped } = split(sgl, nents, skip, sizes);
        expect(error).to.equal(0);
        let at = skip;
        sizes.forEach((size, index) => {
          expect(Buffer.compare(bytesOf(out[index]!), flat.slice(at, at + size)), `list ${index}`).to.equal(0);
          const addresses = addressesOf(out[index]!, mapped[index]!);
          expect(addresses.join() === allAddresses.slice(at, at + size).join(), `segments of ${index}`).to.equal(true);
          at += size;
        });
        expect(Buffer.compare(bytesOf(sgl), flat), 'the input').to.equal(0);
        for (const list of out) kfree(kernel, list.address);
        expect(kernel.mm.statistics().kmallocObjects).to.equal(before);
      }),
      { numRuns: 40 },
    );
  });

  it('goes on to the end of the input if the last list ends within an entry before it, as Linux does', () => {
    const sgl = makeList(smallKernel(), [8, 1]);
    const { error, out, mapped } = split(sgl, 0, 0, [1, 4, 2]);
    expect([error, mapped]).to.deep.equal([0, [1, 1, 2]]);
    const last = [...for_each_sg(out[2]!, 2)];
    expect(last.map(({ length }) => length)).to.deep.equal([3, 0]);
  });

  it('of a list that is not mapped gives entries without mapping, and their number', () => {
    const sgl = makeList(smallKernel(), [1000, 1000, 1000]);
    mapBy(sgl, 1);
    const { error, out, mapped } = split(sgl, 0, 500, [700, 1300]);
    expect([error, mapped]).to.deep.equal([0, [2, 2]]);
    const layout = out.map((list) => [...for_each_sg(list, sg_nents(list))].map((sg) => [sg.offset, sg.length]));
    expect(layout).to.deep.equal([
      [
        [600, 500],
        [100, 200],
      ],
      [
        [300, 800],
        [100, 500],
      ],
    ]);
    for (const list of out)
      for (const sg of for_each_sg(list, 2)) expect([sg.dma_address, sg.dma_length]).to.deep.equal([0n, 0]);
  });

  it('can cut one entry into many', () => {
    const sgl = makeList(smallKernel(), [4096]);
    const { error, out, mapped } = split(sgl, 0, 0, [1, 95, 4000]);
    expect([error, mapped]).to.deep.equal([0, [1, 1, 1]]);
    expect(out.map(({ offset, length }) => [offset, length])).to.deep.equal([
      [100, 1],
      [101, 95],
      [196, 4000],
    ]);
  });

  it('begins with an entry of no bytes if the skip ends with an entry, as Linux does', () => {
    const sgl = makeList(smallKernel(), [1000, 1000]);
    const { error, out, mapped } = split(sgl, 0, 1000, [10]);
    expect([error, mapped]).to.deep.equal([0, [2]]);
    expect([...for_each_sg(out[0]!, 2)].map(({ length }) => length)).to.deep.equal([0, 10]);
  });

  it('is -EINVAL for more bytes than there are, also for more than are mapped, and leaves nothing', () => {
    const kernel = smallKernel();
    const sgl = makeList(kernel, [1000, 1000]);
    const before = kernel.mm.statistics().kmallocObjects;
    expect(split(sgl, 0, 0, [2001]).error).to.equal(-EINVAL);
    expect(split(sgl, 0, 1, [1000, 1000]).error).to.equal(-EINVAL);
    expect(split(sgl, 0, 2001, [1]).error).to.equal(-EINVAL);
    expect(split(sgl, 0, 0, [2000]).error).to.equal(0);
    const nents = mapBy(sgl, 1);
    sgl.dma_length = 400;
    expect(split(sgl, nents, 0, [2000]).error).to.equal(-EINVAL);
    expect(kernel.mm.statistics().kmallocObjects).to.equal(before + 1);
  });

  it('is -ENOMEM at each of its allocations, and leaves nothing', () => {
    const kernel = smallKernel();
    const sgl = makeList(kernel, [1000, 1000]);
    const before = kernel.mm.statistics();
    for (const nth of [1, 2, 3]) {
      kernel.mm.failures.failNth(nth);
      expect(split(sgl, 0, 0, [500, 500]).error).to.equal(-ENOMEM);
      expect(kernel.mm.statistics().kmallocObjects).to.equal(before.kmallocObjects);
    }
    expect(split(sgl, 0, 0, [500, 500]).error).to.equal(0);
    expect(sg_split(sgl, 0, 0, -1, [], [], null, GFP_KERNEL)).to.equal(-ENOMEM);
    expect(() => sg_split(sgl, 0, 0, 0, [], [], null, GFP_KERNEL)).to.throw(/NULL pointer|paging request/);
  });
});
