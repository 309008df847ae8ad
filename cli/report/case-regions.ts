import { AXIS_NAMES, valuesOf, type Axis, type MatrixCase } from '../../lab/matrix/axes';
import { caseWords } from '../../lab/matrix/case-name';

/** A part of the matrix that has a name. */
interface Region {
  readonly name: string;
  readonly holds: (at: MatrixCase) => boolean;
}

/** A conjunction of regions, and the cases in it. */
interface Term {
  readonly names: readonly string[];
  readonly cases: readonly MatrixCase[];
}

const BOUNCING = ['untrusted', 'swiotlb', 'restricted', 'confidential'];
const TRANSLATING = ['strict', 'lazy', 'untrusted'];

const isBounced = ({ translation, mask }: MatrixCase): boolean =>
  (translation !== undefined && BOUNCING.includes(translation)) ||
  (mask === '32' && (translation === 'direct' || translation === 'passthrough'));

/** What people say, before what the axes are called; the first that fits is taken. */
const REGIONS: readonly Region[] = [
  { name: 'non-coherent', holds: ({ coherency }) => coherency === 'off' },
  { name: 'bounced', holds: isBounced },
  { name: 'IOMMU', holds: ({ translation = '' }) => TRANSLATING.includes(translation) },
  { name: 'trusting IOMMU', holds: ({ translation }) => translation === 'strict' || translation === 'lazy' },
  { name: 'not bounced', holds: (at) => !isBounced(at) },
  { name: 'untranslated', holds: ({ translation = '' }) => !TRANSLATING.includes(translation) },
  { name: 'adversarial cache', holds: ({ cache }) => cache === 'adversarial' },
  { name: 'coherent', holds: ({ coherency }) => coherency === 'on' },
  { name: 'plain cache', holds: ({ cache }) => cache === 'plain' },
  { name: '32-bit bus', holds: ({ mask }) => mask === '32' },
  { name: '64-bit bus', holds: ({ mask }) => mask === '64' },
  { name: 'strict revocation', holds: ({ revocation }) => revocation === 'strict' },
  { name: "Linux's revocation", holds: ({ revocation }) => revocation === 'linux' },
  ...valuesOf('translation').map((value) => ({ name: value, holds: (at: MatrixCase) => at.translation === value })),
  ...valuesOf('driver').map((value) => ({ name: `${value} driver`, holds: (at: MatrixCase) => at.driver === value })),
];

/** The most regions that one term is made of, and the most terms of a description. */
const MAX_REGIONS = 3;
const MAX_TERMS = 4;

/** Regions that tell the cases apart; of two with the same cases one is enough. */
const telling = (all: readonly MatrixCase[]): Region[] => {
  const seen = new Set<string>();
  return REGIONS.filter(({ holds }) => {
    const mask = all.map((at) => (holds(at) ? '1' : '0')).join('');
    if (seen.has(mask) || !mask.includes('0') || !mask.includes('1')) return false;
    seen.add(mask);
    return true;
  });
};

/** Conjunctions that hold for some cases and for chosen ones only; the simplest first. */
const terms = (all: readonly MatrixCase[], isChosen: (at: MatrixCase) => boolean): Term[] => {
  const regions = telling(all);
  const found: Term[] = [];
  const extend = (names: readonly string[], cases: readonly MatrixCase[], from: number): void => {
    for (const [index, { name, holds }] of regions.entries()) {
      if (index < from) continue;
      const inside = cases.filter(holds);
      if (inside.length === 0 || (names.length > 0 && inside.length === cases.length)) continue;
      const longer = [...names, name];
      if (inside.every(isChosen)) found.push({ names: longer, cases: inside });
      else if (longer.length < MAX_REGIONS) extend(longer, inside, index + 1);
    }
  };
  extend([], all, 0);
  return found;
};

/** The term that covers the most of what is left; of those that cover as much, the simplest. */
const mostUseful = (candidates: readonly Term[], left: ReadonlySet<MatrixCase>): Term | undefined => {
  let best: { readonly term: Term; readonly gain: number } | undefined;
  for (const term of candidates) {
    const gain = term.cases.filter((at) => left.has(at)).length;
    const isBetter =
      best === undefined || gain > best.gain || (gain === best.gain && term.names.length < best.term.names.length);
    if (gain > 0 && isBetter) best = { term, gain };
  }
  return best?.term;
};

/** Terms for as many of the chosen cases as possible, in the order in which people name them, and what is left over. */
const cover = (all: readonly MatrixCase[], chosen: readonly MatrixCase[]): readonly [string[], MatrixCase[]] => {
  const isChosen = new Set(chosen);
  const candidates = terms(all, (at) => isChosen.has(at));
  const found: Term[] = [];
  const left = new Set(chosen);
  while (left.size > 0) {
    const best = mostUseful(candidates, left);
    if (best === undefined) break;
    found.push(best);
    for (const at of best.cases) left.delete(at);
  }
  found.sort((a, b) => candidates.indexOf(a) - candidates.indexOf(b));
  return [found.map(({ names }) => names.join(', ')), [...left]];
};

/** The axes in which the cases differ. */
const differing = (all: readonly MatrixCase[]): Axis[] =>
  AXIS_NAMES.filter((axis) => new Set(all.map((at) => at[axis])).size > 1);

const wordsOn = (at: MatrixCase, axes: readonly Axis[]): string =>
  caseWords(Object.fromEntries(axes.map((axis) => [axis, at[axis]]))).join(' ');

/**
 * Which of all cases the chosen ones are, as short as people would say it: `non-coherent; bounced`. Both lists hold the same
 * objects.
 */
export const describeCases = (all: readonly MatrixCase[], chosen: readonly MatrixCase[]): string => {
  if (chosen.length === 0) return 'nowhere';
  if (chosen.length === all.length) return 'everywhere';
  const [names, left] = cover(all, chosen);
  if (names.length + left.length <= MAX_TERMS) {
    return [...names, ...left.map((at) => wordsOn(at, differing(all)))].join('; ');
  }
  const told = names.slice(0, MAX_TERMS - 1);
  return [...told, `${told.length === 0 ? '' : 'and others: '}${chosen.length} of ${all.length} cases`].join('; ');
};
