import { expect } from 'chai';

import { physAddr } from '../../base/address';
import { BUS_NO_ADDRESS, BUS_OK } from '../../base/bus-outcome';
import { LabError } from '../../base/errors';
import type { Ram } from '../../emulator/memory/ram';
import { RamPool } from '../../lab/ram-pool';
import { runScenario } from '../../lab/run-scenario';
import { scenario } from '../../lab/scenario';
import type { ScenarioContext } from '../../lab/scenario-context';
import { SMALL_MEMORY, hostTurn } from '../support/on-machine';
import { shippedScenarios } from '../scenarios/shipped';

const BANKS = SMALL_MEMORY.map(({ base, size }) => ({ base: physAddr(base), size }));
const PAGES = BANKS.reduce((sum, { size }) => sum + size, 0) / 4096;

/** Pages of RAM that are not zero, whatever their flags say. */
const dirtyPages = (ram: Ram): number => {
  const page = new Uint8Array(4096);
  let dirty = 0;
  for (const { base, size } of BANKS) {
    for (let at = 0; at < size; at += 4096) {
      expect(ram.peek(base + at, page, 0, 4096)).to.equal(BUS_OK);
      if (page.some((byte) => byte !== 0)) dirty++;
    }
  }
  return dirty;
};

describe('pool of RAM', () => {
  it('hands memory on, zeroed and unmarked, however it was written', () => {
    const pool = new RamPool();
    const first = pool.take(BANKS);
    const base = BANKS[0]!.base;
    const bytes = Uint8Array.from({ length: 9000 }, (_, index) => index + 1);
    first.write(base + 100, bytes, 0, 9000);
    first.store32(base + 0x5000, 1);
    first.store64(base + 0x6004, 1, 2);
    first.fill(base + 0x8000, 7, 4097);
    first.copy(base + 100, base + 0x2_0ff0, 64);
    first.copyPiece(base / 4096, 100, base / 4096 + 50, 8, 100);
    first.writeWords(base / 4096 + 60, 16, Int32Array.of(5, 6), 0, 2);
    first.writePiece(base / 4096 + 70, 1, bytes, 0, 9);
    first.copyRun(Float64Array.of(base + 100), Float64Array.of(base + 0x7_0000), Float64Array.of(500), 0, 1);
    first.mark(base + 0x9_0000, 4096, 'poisoned');
    expect(dirtyPages(first)).to.equal(13);

    pool.giveBack(first);
    const second = pool.take(BANKS);
    expect(dirtyPages(second)).to.equal(0);
    expect(second.touchedPages).to.equal(0);
    expect(second.isPlain(base, BANKS[0]!.size)).to.equal(true);
  });

  it('leaves nothing to who still holds what was given back', () => {
    const pool = new RamPool();
    const old = pool.take(BANKS);
    const base = BANKS[0]!.base;
    pool.giveBack(old);
    const next = pool.take(BANKS);
    next.store32(base, 0x1234);
    const bytes = new Uint8Array(16).fill(9);
    const words = Int32Array.of(1, 2, 3, 4);
    expect(old.contains(base)).to.equal(false);
    expect(old.load32(base)).to.equal(BUS_NO_ADDRESS);
    expect(old.store32(base, 1)).to.equal(BUS_NO_ADDRESS);
    expect(old.store64(base, 1, 1)).to.equal(BUS_NO_ADDRESS);
    expect(old.write(base, bytes, 0, 16)).to.equal(BUS_NO_ADDRESS);
    expect(old.peek(base, bytes, 0, 16)).to.equal(BUS_NO_ADDRESS);
    expect(old.fill(base, 1, 16)).to.equal(BUS_NO_ADDRESS);
    expect(old.writeWords(base / 4096, 0, words, 0, 4)).to.equal(false);
    expect(old.readWords(base / 4096, 0, words, 0, 4)).to.equal(false);
    expect(old.writePiece(base / 4096, 0, bytes, 0, 16)).to.equal(false);
    expect(old.readPiece(base / 4096, 0, bytes, 0, 16)).to.equal(false);
    expect(old.copyPiece(base / 4096, 0, base / 4096 + 1, 0, 16)).to.equal(false);
    expect(old.descend(base / 4096, 3, 0, 0, 0, 0)).to.equal(-1);
    expect(old.touchedPages).to.equal(0);
    expect(() => old.mark(base, 16, 'poisoned')).to.throw(LabError);
    pool.giveBack(old);
    old.clear();
    expect(next.load32(base)).to.equal(0x1234);
    expect(next.touchedPages).to.equal(1);
    expect(pool.take(BANKS).load32(base), 'taken twice').to.equal(0);
    expect(next.load32(base)).to.equal(0x1234);
  });

  it('gives memory of the size that is asked for, laid out as it is asked for', () => {
    const pool = new RamPool();
    const first = pool.take(BANKS);
    first.store32(BANKS[1]!.base, 5);
    pool.giveBack(first);
    const larger = pool.take([{ base: physAddr(0x8000_0000), size: (PAGES + 1) * 4096 }]);
    expect(larger.contains(0x8000_0000, (PAGES + 1) * 4096)).to.equal(true);
    const moved = pool.take([{ base: physAddr(0x4000_0000), size: PAGES * 4096 }]);
    expect(moved.contains(0x8000_0000)).to.equal(false);
    expect(moved.store32(0x4000_0000 + PAGES * 4096 - 4, 1)).to.equal(BUS_OK);
    expect(() => pool.take([BANKS[0]!, BANKS[0]!])).to.throw(LabError);
  });

  it('makes no difference to a scenario, and no scenario finds anything of the last one', async () => {
    const ramPool = new RamPool();
    for (const name of ['dmatest', 'unbind-careless', 'slave-transfers']) {
      const small = { ...shippedScenarios().get(name)! };
      const machine = { ...small.machine, memory: SMALL_MEMORY };
      const shipped = { ...small, machine };
      const alone = await runScenario(shipped, { seed: 1, hostTurn });
      for (let round = 0; round < 2; round++) {
        expect(await runScenario(shipped, { seed: 1, hostTurn, ramPool })).to.deep.equal(alone);
        const left = ramPool.take(BANKS);
        expect(dirtyPages(left), name).to.equal(0);
        ramPool.giveBack(left);
      }
    }
  });

  it('takes the memory of a machine that failed, too; what goes on behind its back reaches nothing', async () => {
    const ramPool = new RamPool();
    let old: ScenarioContext | undefined;
    const failing = scenario({
      name: 'failing',
      machine: { memory: SMALL_MEMORY },
      run: (lab) => {
        old = lab;
        lab.machine.hardware.ram.mark(0x8040_0000, 64, 'poisoned');
        lab.fail('on purpose');
      },
    });
    const { failure } = await runScenario(failing, { seed: 1, hostTurn, ramPool });
    expect(failure?.message).to.equal('on purpose');
    const next = ramPool.take(BANKS);
    expect(dirtyPages(next)).to.equal(0);
    expect(next.isPlain(0x8040_0000, 64)).to.equal(true);
    expect(old!.machine.hardware.ram).not.to.equal(next);
    expect(old!.machine.hardware.bus.write(0x8040_0000, Uint8Array.of(1), 0, 1)).to.equal(BUS_NO_ADDRESS);
    old!.machine.release();
    expect(dirtyPages(next)).to.equal(0);
  });
});
