/** A scenario that a module turned out to hold. */
export interface LoadedScenario {
  /** Absolute. */
  readonly file: string;
  readonly name: string;
  readonly description: string;
}
