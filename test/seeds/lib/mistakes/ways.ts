import { virtAddr } from '../../../../base/address';
import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../../../kernel-api/dma/direction';
import type { SanitizerReport } from '../../../../lab/sanitizer/report';
import type { Direction } from '../../../back-ends/lib/loan';
import type { BackEnd } from '../../../back-ends/lib/machines';
import { type Episode, type EpisodeBuffer } from '../episode';

export const LINE = 64;

/** Directions in which the device reads, or writes. */
export const reading = ({ rng }: Episode): Direction => rng.pick([DMA_TO_DEVICE, DMA_BIDIRECTIONAL]);
export const writing = ({ rng }: Episode): Direction => rng.pick([DMA_FROM_DEVICE, DMA_BIDIRECTIONAL]);
export const any = ({ rng }: Episode): Direction => rng.pick([DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL]);

/** A direction that is not the one of a mapping that has one. */
export const wrongWay = (dir: Direction): Direction => (dir === DMA_TO_DEVICE ? DMA_FROM_DEVICE : DMA_TO_DEVICE);

/** Whether mappings of parts of pages are bounced. */
export const bounces = ({ bounced, translation, translated, bits }: BackEnd): boolean =>
  bounced || translation === 'untrusted' || (!translated && bits === 32);

/** Nothing is copied, and the device does not snoop: lines of the cache are all there is. */
export const isCached = (where: BackEnd): boolean => !where.coherent && !bounces(where);

/** Devices are given physical addresses, of the buffers themselves. */
export const isPlain = (where: BackEnd): boolean => !where.translated && !bounces(where);

/** What a forgotten sync does: what is bounced is old; nothing happens if the device snoops; otherwise it is up to the cache. */
export const syncHarm = (where: BackEnd): SanitizerReport['harm'] | null =>
  bounces(where) ? 'happened' : where.coherent ? 'none' : null;

/** What is behind the first bytes of a buffer. */
export const rest = (buffer: EpisodeBuffer, from: number): EpisodeBuffer => ({
  ...buffer,
  cpu: virtAddr(buffer.cpu + from),
  offset: buffer.offset + from,
  length: buffer.length - from,
});

/** A buffer that is mapped, used by `work`, unmapped and freed. */
export const lent = (
  episode: Episode,
  dir: Direction,
  work: (mapping: ReturnType<Episode['map']>, buffer: EpisodeBuffer) => void,
): void => {
  const buffer = episode.buffer();
  const mapping = episode.map(buffer, dir);
  work(mapping, buffer);
  mapping.unmap();
  episode.free(buffer);
};

/** The device has written all of a buffer of a mapping that goes on. */
export const received = (
  episode: Episode,
  work: (mapping: ReturnType<Episode['map']>, buffer: EpisodeBuffer, dir: Direction) => void,
): void => {
  const dir = writing(episode);
  lent(episode, dir, (mapping, buffer) => {
    episode.deviceWrites(mapping);
    work(mapping, buffer, dir);
  });
};
