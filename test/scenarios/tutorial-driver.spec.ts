import { expect } from 'chai';
import { runScenario } from '../../lab/run-scenario';
import { scenario } from '../../lab/scenario';
import type { ScenarioContext } from '../../lab/scenario-context';
import { msleep, kmalloc, GFP_KERNEL, platform_driver_unregister } from '../../kernel-api';
import { patternBytes } from '../../lab/pattern';
import { BOARD } from '../../scenarios/tutorial/2-machine';
import { cardDriver, ENTRIES, loadDriver, xmit } from '../../scenarios/tutorial/3-driver';
import { hostTurn, ramPool } from '../support/on-machine';

/** Runs on the tutorial's board where devices do not snoop, watched by the sanitizer; nothing may be said. */
const onBoard = async (run: (lab: ScenarioContext) => Promise<void>): Promise<void> => {
  const made = scenario({ name: 'driver', machine: BOARD, run });
  for (const seed of [1, 2, 3, 4]) {
    const at = { coherency: 'off', cache: 'adversarial', translation: seed % 2 === 0 ? 'strict' : 'direct' } as const;
    const { failure, reports, faults } = await runScenario(made, {
      seed,
      hostTurn,
      ramPool,
      case: at,
      sanitizer: true,
    });
    expect(failure?.message).to.equal(undefined);
    expect({ faults, reports: reports.map(({ id, message }) => `${id}: ${message}`) }).to.deep.equal({
      faults: 0,
      reports: [],
    });
  }
};

const send = (lab: ScenarioContext, length: number, seed: number, card: Parameters<typeof xmit>[0]): number => {
  const packet = lab.ok(kmalloc(lab.kernel, length, GFP_KERNEL) || null, 'kmalloc');
  lab.kernel.mm.write(packet, patternBytes(seed, 0, length));
  return xmit(card, packet, length);
};

describe('the driver of the tutorial', () => {
  it('goes while packets are under way, and leaves nothing to the card', () =>
    onBoard(async (lab) => {
      const { kernel, rng } = lab;
      const before = kernel.mm.statistics().kmallocObjects;
      const driver = cardDriver();
      const card = await loadDriver(lab, driver);
      const count = rng.between(1, ENTRIES);
      for (let i = 0; i < count; i++) lab.ok(send(lab, 2048, i, card), 'xmit');
      if (rng.oneIn(2)) await msleep(kernel, 0);
      await platform_driver_unregister(kernel, driver);
      await msleep(kernel, 5);
      lab.equal(kernel.mm.statistics().kmallocObjects, before, 'objects of kmalloc');
    }));
});
