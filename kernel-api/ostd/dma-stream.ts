import { PAGE_SIZE, type DmaAddr, type PhysAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { checkDevice, DeviceWindow } from './device-window';
import { isDirection, type DmaDirection, type FromDeviceDirection, type ToDeviceDirection } from './direction';
import { OstdError } from './error';
import { checkSplit, type USegment } from './segment';
import { StreamMemory, type StreamShape } from './stream-memory';
import { orUndo } from './undo';
import { VmIo } from './vm-io';
import type { VmSpan } from './vm-span';

const checkDirection = (direction: unknown): void => {
  if (!isDirection(direction)) {
    throw new OstdError('InvalidArgs', 'a direction is ToDevice, FromDevice or FromAndToDevice');
  }
};

/**
 * Memory for DMA that CPU and device take turns with (`DmaStream`): `syncToDevice` after the CPU has written and before the
 * device is told, `syncFromDevice` after the device has written and before the CPU reads. What a direction forbids does not
 * compile.
 */
export class DmaStream<D extends DmaDirection> extends VmIo<D['canReadFromDevice'], D['canWriteToDevice']> {
  readonly direction: D;
  readonly isReadable: D['canReadFromDevice'];
  readonly isWritable: D['canWriteToDevice'];
  readonly #memory: StreamMemory;
  readonly #window: DeviceWindow;

  private constructor(direction: D, memory: StreamMemory, window: DeviceWindow) {
    super();
    this.direction = direction;
    this.isReadable = direction.canReadFromDevice;
    this.isWritable = direction.canWriteToDevice;
    this.#memory = memory;
    this.#window = window;
  }

  /**
   * Allocates zeroed memory for a device. The device sees zeroes as well, without a sync.
   * @param isCacheCoherent whether the device snoops; by default what is known of it
   * @throws OstdError `InvalidArgs` for no frames, `NoMemory`, `NotEnoughResources`, `AccessDenied` without a driver,
   *   `IoError`
   */
  static alloc<D extends ToDeviceDirection>(
    dev: StructDevice,
    direction: D,
    nframes: number,
    isCacheCoherent = dev.dma.dma_coherent,
  ): DmaStream<D> {
    checkDirection(direction);
    if (!direction.canWriteToDevice) throw new OstdError('AccessDenied', `${direction.name} memory cannot be zeroed`);
    const dma = DmaStream.allocUninit(dev, direction, nframes, isCacheCoherent);
    dma.#memory.zero();
    return dma;
  }

  /** As `alloc`, but the memory is not zeroed. */
  static allocUninit<D extends DmaDirection>(
    dev: StructDevice,
    direction: D,
    nframes: number,
    isCacheCoherent = dev.dma.dma_coherent,
  ): DmaStream<D> {
    checkDirection(direction);
    checkDevice(dev, 'DmaStream.alloc');
    return DmaStream.#open(dev, direction, StreamMemory.alloc(dev, nframes, isCacheCoherent));
  }

  /**
   * Maps frames for a device. The segment is spent, also if this fails, and dropped with the stream; keep a clone to use the
   * frames after that.
   * @throws OstdError `InvalidArgs` for frames that the device does not reach; otherwise as `alloc`
   */
  static map<D extends DmaDirection>(
    dev: StructDevice,
    direction: D,
    segment: USegment,
    isCacheCoherent = dev.dma.dma_coherent,
  ): DmaStream<D> {
    checkDirection(direction);
    const frames = segment.moveInto('DmaStream');
    const takeOver = (): StreamMemory => {
      checkDevice(dev, 'DmaStream.map');
      return StreamMemory.map(dev, frames, isCacheCoherent);
    };
    return DmaStream.#open(
      dev,
      direction,
      orUndo(takeOver, () => frames.drop()),
    );
  }

  static #open<D extends DmaDirection>(dev: StructDevice, direction: D, memory: StreamMemory): DmaStream<D> {
    const reach = {
      pfn: memory.paddr / PAGE_SIZE,
      pages: memory.size / PAGE_SIZE,
      dir: direction.dataDirection,
      limit: dev.dma.limit,
    };
    const window = orUndo(
      () => DeviceWindow.open(dev, reach),
      () => memory.free(),
    );
    memory.handOver(direction);
    return new DmaStream(direction, memory, window);
  }

  /** What the memory is made of: frames, a mapping of their own, or both. */
  get shape(): StreamShape {
    return this.#memory.shape;
  }

  /**
   * To be called after the device has written bytes `start` up to `end`, and before the CPU reads them.
   * @throws OstdError `InvalidArgs` if they are not within the memory; `AccessDenied` if the direction is `ToDevice`
   */
  syncFromDevice(this: DmaStream<FromDeviceDirection>, start: number, end: number): void {
    const length = this.#checkSync(start, end, this.direction.canReadFromDevice);
    this.#window.traceSync('dma-sync-for-cpu', start, length);
    this.#memory.syncFromDevice(start, length);
  }

  /**
   * To be called after the CPU has written bytes `start` up to `end`, and before the device is told to read them.
   * @throws OstdError `InvalidArgs` if they are not within the memory; `AccessDenied` if the direction is `FromDevice`
   */
  syncToDevice(this: DmaStream<ToDeviceDirection>, start: number, end: number): void {
    const length = this.#checkSync(start, end, this.direction.canWriteToDevice);
    this.#window.traceSync('dma-sync-for-device', start, length);
    this.#memory.syncToDevice(start, length);
  }

  /** The length of a range, which is 0 also where its end comes before its start, as in the source. */
  #checkSync(start: number, end: number, isAllowed: boolean): number {
    const size = this.size();
    if (!isAllowed) throw new OstdError('AccessDenied', `this sync of a ${this.direction.name} stream`);
    const isWithin = (offset: number): boolean => Number.isInteger(offset) && offset >= 0 && offset <= size;
    if (!isWithin(start) || !isWithin(end)) {
      throw new OstdError('InvalidArgs', `bytes ${start} to ${end} of ${size}`);
    }
    return Math.max(end - start, 0);
  }

  /** Where the device finds it. @throws OstdError `AccessDenied` once the device has lost its driver */
  daddr(): DmaAddr {
    this.checkAlive();
    return this.#window.address;
  }

  /** Where the memory that the device uses is in physical memory; with `both` shapes not where the CPU's is. */
  paddr(): PhysAddr {
    this.checkAlive();
    return this.#window.paddr;
  }

  override size(): number {
    this.checkAlive();
    return this.#window.pages * PAGE_SIZE;
  }

  /** Makes two of this one, which is spent. Not at a page boundary inside, the kernel stops. */
  split(offset: number): [DmaStream<D>, DmaStream<D>] {
    checkSplit(offset, this.size());
    this.giveAway('was split');
    const [lowWindow, highWindow] = this.#window.split(offset / PAGE_SIZE);
    const [low, high] = this.#memory.split(offset);
    return [new DmaStream(this.direction, low, lowWindow), new DmaStream(this.direction, high, highWindow)];
  }

  protected override span(): VmSpan {
    return this.#memory.span(() => this.checkAlive());
  }

  protected override describe(): string {
    return `The DmaStream<${this.direction.name}> of ${this.#window.dev.name}`;
  }

  protected override release(): void {
    this.#window.close();
    this.#memory.free();
  }
}
