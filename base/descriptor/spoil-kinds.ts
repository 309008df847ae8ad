import type { SampleBuilder } from './build-sample';
import type { FindingKind } from './findings';
import type { Spoiled } from './sample';

/** What a sample is spoiled by: it changes one thing, and says which; undefined if there is nothing of the kind. */
export type Spoil = (sample: SampleBuilder) => Spoiled | undefined;

export const spoiled = (kind: FindingKind, { where }: { readonly where: string }, what: string): Spoiled => ({
  kind,
  where,
  what,
});

/** One of some; undefined if there are none. */
export const pickOf = <T>({ prng }: SampleBuilder, items: readonly T[]): T | undefined =>
  items.length === 0 ? undefined : prng.pick(items);
