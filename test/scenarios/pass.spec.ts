import { expect } from 'chai';

import { runScenario } from '../../lab/run-scenario';
import type { Scenario } from '../../lab/scenario';
import type { ScenarioResult } from '../../lab/scenario-result';
import { hostTurn, ramPool } from '../support/on-machine';
import { shippedScenarios } from './shipped';

const run = (scenario: Scenario, seed: number): Promise<ScenarioResult> =>
  runScenario(scenario, { seed, hostTurn, ramPool });

describe('shipped scenarios', () => {
  const scenarios = shippedScenarios();

  it('are those of the documentation', () => {
    expect([...scenarios.keys()]).to.deep.equal([
      'axi-dma-loop',
      'cyclic-receive',
      'dmatest',
      'linked-list-items',
      'nvme-queues',
      'own-device',
      'sg-copy-direct',
      'sg-copy-iommu',
      'slave-transfers',
      'unbind-careful',
      'unbind-careless',
      'unbind-controller',
      'unbind-strict',
      'unmapped-access',
      'user-buffer-lengths',
      'user-buffer-unpinned',
      'user-buffer',
      'virtio-packed',
      'virtio-split',
    ]);
  });

  for (const [name, scenario] of scenarios) {
    it(`${name} passes, and the same seed gives the same trace`, async () => {
      const first = await run(scenario, 1);
      expect(first.failure).to.equal(null);
      expect(first.status).to.equal('passed');
      expect(first.events).to.be.greaterThan(40);
      expect(first.bytesRead + first.bytesWritten).to.be.greaterThan(1000);
      expect(await run(scenario, 1)).to.deep.equal(first);
    });

    it(`${name} passes whatever the order of simultaneous events`, async () => {
      for (const seed of [1, 2]) {
        const shuffled: Scenario = { ...scenario, machine: { ...scenario.machine, eventOrder: 'seeded' } };
        expect((await run(shuffled, seed)).failure, `seed ${seed}`).to.equal(null);
      }
    });
  }

  it('dmatest does something else with another seed', async () => {
    const dmatest = scenarios.get('dmatest')!;
    const [first, second] = [await run(dmatest, 1), await run(dmatest, 2)];
    expect(second.traceHash).not.to.equal(first.traceHash);
    expect(second.failure).to.equal(null);
  });
});
