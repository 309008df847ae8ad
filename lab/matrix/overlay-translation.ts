import type { BusAttachment, MachineOptions, ReservedMemoryOption } from '../machine-options';
import type { AxisValue } from './axes';
import { changeBootWords, withoutItems } from './boot-words';
import { changeBusMasters, without } from './bus-masters';

type Translation = AxisValue<'translation'>;

/** What a kind of translation needs; all else of it is taken away. */
interface Recipe {
  /** The machine has an IOMMU, and all bus masters are behind it. */
  readonly iommu?: true;
  /** Added to the boot arguments. */
  readonly words?: readonly string[];
  readonly force?: true;
  readonly untrusted?: true;
  readonly restricted?: true;
  readonly confidential?: true;
}

const RECIPES: Readonly<Record<Translation, Recipe>> = {
  direct: {},
  strict: { iommu: true, words: ['iommu.passthrough=0', 'iommu.strict=1'] },
  lazy: { iommu: true, words: ['iommu.passthrough=0', 'iommu.strict=0'] },
  untrusted: { iommu: true, words: ['iommu.passthrough=0'], untrusted: true },
  passthrough: { iommu: true, words: ['iommu.passthrough=1'] },
  swiotlb: { force: true },
  restricted: { restricted: true },
  confidential: { confidential: true },
};

const POOL = 'restricted-dma-pool';
/** As large as the kernel's own pool on the default board. */
const POOL_SIZE = 4 * 0x10_0000;
const POOL_LABEL = 'matrix_pool';

/** The last word about swiotlb, made to force it: sizes stay. */
const forced = (words: readonly string[]): string => {
  const last = words.findLast((word) => word.startsWith('swiotlb='));
  const sizes = last === undefined ? undefined : withoutItems(last, 'force', 'noforce');
  return sizes === undefined ? 'swiotlb=force' : `${sizes},force`;
};

const withBootargs = (machine: MachineOptions, { words = [], force }: Recipe): MachineOptions => {
  const old = machine.bootargs;
  const added = force ? [...words, forced(old?.split(/\s+/) ?? [])] : words;
  const change = (word: string): string | undefined => {
    if (/^iommu\.(?:strict|passthrough)(?:=|$)/.test(word)) return undefined;
    if (force && word.startsWith('swiotlb=')) return undefined;
    return withoutItems(word, 'force');
  };
  const bootargs = changeBootWords(old, change, added);
  return { ...without(machine, 'bootargs'), ...(bootargs === undefined ? {} : { bootargs }) };
};

/** The machine's own pool serves if it has one. */
const withPools = (machine: MachineOptions, { restricted }: Recipe): MachineOptions => {
  const { reservedMemory = [] } = machine;
  const own = reservedMemory.filter(({ compatible }) => compatible === POOL).map(({ label }) => label);
  const otherRegions = ({ memoryRegions = [] }: BusAttachment): readonly string[] | undefined => {
    const others = memoryRegions.filter((label) => !own.includes(label));
    return others.length === 0 ? undefined : others;
  };
  if (restricted) {
    const label = own[0] ?? POOL_LABEL;
    const pool: ReservedMemoryOption = { label, size: POOL_SIZE, compatible: POOL };
    return {
      ...changeBusMasters(machine, (bus) => {
        const { memoryRegions = [] } = bus;
        return {
          memoryRegions: memoryRegions.some((each) => own.includes(each)) ? memoryRegions : [...memoryRegions, label],
        };
      }),
      ...(own.length > 0 ? {} : { reservedMemory: [...reservedMemory, pool] }),
    };
  }
  if (own.length === 0) return machine;
  const left = reservedMemory.filter(({ compatible }) => compatible !== POOL);
  return { ...changeBusMasters(machine, (bus) => ({ memoryRegions: otherRegions(bus) })), reservedMemory: left };
};

const withIommu = (machine: MachineOptions, { iommu, untrusted, confidential }: Recipe): MachineOptions => {
  const own = machine.iommu === false ? undefined : machine.iommu;
  const ofDevices = iommu ? { untrusted: undefined, behindIommu: undefined } : { untrusted: undefined };
  return {
    ...without(
      changeBusMasters(machine, () => ofDevices),
      'iommu',
      'untrusted',
      'confidential',
    ),
    iommu: iommu ? (own ?? true) : false,
    ...(untrusted ? { untrusted } : {}),
    ...(confidential ? { confidential: machine.confidential || true } : {}),
  };
};

/** The machine with this kind of translation, and nothing of another kind. */
export const overlayTranslation = (machine: MachineOptions, translation: Translation): MachineOptions => {
  const recipe = RECIPES[translation];
  return withPools(withBootargs(withIommu(machine, recipe), recipe), recipe);
};
