import { expect } from 'chai';
import fc from 'fast-check';

import { dmaAddr } from '../../../../base/address';
import {
  dma_async_issue_pending,
  dmaengine_desc_clear_reuse,
  dmaengine_desc_free,
  dmaengine_desc_set_reuse,
  dmaengine_prep_dma_memcpy,
  dmaengine_submit,
} from '../../../../kernel-api/dmaengine/client';
import { dma_release_channel } from '../../../../kernel-api/dmaengine/dmaengine';
import { DMA_CTRL_REUSE, DMA_TRANS_NOERROR } from '../../../../kernel-api/dmaengine/types';
import { patternBytes } from '../../../../lab/pattern';
import {
  FLAGS,
  copy,
  copyChannel,
  dmaMemory,
  finished,
  submit,
  submitCopy,
  type DmaMemory,
} from '../../../support/dma-channel';
import { onMachine } from '../../../support/on-machine';

const PAGE = 4096;

/** What the target must hold after a copy: the old bytes, but for those that were copied. */
const expected = (size: number, copies: readonly { to: number; from: number; length: number }[]): Uint8Array => {
  const bytes = patternBytes(2, 0, size);
  const source = patternBytes(1, 0, size);
  for (const { to, from, length } of copies) bytes.set(source.subarray(from, from + length), to);
  return bytes;
};

const same = (memory: DmaMemory, bytes: Uint8Array, what: string): void => {
  expect(Buffer.compare(memory.bytes(), bytes), what).to.equal(0);
};

describe('dw-axi-dmac: copies', () => {
  it('copies every length from 1 to 80 at every alignment of source and destination, and not a byte more', () =>
    onMachine({ dmac: { blockSize: 16 } }, async (kernel) => {
      const chan = copyChannel(kernel);
      const [source, target] = [dmaMemory(chan, PAGE), dmaMemory(chan, PAGE)];
      source.fill(1);
      for (let length = 1; length <= 80; length++) {
        const from = length % 8;
        const to = 64 + ((length >>> 3) % 8);
        target.fill(2);
        await copy(chan, target.dma + BigInt(to), source.dma + BigInt(from), length);
        same(target, expected(PAGE, [{ to, from, length }]), `${length} bytes from ${from} to ${to}`);
      }
    }));

  for (const [what, machine] of [
    ['behind an IOMMU', {}],
    ['without an IOMMU', { iommu: false }],
    ['with a narrow bus and tiny blocks', { dmac: { dataWidth: 1, blockSize: 5 } }],
    ['with a wide bus', { dmac: { dataWidth: 6 } }],
  ] as const) {
    it(`copies any length between any two offsets ${what}`, () =>
      onMachine(machine, async (kernel) => {
        const chan = copyChannel(kernel);
        const size = 3 * PAGE;
        const [source, target] = [dmaMemory(chan, size), dmaMemory(chan, size)];
        source.fill(1);
        const offset = fc.oneof(fc.integer({ min: 0, max: 64 }), fc.constantFrom(PAGE - 1, PAGE, PAGE + 1, size - 1));
        const length = fc.oneof(
          fc.constantFrom(1, 7, 8, 64, PAGE - 1, PAGE, PAGE + 1),
          fc.integer({ min: 1, max: size }),
        );
        for (const [from, to, wanted] of fc.sample(fc.tuple(offset, offset, length), { numRuns: 60, seed: 7 })) {
          const bytes = Math.min(wanted, size - Math.max(from, to));
          target.fill(2);
          await copy(chan, target.dma + BigInt(to), source.dma + BigInt(from), bytes);
          same(target, expected(size, [{ to, from, length: bytes }]), `${bytes} bytes from ${from} to ${to}`);
        }
      }));
  }

  it('splits at the block size, and counts a block of exactly that size as one', () =>
    onMachine({ dmac: { blockSize: 16 } }, async (kernel) => {
      const chan = copyChannel(kernel);
      const [source, target] = [dmaMemory(chan, PAGE), dmaMemory(chan, PAGE)];
      source.fill(1);
      for (const [length, items] of [
        [8, 1],
        [128, 1],
        [136, 2],
        [256, 2],
        [264, 3],
        // An odd length makes all of it byte accesses, as in Linux.
        [129, 9],
      ] as const) {
        const desc = submitCopy(chan, target.dma, source.dma, length);
        expect((desc.desc as unknown as { items: unknown[] }).items, `${length} bytes`).to.have.length(items);
        dma_async_issue_pending(chan);
        expect(await finished(desc)).to.equal(true);
      }
    }));

  it('refuses lengths that make no sense, and lists that would be endless', () =>
    onMachine({ iommu: false, dmac: { blockSize: 1 } }, (kernel) => {
      const before = kernel.mm.statistics();
      const chan = copyChannel(kernel);
      for (const length of [0, -1, 1.5, NaN, Infinity, 2 ** 53, 2 ** 52]) {
        expect(dmaengine_prep_dma_memcpy(chan, dmaAddr(0), dmaAddr(0), length, FLAGS), String(length)).to.equal(null);
      }
      dma_release_channel(chan);
      expect(kernel.mm.statistics()).to.deep.equal(before);
    }));

  it('runs what is queued in order, also what is issued while it runs', () =>
    onMachine({}, async (kernel) => {
      const chan = copyChannel(kernel);
      const memory = dmaMemory(chan, 4 * PAGE);
      memory.fill(1);
      const at = (page: number): bigint => memory.dma + BigInt(page * PAGE);
      const order: number[] = [];
      const first = submitCopy(chan, at(1), at(0), PAGE);
      const second = submitCopy(chan, at(2), at(1), PAGE);
      dma_async_issue_pending(chan);
      const third = submitCopy(chan, at(3), at(2), PAGE);
      dma_async_issue_pending(chan);
      dma_async_issue_pending(chan);
      for (const [index, { desc }] of [first, second, third].entries()) {
        const { callback_result } = desc;
        desc.callback_result = (param, result) => {
          order.push(index);
          callback_result!(param, result);
        };
      }
      expect(await finished(third)).to.equal(true);
      expect(order).to.deep.equal([0, 1, 2]);
      for (const page of [1, 2, 3]) {
        expect(Buffer.compare(memory.bytes(page * PAGE, PAGE), patternBytes(1, 0, PAGE)), `page ${page}`).to.equal(0);
      }
    }));

  it('runs nothing before it is issued', () =>
    onMachine({}, async (kernel) => {
      const chan = copyChannel(kernel);
      const [source, target] = [dmaMemory(chan, PAGE), dmaMemory(chan, PAGE)];
      source.fill(1);
      target.fill(2);
      const submitted = submitCopy(chan, target.dma, source.dma, PAGE);
      expect(await finished(submitted)).to.equal(false);
      same(target, expected(PAGE, []), 'the target');
      dma_async_issue_pending(chan);
      expect(await finished(submitted)).to.equal(true);
    }));

  it('calls `callback` if there is no `callback_result`, with its parameter', () =>
    onMachine({}, async (kernel) => {
      const chan = copyChannel(kernel);
      const memory = dmaMemory(chan, PAGE);
      const desc = dmaengine_prep_dma_memcpy(chan, memory.dma, dmaAddr(memory.dma + 64n), 64, FLAGS)!;
      const seen: unknown[] = [];
      desc.callback = (param) => seen.push(param);
      desc.callback_param = 'mine';
      dmaengine_submit(desc);
      const other = submitCopy(chan, memory.dma, memory.dma + 64n, 64);
      dma_async_issue_pending(chan);
      await finished(other);
      expect(seen).to.deep.equal(['mine']);
    }));

  it('submits from a callback', () =>
    onMachine({}, async (kernel) => {
      const chan = copyChannel(kernel);
      const [source, target] = [dmaMemory(chan, PAGE), dmaMemory(chan, PAGE)];
      source.fill(1);
      const first = submitCopy(chan, target.dma, source.dma, 8);
      let second: ReturnType<typeof submitCopy> | undefined;
      first.desc.callback_result = () => {
        second = submitCopy(chan, target.dma + 8n, source.dma + 8n, 8);
        dma_async_issue_pending(chan);
      };
      dma_async_issue_pending(chan);
      expect(await finished(first)).to.equal(false);
      expect(second!.results).to.deep.equal([{ result: DMA_TRANS_NOERROR, residue: 0 }]);
      expect(Buffer.compare(target.bytes(0, 16), patternBytes(1, 0, 16))).to.equal(0);
    }));

  describe('a reusable transaction', () => {
    it('may be submitted again and again, until it is freed', () =>
      onMachine({ dmac: { blockSize: 16 } }, async (kernel) => {
        const chan = copyChannel(kernel);
        const [source, target] = [dmaMemory(chan, PAGE), dmaMemory(chan, PAGE)];
        const desc = dmaengine_prep_dma_memcpy(chan, target.dma, source.dma, PAGE, FLAGS | DMA_CTRL_REUSE)!;
        for (let round = 1; round <= 3; round++) {
          source.fill(round);
          target.fill(100 + round);
          const submitted = submit(desc);
          dma_async_issue_pending(chan);
          expect(await finished(submitted)).to.equal(true);
          expect(submitted.results).to.deep.equal([{ result: DMA_TRANS_NOERROR, residue: 0 }]);
          expect(Buffer.compare(target.bytes(), patternBytes(round, 0, PAGE)), `round ${round}`).to.equal(0);
        }
        expect(dmaengine_desc_free(desc)).to.equal(0);
        const { warnings } = kernel;
        expect(dmaengine_submit(desc)).to.equal(-22);
        expect(dmaengine_desc_free(desc)).to.equal(-22);
        expect(kernel.warnings - warnings).to.equal(2);
        dma_release_channel(chan);
      }));

    it('is freed at its next completion once it is no longer reusable', () =>
      onMachine({}, async (kernel) => {
        const chan = copyChannel(kernel);
        const memory = dmaMemory(chan, PAGE);
        const desc = dmaengine_prep_dma_memcpy(chan, memory.dma, memory.dma, 64, FLAGS)!;
        expect(dmaengine_desc_free(desc)).to.equal(-1);
        expect(dmaengine_desc_set_reuse(desc)).to.equal(0);
        for (const reuse of [true, false]) {
          if (!reuse) dmaengine_desc_clear_reuse(desc);
          const submitted = submit(desc);
          dma_async_issue_pending(chan);
          await finished(submitted);
        }
        expect(dmaengine_submit(desc)).to.equal(-22);
      }));

    it('cannot be submitted while it is queued', () =>
      onMachine({}, async (kernel) => {
        const chan = copyChannel(kernel);
        const [source, target] = [dmaMemory(chan, PAGE), dmaMemory(chan, PAGE)];
        source.fill(1);
        const desc = dmaengine_prep_dma_memcpy(chan, target.dma, source.dma, PAGE, FLAGS | DMA_CTRL_REUSE)!;
        const submitted = submit(desc);
        expect(dmaengine_submit(desc)).to.equal(-22);
        dma_async_issue_pending(chan);
        expect(dmaengine_submit(desc)).to.equal(-22);
        expect(await finished(submitted)).to.equal(true);
        expect(submitted.results).to.have.length(1);
        expect(Buffer.compare(target.bytes(), patternBytes(1, 0, PAGE))).to.equal(0);
      }));
  });
});
