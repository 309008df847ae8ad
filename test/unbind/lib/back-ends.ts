import type { MachineOptions } from '../../../lab/machine-options';
import { SMALL_MEMORY } from '../../support/on-machine';
import { Engine } from './engine';
import { compatibleOf } from './engine-driver';

/** What stands between devices and memory. */
export interface BackEnd {
  readonly name: string;
  readonly translated: boolean;
  /** Unmapping does not invalidate at once. */
  readonly lazy: boolean;
  readonly options: MachineOptions;
}

export const DIRECT: BackEnd = { name: 'direct', translated: false, lazy: false, options: { iommu: false } };
export const STRICT: BackEnd = {
  name: 'IOMMU, strict',
  translated: true,
  lazy: false,
  options: { bootargs: 'iommu.strict=1' },
};
export const LAZY: BackEnd = {
  name: 'IOMMU, lazy',
  translated: true,
  lazy: true,
  options: { bootargs: 'iommu.strict=0' },
};
export const BOUNCED: BackEnd = {
  name: 'swiotlb',
  translated: false,
  lazy: false,
  options: { iommu: false, bootargs: 'swiotlb=512,force' },
};

export const BACK_ENDS: readonly BackEnd[] = [DIRECT, STRICT, LAZY, BOUNCED];

/** The same before devices that do not snoop, and behind a CPU with a cache. Without `mischief` that cache behaves. */
export const withCache = (backEnd: BackEnd, mischief: boolean): BackEnd => ({
  ...backEnd,
  name: `${backEnd.name}, ${mischief ? 'adversarial cache' : 'cache'}`,
  options: { ...backEnd.options, coherent: false, cache: mischief ? { adversarial: { interval: 2 } } : {} },
});

/** All of them with both kinds of cache. */
export const CACHED_BACK_ENDS: readonly BackEnd[] = [false, true].flatMap((mischief) =>
  BACK_ENDS.map((backEnd) => withCache(backEnd, mischief)),
);

/** A machine with engines and nothing else. */
export const machineWith = (
  backEnd: BackEnd,
  revocation: 'linux' | 'strict',
  labels: readonly string[],
): MachineOptions => ({
  memory: SMALL_MEMORY,
  dmac: false,
  fifo: false,
  revocation,
  nodes: labels.map((label) => ({
    label,
    compatible: [compatibleOf(label)],
    device: () => new Engine(),
    ...(labels.length > 1 ? { bus: { iommuGroup: 5 } } : {}),
  })),
  ...backEnd.options,
});
