/** What `body` returns; `undo` is called if it throws, and the error goes on. */
export const orUndo = <T>(body: () => T, undo: () => void): T => {
  try {
    return body();
  } catch (error) {
    undo();
    throw error;
  }
};
