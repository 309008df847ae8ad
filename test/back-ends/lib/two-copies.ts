import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../../kernel-api/dma/direction';
import type { Direction } from './loan';

/**
 * What becomes of lent memory where CPU and device each have a copy, and only the calls of the DMA API carry bytes from one
 * to the other: the plain model of a bounce buffer, and the least that the API promises. `truth` is what both should see.
 */
export class TwoCopies {
  readonly truth: Uint8Array;
  private readonly cpu: Uint8Array;
  private readonly device: Uint8Array;

  constructor(length: number) {
    this.truth = new Uint8Array(length);
    this.cpu = new Uint8Array(length);
    this.device = new Uint8Array(length);
  }

  cpuWrites(from: number, bytes: Uint8Array): void {
    this.truth.set(bytes, from);
    this.cpu.set(bytes, from);
  }

  deviceWrites(from: number, bytes: Uint8Array): void {
    this.truth.set(bytes, from);
    this.device.set(bytes, from);
  }

  /** Mapping copies whatever the direction is. */
  mapped(): void {
    this.device.set(this.cpu);
  }

  syncedForDevice(from: number, length: number, dir: Direction): void {
    if (dir !== DMA_FROM_DEVICE) this.device.set(this.cpu.subarray(from, from + length), from);
  }

  /** Also what unmapping does, of all of it. */
  syncedForCpu(from: number, length: number, dir: Direction): void {
    if (dir !== DMA_TO_DEVICE) this.cpu.set(this.device.subarray(from, from + length), from);
  }

  cpuIsRight(from: number, length: number): boolean {
    return equalAt(this.cpu, this.truth, from, length);
  }

  deviceIsRight(from: number, length: number): boolean {
    return equalAt(this.device, this.truth, from, length);
  }
}

const equalAt = (a: Uint8Array, b: Uint8Array, from: number, length: number): boolean => {
  for (let i = from; i < from + length; i++) if (a[i] !== b[i]) return false;
  return true;
};
