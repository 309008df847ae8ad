import { BytesMemory } from '../layout/memory';
import type { Prng } from '../prng';
import { SampleBuilder } from './build-sample';
import type { Built } from './built';
import type { Format } from './format';
import { BUFFER_ROOM, type Sample, type Spoiled } from './sample';
import { SPOILS } from './spoil';

const within = (address: bigint, length: number, from: bigint, bytes: bigint): boolean =>
  address >= from && address + BigInt(length) <= from + bytes;

const finish = (builder: SampleBuilder, spoiled: Spoiled | undefined, hidden: Built | undefined): Sample => {
  const { base, size, built, start, buffers } = builder;
  const bytes = new Uint8Array(size + 3);
  const memory = new BytesMemory(bytes);
  for (const { descriptor, address, lanes } of built) descriptor.save(memory, Number(address - base), lanes);
  return {
    base,
    bytes,
    start,
    live: (address, length, writes) =>
      within(address, length, buffers.base, BUFFER_ROOM) ||
      (!writes && within(address, length, base, BigInt(bytes.length))),
    visible: (address, length) =>
      hidden === undefined || hidden.address >= address + BigInt(length) || hidden.address + 4n <= address,
    spoiled,
  };
};

/** Descriptors of a format with nothing wrong: a ring, list or table with requests in it, and buffers for their data. */
export const validSample = (format: Format, prng: Prng): Sample =>
  finish(new SampleBuilder(format, prng).build(), undefined, undefined);

/** The same with one thing wrong, which `spoiled` names: a bit, an address, a length, a link, or words that came too late. */
export const invalidSample = (format: Format, prng: Prng): Sample => {
  const builder = new SampleBuilder(format, prng).build();
  const first = prng.below(SPOILS.length + 1);
  for (let i = 0; i <= SPOILS.length; i++) {
    const spoil = SPOILS[(first + i) % (SPOILS.length + 1)];
    const spoiled = spoil?.(builder);
    if (spoiled !== undefined) return finish(builder, spoiled, undefined);
    if (spoil === undefined) break;
  }
  const hidden = prng.pick(builder.owned);
  const what = 'the device does not see its words yet';
  return finish(builder, { kind: 'too-early', where: hidden.where, what }, hidden);
};
