import { expect } from 'chai';

import type { MatrixCase } from '../../lab/matrix/axes';
import { runScenario } from '../../lab/run-scenario';
import type { SanitizerReport } from '../../lab/sanitizer/report';
import { hostTurn, ramPool } from '../support/on-machine';
import { exhibits } from './exhibits';

/** What the sanitizer tells about the driver with the bug of an exhibit. */
const told = async (file: string, where: MatrixCase, seed = 1): Promise<readonly SanitizerReport[]> => {
  const scenario = exhibits().get(file)!;
  const place = { driver: 'buggy', ...where } as const;
  const { reports } = await runScenario(scenario, { seed, hostTurn, ramPool, case: place, sanitizer: true });
  return reports;
};

const NON_COHERENT = { translation: 'direct', coherency: 'off', mask: '64', cache: 'plain' } as const;

describe('the stories of reports', () => {
  it('say what the device was told before it wrote, not what it was told since', async () => {
    const [report, ...others] = await told('01-missing-sync-for-cpu.ts', NON_COHERENT);
    expect(others).to.deep.equal([]);
    expect(report!.places.map(({ what }) => what)).to.deep.equal([
      'mapped',
      'DMA started',
      'written by the device',
      'read by the CPU',
    ]);
  });

  it('are told once for one line, whoever called its caller', async () => {
    const reports = await told('02-missing-sync-for-device.ts', NON_COHERENT);
    expect(reports.map(({ id, count }) => ({ id, count }))).to.deep.equal([
      { id: 'DMA-SYNC-MISSING-DEVICE', count: 8 },
    ]);
  });

  it('run forwards in time', async () => {
    for (const file of exhibits().keys()) {
      const where = { ...NON_COHERENT, cache: 'adversarial' } as const;
      for (const { id, places } of await told(file, where)) {
        const times = places.map(({ time }) => time);
        expect(times, `${file}: ${id}`).to.deep.equal([...times].sort((a, b) => a - b));
      }
    }
  });

  it('say that what was refused was tried', async () => {
    const reports = await told('12-descriptors-orig-nents.ts', { ...NON_COHERENT, translation: 'strict' });
    const [outside] = reports.filter(({ id }) => id === 'DMA-OUTSIDE-MAPPING');
    expect(outside?.message).to.match(/^\S+ tried to (?:read|write) \d+ bytes at 0x/);
  });
});
