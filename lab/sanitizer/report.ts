import type { ReportId } from './catalogue';

/**
 * What came of the mistake in this very run: wrong bytes were used or written; none were, but on this machine they can be;
 * or on this machine nothing can go wrong with it, only on others.
 */
export type Harm = 'happened' | 'possible' | 'none';

/** A moment of the story that a report tells. */
export interface ReportPlace {
  /** What happened there: `mapped`, `read by the CPU`. */
  readonly what: string;
  /** Simulated nanoseconds. */
  readonly time: number;
  /** `file:line` of the driver; null where no driver is at work, or the host does not tell. */
  readonly site: string | null;
  /** The lines of the driver that called it, the nearest first. */
  readonly callers: readonly string[];
}

/** One mistake that the sanitizer found. Plain data: it crosses worker threads and goes into JSON. */
export interface SanitizerReport {
  /** Stable: for expectations, suppressions and comparisons. */
  readonly id: ReportId;
  /** `error` breaks the contract of the DMA API, or harms here; `warning` harms on other machines only. */
  readonly severity: 'error' | 'warning';
  readonly harm: Harm;
  /** The device that it is about, by its name in the kernel. */
  readonly device: string;
  /** One sentence: what happened. */
  readonly message: string;
  /** The story in order, the mistake itself marked by `at`. */
  readonly places: readonly ReportPlace[];
  /** Which of the places is the driver's line at fault. */
  readonly at: number;
  /** The bytes, drawn as lines of text; empty where there is nothing to draw. */
  readonly picture: readonly string[];
  /** How it is usually put right. */
  readonly fix: string;
  /** How often it happened. */
  readonly count: number;
}

/** A report, and what the scenario says about those of its kind. */
export interface JudgedReport extends SanitizerReport {
  /** It must come. */
  readonly expected: boolean;
  /** It may come: so may all that must. */
  readonly allowed: boolean;
}
