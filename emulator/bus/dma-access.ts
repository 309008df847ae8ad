import { dmaOffsetOf, dmaPageOf, type DmaAddr } from '../../base/address';
import type { BusOutcome } from '../../base/bus-outcome';
import { LabError } from '../../base/errors';
import type { DevicePort } from './device-port';

/** What a read gave: the outcome, and the bytes (zero where nothing was read). */
export interface DmaReadResult {
  readonly outcome: BusOutcome;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The longest read, in bytes: the host has to hold what is read. */
const LONGEST_READ = 2 ** 30;

const requireLength = (length: number): void => {
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new LabError(`a device reads a whole number of bytes, not ${length}`);
  }
};

/** Reads through a device's port, by address. For scenarios and simple devices; hot paths use the port itself. */
export const dmaRead = (port: DevicePort, address: DmaAddr, length: number): DmaReadResult => {
  requireLength(length);
  if (length > LONGEST_READ)
    throw new LabError(`a device reads ${LONGEST_READ} bytes at once at the most, not ${length}`);
  const bytes = new Uint8Array(length);
  const outcome = port.read(dmaPageOf(address), dmaOffsetOf(address), bytes, 0, length);
  return { outcome, bytes };
};

/** Writes bytes through a device's port, by address. */
export const dmaWrite = (port: DevicePort, address: DmaAddr, bytes: Uint8Array): BusOutcome =>
  port.write(dmaPageOf(address), dmaOffsetOf(address), bytes, 0, bytes.length);

/** Copies through a device's port, by address. The result is as for `DevicePort.copy`. */
export const dmaCopy = (port: DevicePort, from: DmaAddr, to: DmaAddr, length: number): number => {
  requireLength(length);
  return port.copy(dmaPageOf(from), dmaOffsetOf(from), dmaPageOf(to), dmaOffsetOf(to), length);
};
