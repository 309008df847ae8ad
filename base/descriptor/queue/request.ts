import type { LayoutMemory } from '../../layout/memory';

/** A run of I/O addresses that a request moves data from or to. */
export interface RequestPiece {
  readonly address: bigint;
  /** Bytes. */
  readonly length: number;
  readonly moves: 'from-memory' | 'to-memory';
}

/** Memory that driver and device share: what a `dma_alloc_coherent` gave. */
export interface SharedMemory {
  /** The CPU's way to it. */
  readonly memory: LayoutMemory;
  /** Where it begins, for the CPU and for the device. */
  readonly cpu: number;
  readonly device: bigint;
  /** Orders stores to it (`dma_wmb`), and loads from it (`dma_rmb`). */
  readonly wmb: () => void;
  readonly rmb: () => void;
}

/** Why a request can never be posted: a sentence without a full stop. */
export interface Refused {
  readonly problem: string;
}

/** What became of a request: posted; or there is no room now; or it can never be posted. */
export type Posted = 'posted' | 'full' | Refused;

/** A request that the device is done with. */
export interface Finished<T> {
  readonly tag: T;
  /** Bytes that the device says it wrote; undefined if the format has no place for that. */
  readonly written: number | undefined;
  /** The device marked an error, or gave a status other than zero. */
  readonly failed: boolean;
  /** The first status other than zero; zero also where the format has none. */
  readonly status: number;
}
