import {
  BUS_OK,
  PAGE_SIZE,
  RegisterBlock,
  defineBlock,
  type BusOutcome,
  type Device,
  type DeviceHost,
  type MachineOptions,
} from 'dmalab';
import { ENGINE_MACHINE } from './engine';

const FRAMES = 4;

/** Registers of the page reader. */
const PAGE_READER_REGISTERS = defineBlock({
  name: 'page-reader',
  size: 0x1000,
  registers: {
    FRAME: { offset: 0x00, width: 8, count: FRAMES, doc: 'the pages of a block, by their numbers' },
    OFFSET: { offset: 0x20, width: 4, doc: 'where in the first page the block begins' },
    LENGTH: { offset: 0x24, width: 4, doc: 'bytes of the block; writing it begins' },
    STATUS: { offset: 0x28, width: 4, access: 'ro', fields: { ERROR: { bits: 0 } } },
  },
});

/**
 * A bus master that reads a block of memory at once. It knows pages by their numbers, as an NVMe drive knows all pages of a
 * block but the first, and where in the first one the block begins.
 */
export class PageReader implements Device {
  readonly name = 'page-reader';
  readonly interruptCount = 0;
  readonly busMaster = true;
  readonly registers = new RegisterBlock(PAGE_READER_REGISTERS);
  readonly mmio = [this.registers];
  /** The last block that it read. */
  block = new Uint8Array(0);
  private host: DeviceHost | undefined;

  connect(host: DeviceHost): void {
    this.host = host;
    this.registers.hook('LENGTH', {
      acceptWrite: (_register, lo) => lo <= (FRAMES - 1) * PAGE_SIZE,
      afterWrite: ({ lo }) => this.registers.register('STATUS').set(this.read(lo) === BUS_OK ? 0 : 1),
    });
  }

  reset(): void {
    this.registers.reset();
  }

  private read(length: number): BusOutcome {
    this.block = new Uint8Array(length);
    let position = this.registers.register('OFFSET').lo % PAGE_SIZE;
    for (let done = 0; done < length;) {
      const { lo, hi } = this.registers.register('FRAME', Math.floor(position / PAGE_SIZE));
      const offset = position % PAGE_SIZE;
      const size = Math.min(PAGE_SIZE - offset, length - done);
      const outcome = this.host!.dma.read(hi * 2 ** 32 + lo, offset, this.block, done, size);
      if (outcome !== BUS_OK) return outcome;
      done += size;
      position += size;
    }
    return BUS_OK;
  }
}

/** The board of the packet engine with a page reader in its place, which the kernel does not trust: it is given bounce buffers. */
export const PAGE_READER_MACHINE: MachineOptions = {
  ...ENGINE_MACHINE,
  untrusted: true,
  nodes: [{ label: 'reader', compatible: ['acme,page-reader'], device: () => new PageReader() }],
};
