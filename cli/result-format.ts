/** The format of `--json`: raised when a field changes its meaning or goes away. */
export const RESULT_FORMAT = 1;
