import type { Course, Outcome } from './point';

/** Whether nothing stops the device: its driver does not, or cannot, and the kernel leaves it to the driver. */
export const isLeftAlone = ({ revocation, careful, situation }: Course): boolean =>
  revocation === 'linux' && (!careful || situation === 'pulled out halfway');

/** What must hold after an unbind, and does not. */
export const violations = (course: Course, outcome: Outcome): string[] => {
  const { backEnd, revocation, careful, situation } = course;
  const { reads, writes, attacks, changed, refused, records, drops, refusedAfter, leaked, warnings } = outcome;
  const found: string[] = [];
  const demand = (fine: boolean, what: string): void => {
    if (!fine) found.push(what);
  };
  const isLinuxLazy = revocation === 'linux' && backEnd.lazy;
  if (!isLeftAlone(course)) {
    // What a correct driver unmapped may be in the IOTLB until the queue is flushed: only a device that did not stop finds it.
    demand(isLinuxLazy ? reads + writes === attacks : reads + writes + attacks === 0, 'the device reached memory');
    demand(changed === 0 || (isLinuxLazy && attacks > 0), 'RAM changed');
  }
  demand(records + drops === refused, 'an attempt was neither recorded nor counted');
  // Between two drivers, and in a group that others still use, only the gate is in the way.
  const isGateAlone = situation === 'sharing its group' || situation === 'rebound at once';
  if (backEnd.translated && !isGateAlone) demand(drops === 0, 'an attempt came past the IOMMU');
  if (!backEnd.translated) demand(records === 0, 'a fault record without an IOMMU');
  if (revocation === 'strict') demand(refusedAfter > 0, 'the device tried nothing');
  demand(leaked === '', 'something leaked');
  demand(warnings === 0, 'the kernel warned');
  const hasCompanion = situation === 'sharing its group' || situation === 'rebound at once';
  if (hasCompanion) demand(outcome.companion > 0, 'the other driver could not work');
  if (careful || revocation === 'strict') demand(outcome.window === 0, 'the old driver left the device at work');
  return found;
};
