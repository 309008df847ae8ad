/** Decides which requesters reach the bus. Device ports ask it before every access. */
export interface Gate {
  /** Whether accesses of this requester may pass. Hot: one test. */
  admits(requesterId: number): boolean;
  /** Counts an access that was turned away. */
  countDrop(requesterId: number, write: boolean): void;
}
