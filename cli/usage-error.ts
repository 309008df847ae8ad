/** The command was used wrongly: one sentence for the terminal, and exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
