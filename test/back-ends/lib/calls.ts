import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../../kernel-api/dma/direction';
import type { Direction } from './loan';

/** The calls that a driver can forget, or get wrong. */
export type CallKind = 'for-device' | 'for-cpu' | 'unmap';

/** One mistake: the `nth` call (from 0) of a kind is left out, or made with a wrong direction. */
export interface Mistake {
  readonly kind: CallKind;
  readonly nth: number;
  readonly how: 'left out' | 'wrong direction';
}

/** A direction that is not the right one: the call does not copy what it should, if it should copy anything. */
const wrong = (kind: CallKind, dir: Direction): Direction => {
  const idle = kind === 'for-device' ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
  if (dir !== idle) return idle;
  return kind === 'for-device' ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
};

/** Counts a driver's calls, and makes it err once if that is asked for. */
export class Calls {
  readonly counts: Record<CallKind, number> = { 'for-device': 0, 'for-cpu': 0, unmap: 0 };
  private readonly mistake: Mistake | null;

  constructor(mistake: Mistake | null) {
    this.mistake = mistake;
  }

  /** The direction to make the next call of a kind with; null if it is to be left out. */
  next(kind: CallKind, dir: Direction): Direction | null {
    const { mistake } = this;
    if (mistake?.kind !== kind || mistake.nth !== this.counts[kind]++) {
      if (mistake?.kind !== kind) this.counts[kind]++;
      return dir;
    }
    return mistake.how === 'left out' ? null : wrong(kind, dir);
  }
}
