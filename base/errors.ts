/**
 * Mistakes in using the lab. Hardware errors are records and kernel errors are errno values; only misuse of the lab
 * itself (a scenario that does not parse, banks that overlap, an option that does not exist) is thrown as this.
 */

/** Where a mistake was made: a file and line, or a place inside a machine description such as `memory[1]`. */
export interface ErrorPlace {
  readonly file?: string;
  readonly line?: number;
  readonly what?: string;
}

/** One clear sentence about a misuse of the lab, where it is, and what to do about it. */
export class LabError extends Error {
  override readonly name = 'LabError';
  /** Where the mistake is, if it has a place. */
  readonly place: ErrorPlace | undefined;

  constructor(message: string, place?: ErrorPlace) {
    super(message);
    this.place = place;
  }
}
