import { ADDRESS_LIMIT, PAGE_SIZE, dmaPageOf, type DmaAddr, type PhysAddr } from '../../base/address';
import { BUS_NO_ADDRESS } from '../../base/bus-outcome';
import { LabError } from '../../base/errors';
import { hex } from '../../base/u64';

/** A window of a bus: one entry of `dma-ranges`. All three are multiples of the page size. */
export interface BusWindow {
  /** Where it begins in the addresses that devices emit. */
  readonly deviceAddress: DmaAddr;
  /** Where it leads. */
  readonly physicalAddress: PhysAddr;
  /** Bytes. */
  readonly size: number;
}

const DEVICE_PAGES = 2 ** 52;

const checkWindow = (window: BusWindow, index: number): void => {
  const { deviceAddress, physicalAddress, size } = window;
  const place = { what: `dma-ranges[${index}]` };
  const misaligned =
    deviceAddress % BigInt(PAGE_SIZE) !== 0n || physicalAddress % PAGE_SIZE !== 0 || size % PAGE_SIZE !== 0;
  if (misaligned)
    throw new LabError(`bus window ${index} must begin and end on page boundaries (${PAGE_SIZE} bytes)`, place);
  if (!(size > 0)) throw new LabError(`bus window ${index} at ${hex(deviceAddress)} is empty`, place);
  if (physicalAddress + size > ADDRESS_LIMIT || dmaPageOf(deviceAddress) + size / PAGE_SIZE > DEVICE_PAGES) {
    throw new LabError(
      `bus window ${index} at ${hex(deviceAddress)} reaches beyond the end of the address space`,
      place,
    );
  }
};

/** The windows of a bus as page numbers. The first that holds a page decides. */
export class WindowMap {
  /** No windows: everything passes as it is. */
  readonly identity: boolean;
  private readonly first: Float64Array;
  private readonly end: Float64Array;
  private readonly physical: Float64Array;

  /** A window that is empty, unaligned or out of reach is a `LabError`. */
  constructor(windows: readonly BusWindow[]) {
    windows.forEach(checkWindow);
    this.identity = windows.length === 0;
    this.first = Float64Array.from(windows, (window) => dmaPageOf(window.deviceAddress));
    this.end = this.first.map((page, i) => page + windows[i]!.size / PAGE_SIZE);
    this.physical = Float64Array.from(windows, (window) => window.physicalAddress / PAGE_SIZE);
  }

  /** The physical page behind a device's page, or `BUS_NO_ADDRESS` outside all windows. */
  pageOf(page: number): number {
    if (this.identity) return page;
    const { first, end } = this;
    for (let i = 0; i < first.length; i++) {
      if (page >= first[i]! && page < end[i]!) return page - first[i]! + this.physical[i]!;
    }
    return BUS_NO_ADDRESS;
  }
}
