import { PAGE_SIZE, type DmaAddr, type PhysAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { DMA_BIDIRECTIONAL } from '../dma/direction';
import { checkDevice, DeviceWindow, type Reach } from './device-window';
import { allocForDevice } from './device-memory';
import { KVirtArea } from './kvirt-area';
import { checkSplit, USegment } from './segment';
import { orUndo } from './undo';
import { VmIo } from './vm-io';
import type { VmSpan } from './vm-span';

/** What the memory is: frames in the linear map, or frames with a mapping of their own. */
type Inner = USegment | KVirtArea;

const allocInner = (dev: StructDevice, nframes: number, isCacheCoherent: boolean): Inner => {
  const limit = dev.dma.coherentLimit;
  if (isCacheCoherent && !dev.kernel.confidential.active) return allocForDevice(dev, nframes, limit);
  return KVirtArea.alloc(dev, nframes, limit, isCacheCoherent);
};

const freeInner = (inner: Inner): void => (inner instanceof USegment ? inner.drop() : inner.free());

/**
 * Memory for DMA that needs no syncs: the device snoops, or the CPU's cache is not used (`DmaCoherent`). Barriers are still
 * the driver's duty.
 */
export class DmaCoherent extends VmIo<true, true> {
  readonly isReadable = true;
  readonly isWritable = true;
  readonly #inner: Inner;
  readonly #window: DeviceWindow;
  readonly #isCacheCoherent: boolean;

  private constructor(inner: Inner, window: DeviceWindow, isCacheCoherent: boolean) {
    super();
    this.#inner = inner;
    this.#window = window;
    this.#isCacheCoherent = isCacheCoherent;
  }

  /**
   * Allocates zeroed memory for a device.
   * @param isCacheCoherent whether the device snoops; by default what is known of it
   * @throws OstdError `InvalidArgs` for no frames, `NoMemory`, `NotEnoughResources`, `AccessDenied` without a driver,
   *   `IoError`
   */
  static alloc(dev: StructDevice, nframes: number, isCacheCoherent = dev.dma.dma_coherent): DmaCoherent {
    const dma = DmaCoherent.allocUninit(dev, nframes, isCacheCoherent);
    dma.fillZeros(0, dma.size());
    return dma;
  }

  /** As `alloc`, but the memory is not zeroed. */
  static allocUninit(dev: StructDevice, nframes: number, isCacheCoherent = dev.dma.dma_coherent): DmaCoherent {
    checkDevice(dev, 'DmaCoherent.alloc');
    const inner = allocInner(dev, nframes, isCacheCoherent);
    const paddr = inner instanceof USegment ? inner.paddr() : inner.paddr;
    const reach: Reach = {
      pfn: paddr / PAGE_SIZE,
      pages: nframes,
      dir: DMA_BIDIRECTIONAL,
      limit: dev.dma.coherentLimit,
    };
    const undo = (): void => freeInner(inner);
    return orUndo(() => new DmaCoherent(inner, DeviceWindow.open(dev, reach), isCacheCoherent), undo);
  }

  /** Whether it was allocated for a device that snoops. */
  get isCacheCoherent(): boolean {
    return this.#isCacheCoherent;
  }

  /** Where the device finds it. @throws OstdError `AccessDenied` once the device has lost its driver */
  daddr(): DmaAddr {
    this.checkAlive();
    return this.#window.address;
  }

  /** Where it is in physical memory. */
  paddr(): PhysAddr {
    this.checkAlive();
    return this.#window.paddr;
  }

  override size(): number {
    this.checkAlive();
    return this.#window.pages * PAGE_SIZE;
  }

  /** Makes two of this one, which is spent. Not at a page boundary inside, the kernel stops. */
  split(offset: number): [DmaCoherent, DmaCoherent] {
    checkSplit(offset, this.size());
    this.giveAway('was split');
    const [lowWindow, highWindow] = this.#window.split(offset / PAGE_SIZE);
    const [low, high] = this.#inner.split(offset);
    return [
      new DmaCoherent(low, lowWindow, this.#isCacheCoherent),
      new DmaCoherent(high, highWindow, this.#isCacheCoherent),
    ];
  }

  protected override span(): VmSpan {
    const check = (): void => this.checkAlive();
    return this.#inner instanceof USegment ? this.#inner.borrow(check) : this.#inner.span(check);
  }

  protected override describe(): string {
    return `The DmaCoherent of ${this.#window.dev.name}`;
  }

  protected override release(): void {
    this.#window.close();
    freeInner(this.#inner);
  }
}
