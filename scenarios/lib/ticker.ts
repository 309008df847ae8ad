import { BUS_OK, PAGE_OFFSET_MASK, RegisterBlock, defineBlock, type Device, type DeviceHost, type Timer } from 'dmalab';

/** The ticker's registers: where it writes, and whether it does. */
const TICKER_REGISTERS = defineBlock({
  name: 'ticker',
  size: 0x1000,
  registers: {
    ADDRESS: { offset: 0x0, width: 8, doc: 'where the counter goes' },
    CONTROL: { offset: 0x8, width: 4, fields: { RUN: { bits: 0 } } },
  },
});

const PERIOD_NS = 20_000;

/**
 * A bus master of a scenario's own, as small as they come: once started it writes a counter to memory every 20 microseconds, and
 * nothing but a register write stops it.
 */
export class Ticker implements Device {
  readonly name = 'ticker';
  readonly interruptCount = 0;
  readonly busMaster = true;
  readonly registers = new RegisterBlock(TICKER_REGISTERS);
  readonly mmio = [this.registers];
  /** How often it has tried to write, and how many of these writes the bus refused. */
  attempts = 0;
  refused = 0;
  private readonly bytes = new Uint8Array(4);
  private host: DeviceHost | undefined;
  private timer: Timer | undefined;

  connect(host: DeviceHost): void {
    this.host = host;
    this.timer = host.clock.timer('ticker', () => this.tick());
    this.registers.hook('CONTROL', {
      afterWrite: (control) => {
        if ((control.lo & 1) !== 0) this.timer?.armAfter(PERIOD_NS);
        else this.timer?.cancel();
      },
    });
  }

  reset(): void {
    this.registers.reset();
    this.timer?.cancel();
  }

  private tick(): void {
    const { lo, hi } = this.registers.register('ADDRESS');
    new DataView(this.bytes.buffer).setUint32(0, ++this.attempts, true);
    const page = hi * 2 ** 20 + (lo >>> 12);
    const outcome = this.host!.dma.write(page, lo & PAGE_OFFSET_MASK, this.bytes, 0, 4);
    if (outcome !== BUS_OK) this.refused++;
    this.timer!.armAfter(PERIOD_NS);
  }
}
