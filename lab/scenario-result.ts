import type { MatrixCase } from './matrix/axes';
import type { JudgedReport } from './sanitizer/report';

/** Why a scenario failed. */
export interface FailureReport {
  /**
   * What kind of failure: a check of the scenario itself, a stop of the kernel, a misuse of the lab, an exception that
   * nobody expected, or what the sanitizer reported, or was expected to and did not.
   */
  readonly kind: 'check' | 'oops' | 'lab' | 'exception' | 'timeout' | 'report';
  readonly message: string;
  /** The stack of the place where it was noticed, for the command line to find the scenario's own line in. */
  readonly stack: string | undefined;
  /** `file:line` at fault, where that is known without the stack: of what the sanitizer reported. */
  readonly site?: string;
}

/** What became of one run of one scenario. Plain data: it crosses worker threads and goes into JSON. */
export interface ScenarioResult {
  readonly name: string;
  /** Where in the matrix it ran; empty for its own machine. */
  readonly case: MatrixCase;
  readonly seed: number;
  readonly status: 'passed' | 'failed';
  readonly failure: FailureReport | null;
  /** Simulated nanoseconds from power-on to the end. */
  readonly simulatedTime: number;
  /** Events on the trace, and their hash: the same seed gives the same hash. */
  readonly events: number;
  readonly traceHash: string;
  /** Warnings of the kernel. */
  readonly warnings: number;
  /** IOMMU fault records that the kernel drained. */
  readonly faults: number;
  /** Bytes that bus masters read and wrote. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly interrupts: number;
  /** What the scenario noted, in order. */
  readonly notes: readonly string[];
  /** What the sanitizer found, in order; empty where it did not watch. */
  readonly reports: readonly JudgedReport[];
}
