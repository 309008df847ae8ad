/** What the command's exit code says. */
export const ExitCode = {
  /** All scenarios passed. */
  passed: 0,
  /** A scenario failed. */
  failed: 1,
  /** Wrong usage, or a scenario that cannot be loaded. */
  unusable: 2,
} as const;
