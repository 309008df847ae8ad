/** A level-triggered wire into the interrupt controller. The device drives it; nothing else does. */
export interface InterruptLine {
  /** Drives the wire. Setting the level that it has already changes nothing. */
  set(level: boolean): void;
}
