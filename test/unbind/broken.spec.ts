import { expect } from 'chai';
import { IOMMU_DOMAIN_BLOCKED } from '../../kernel-api/iommu/iommu-domain';
import { ignoreContextInvalidation, ignoreIotlbInvalidation, type Breakage } from '../scenarios/breakages';
import { DIRECT, STRICT, type BackEnd } from './lib/back-ends';
import { violations } from './lib/demands';
import { KINDS } from './lib/memory-kinds';
import { Point, type Course } from './lib/point';

/** Each part of revocation is taken away in turn: the sweep's demands are not met any more. */
const caught = async (backEnd: BackEnd, breakage: Required<Course>['breakage']): Promise<string[]> => {
  const share = KINDS['streaming maps']!;
  const course: Course = { backEnd, revocation: 'strict', careful: false, share, situation: 'by a task', breakage };
  const intact: Course = { ...course, breakage: () => undefined };
  expect(violations(intact, await Point.run(intact, 9))).to.deep.equal([]);
  return violations(course, await Point.run(course, 9));
};

describe('revocation that is broken on purpose is caught', () => {
  it('the gate lets everything through', async () => {
    const found = await caught(DIRECT, (_kernel, machine) => void (machine.hardware.gate.admits = () => true));
    expect(found).to.include('the device reached memory').and.to.include('RAM or cache changed');
  });

  it('the gate is never closed', async () => {
    const found = await caught(DIRECT, ({ drivers }) => {
      for (const hook of drivers.revocation) delete hook.afterRemove;
    });
    expect(found).to.include('the device reached memory').and.to.include('RAM or cache changed');
  });

  it('the blocking domain is not attached', async () => {
    const found = await caught(STRICT, ({ drivers }) => {
      const { group } = drivers.devices.find((dev) => dev.iommu !== null)!.iommu!;
      const setDomain = group!.setDomain.bind(group);
      group!.setDomain = (domain) => (domain.type === IOMMU_DOMAIN_BLOCKED ? 0 : setDomain(domain));
    });
    expect(found).to.include('an attempt came past the IOMMU');
  });

  it('the IOMMU forgets nothing when a device is blocked', async () => {
    const found = await caught(STRICT, (kernel, machine) => {
      const lab = { kernel, machine } as unknown as Parameters<Breakage>[0];
      ignoreIotlbInvalidation(lab);
      ignoreContextInvalidation(lab);
    });
    expect(found).to.include('an attempt came past the IOMMU');
  });
});
