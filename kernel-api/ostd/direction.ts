import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE, type DmaDataDirection } from '../dma/direction';

declare const sealed: unique symbol;

/**
 * Which way data may flow in a `DmaStream` (`DmaDirection`). There are three, and there can be no others: `ToDevice`,
 * `FromDevice`, `FromAndToDevice`, each a value and the type of that value.
 */
export interface DmaDirection {
  readonly [sealed]: true;
  readonly name: string;
  /** Whether the CPU can read what comes from the device. */
  readonly canReadFromDevice: boolean;
  /** Whether the CPU can write what goes to the device. */
  readonly canWriteToDevice: boolean;
  /** The direction as the C-style API has it. */
  readonly dataDirection: DmaDataDirection;
}

/** A direction in which the device writes and the CPU reads. */
export interface FromDeviceDirection extends DmaDirection {
  readonly canReadFromDevice: true;
}

/** A direction in which the CPU writes and the device reads. */
export interface ToDeviceDirection extends DmaDirection {
  readonly canWriteToDevice: true;
}

/** Data flows to the device: the CPU writes. */
export interface ToDevice extends ToDeviceDirection {
  readonly name: 'ToDevice';
  readonly canReadFromDevice: false;
}

/** Data flows from the device: the CPU reads. */
export interface FromDevice extends FromDeviceDirection {
  readonly name: 'FromDevice';
  readonly canWriteToDevice: false;
}

/** Data flows both ways. */
export interface FromAndToDevice extends DmaDirection {
  readonly name: 'FromAndToDevice';
  readonly canReadFromDevice: true;
  readonly canWriteToDevice: true;
}

const direction = <D extends DmaDirection>(values: Omit<D, typeof sealed>): D => Object.freeze(values) as D;

/** Data flows to the device: the CPU writes. */
export const ToDevice = direction<ToDevice>({
  name: 'ToDevice',
  canReadFromDevice: false,
  canWriteToDevice: true,
  dataDirection: DMA_TO_DEVICE,
});

/** Data flows from the device: the CPU reads. */
export const FromDevice = direction<FromDevice>({
  name: 'FromDevice',
  canReadFromDevice: true,
  canWriteToDevice: false,
  dataDirection: DMA_FROM_DEVICE,
});

/** Data flows both ways. */
export const FromAndToDevice = direction<FromAndToDevice>({
  name: 'FromAndToDevice',
  canReadFromDevice: true,
  canWriteToDevice: true,
  dataDirection: DMA_BIDIRECTIONAL,
});

const ALL: readonly unknown[] = [ToDevice, FromDevice, FromAndToDevice];

/** Whether a value is one of the three: code without types may bring anything. */
export const isDirection = (value: unknown): value is DmaDirection => ALL.includes(value);
