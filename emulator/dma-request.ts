/**
 * A hardware handshake between a peripheral and a DMA controller: the wires that the device tree's `dmas` property
 * names by number.
 *
 * The peripheral drives two levels, as the DesignWare handshake has them: `single` (at least one item can move) and
 * `burst` (at least a whole burst can). The controller looks at them whenever it likes and is called when they change,
 * so neither side knows the other's type. Moving items changes the levels, through the peripheral's FIFO.
 */
export class DmaRequestLine {
  /** The handshake number. */
  readonly number: number;
  /** At least one item can be moved. Driven by the peripheral. */
  single = false;
  /** At least one burst can be moved. Driven by the peripheral. */
  burst = false;
  private listener: (() => void) | undefined;

  constructor(number: number) {
    this.number = number;
  }

  /** The peripheral's side: drives both levels. */
  drive(single: boolean, burst: boolean): void {
    if (this.single === single && this.burst === burst) return;
    this.single = single;
    this.burst = burst;
    this.listener?.();
  }

  /** The controller's side: called at each change of a level. Must only note it (arm a timer), not move data. */
  listen(listener: () => void): void {
    this.listener = listener;
  }
}
