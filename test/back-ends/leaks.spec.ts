import { expect } from 'chai';
import { Prng } from '../../base/prng';
import { GFP_ATOMIC, GFP_KERNEL } from '../../kernel-api/gfp';
import { dma_pool_alloc, dma_pool_create, dma_pool_destroy, dma_pool_free } from '../../kernel-api/dma/dmapool';
import * as api from '../../kernel-api/dma/mapping';
import { out } from '../../kernel-api/err';
import { dmaAddr } from '../../base/address';
import type { Master } from './lib/bus-master';
import { DIRECTIONS, getLendable, LOAN_KINDS, type LoanPlan } from './lib/loan';
import { BACK_ENDS, onBackEnd, THOROUGH, type Bench } from './lib/machines';
import { runDriver } from './lib/random-driver';
import { settle, usage } from './lib/usage';

/**
 * Whatever two devices map, sync, unmap, allocate and free, and whichever allocations fail meanwhile: in the end nothing of it is
 * left in any allocator, and data is right as before.
 */

const ROUNDS = THOROUGH ? 60 : 2;
const STEPS = 40;
/** The furthest allocation that is made to fail. */
const FAR = 7;

type Undo = () => void;

const PAGES = [1, 63, 64, 300, 4095, 4096, 4097, 9000, 20_000];

/** Lends memory, or does not get that far. */
const lend = ({ dev }: Master, rng: Prng): Undo | null => {
  const kind = rng.pick(LOAN_KINDS);
  const count = kind === 'sg' || kind === 'sgtable' ? rng.between(1, 4) : 1;
  const pieces = Array.from({ length: count }, () => ({ offset: rng.below(4096), length: rng.pick(PAGES) }));
  const plan: LoanPlan = { kind, pieces, low: rng.oneIn(2), skipSync: rng.oneIn(3) };
  const dir = rng.pick(DIRECTIONS);
  const memory = getLendable(dev, plan, dir);
  if (memory === null) return null;
  if (!memory.map(dir)) {
    memory.free();
    return null;
  }
  if (rng.oneIn(2)) memory.syncForCpu(0, memory.length, dir);
  if (rng.oneIn(2)) memory.syncForDevice(0, memory.length, dir);
  return () => {
    memory.unmap(dir);
    memory.free();
  };
};

const ATTRS = [0, 0, api.DMA_ATTR_NO_KERNEL_MAPPING, api.DMA_ATTR_FORCE_CONTIGUOUS, api.DMA_ATTR_ALLOC_SINGLE_PAGES];

const allocate = ({ dev }: Master, rng: Prng): Undo | null => {
  const handle = out(dmaAddr(0));
  const size = rng.pick(PAGES);
  const attrs = rng.pick(ATTRS) | api.DMA_ATTR_NO_WARN;
  const cpu = api.dma_alloc_attrs(dev, size, handle, rng.oneIn(3) ? GFP_ATOMIC : GFP_KERNEL, attrs);
  const address = handle.value;
  return cpu === 0 ? null : () => api.dma_free_attrs(dev, size, cpu, address, attrs);
};

const takeBlocks = ({ dev }: Master, rng: Prng): Undo | null => {
  const pool = dma_pool_create('blocks', dev, rng.between(1, 5000), 0, 0);
  if (pool === null) return null;
  const handle = out(dmaAddr(0));
  const undos: Undo[] = [];
  for (let n = rng.below(4); n >= 0; n--) {
    const cpu = dma_pool_alloc(pool, GFP_KERNEL, handle);
    const address = handle.value;
    if (cpu !== 0) undos.push(() => dma_pool_free(pool, cpu, address));
  }
  return () => {
    for (const undo of undos) undo();
    dma_pool_destroy(pool);
  };
};

/** A sequence of calls; everything is undone in the end. @returns how many calls did something */
const runSequence = ({ kernel, masters }: Bench, rng: Prng, failing: boolean): number => {
  const undos: Undo[] = [];
  let done = 0;
  for (let step = 0; step < STEPS; step++) {
    if (undos.length > 0 && rng.oneIn(3)) undos.splice(rng.below(undos.length), 1)[0]!();
    const nth = rng.below(FAR + 1);
    if (failing) kernel.mm.failures.failNth(nth);
    const undo = rng.pick([lend, lend, allocate, takeBlocks])(rng.pick(masters), rng);
    kernel.mm.failures.clear();
    if (undo === null) continue;
    done++;
    undos.push(undo);
  }
  for (const undo of undos) undo();
  return done;
};

/** What is lent shows in the stock that is taken. */
const expectSeen = (bench: Bench): void => {
  const { backEnd, masters } = bench;
  const plan: LoanPlan = {
    kind: 'page',
    pieces: [{ offset: 0, length: 9000 }],
    low: true,
    skipSync: false,
  };
  const before = usage(bench);
  const memory = getLendable(masters[0]!.dev, plan, DIRECTIONS[0])!;
  expect(memory.map(DIRECTIONS[0])).to.equal(true);
  const lent = usage(bench);
  expect(lent.pages).to.equal(before.pages + 4);
  expect(lent.translated - before.translated).to.equal(backEnd.translated ? 3 : 0);
  expect(lent.slots > before.slots).to.equal(backEnd.bounced || backEnd.translation === 'untrusted');
  memory.unmap(DIRECTIONS[0]);
  memory.free();
};

const leavesNothing = async (bench: Bench, seed: number): Promise<void> => {
  const { kernel } = bench;
  // The first sequences make the tables and pools that stay.
  for (let n = 0; n < 4; n++) runSequence(bench, new Prng(n), false);
  await settle(bench);
  expectSeen(bench);
  await settle(bench);
  const before = usage(bench);
  expect([before.slots, before.translated, before.waiting]).to.deep.equal([0, 0, 0]);
  let done = 0;
  for (let round = 0; round < ROUNDS; round++) {
    done += runSequence(bench, new Prng(seed + round), true);
    await settle(bench);
    expect(usage(bench)).to.deep.equal(before);
  }
  expect(done).to.be.greaterThan(5 * ROUNDS);
  expect(kernel.mm.failures.injected).to.be.greaterThan(0);
  const { wrong } = runDriver(bench, { seed, steps: 60 });
  expect(wrong).to.deep.equal([]);
  expect(kernel.warnings).to.equal(0);
  await settle(bench);
  expect(usage(bench)).to.deep.equal(before);
};

/** Maps where no page tables are yet, and where there is no memory for them either. */
const failsForTables = async (bench: Bench): Promise<void> => {
  const { kernel, masters } = bench;
  const { dev } = masters[0]!;
  const plan = { pieces: [{ offset: 0, length: 4096 }], low: true, skipSync: false };
  for (const kind of ['page', 'phys', 'single', 'sg', 'sgtable'] as const) {
    const memory = getLendable(dev, { ...plan, kind }, DIRECTIONS[0])!;
    const before = usage(bench);
    for (let bits = 26; bits <= 31; bits++) {
      dev.dma.dma_mask = 2n ** BigInt(bits) - 1n;
      kernel.mm.failures.failWhen(() => true);
      const mapped = memory.map(DIRECTIONS[0]);
      kernel.mm.failures.clear();
      expect(mapped, kind).to.equal(false);
      dev.dma.dma_mask = 2n ** 32n - 1n;
      await settle(bench);
      expect(usage(bench), `${kind}, ${bits} bits`).to.deep.equal(before);
    }
    memory.free();
  }
};

/** One bus and cache of each kind in a quick run, all of them in a thorough one. */
const chosen = (index: number): boolean => THOROUGH || index % 8 === (Math.floor(index / 8) * 3) % 8;

describe('back ends: no sequence of calls leaves anything behind, whatever fails', () => {
  for (const [index, backEnd] of BACK_ENDS.entries()) {
    if (!chosen(index)) continue;
    it(backEnd.name, () => onBackEnd(backEnd, (bench) => leavesNothing(bench, 1000 * index), index + 1));
  }

  for (const backEnd of BACK_ENDS.filter(({ translated, bits }) => translated && (THOROUGH || bits === 32))) {
    it(`without memory for page tables: ${backEnd.name}`, () => onBackEnd(backEnd, failsForTables));
  }
});
