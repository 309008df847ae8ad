/**
 * Where the core sends words meant for people. It has pino's shape, so that the command line can hand in a pino
 * logger; the core itself never opens a stream. The simulated time of a message is one of its fields.
 */
export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

const ignore = (): void => undefined;

/** A logger that keeps nothing. */
export const silentLogger: Logger = { error: ignore, warn: ignore, info: ignore, debug: ignore };
