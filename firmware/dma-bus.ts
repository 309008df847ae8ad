import { cells64, type NodeSource, property, type PropertySource, strings } from '../base/fdt';
import type { BoardDescription, DeviceDescription, DmaWindow } from './board';
import { deviceNode } from './device-node';

const sameWindows = (a: readonly DmaWindow[], b: readonly DmaWindow[]): boolean =>
  a.length === b.length &&
  a.every(
    (window, i) =>
      window.deviceAddress === b[i]!.deviceAddress &&
      window.physicalAddress === b[i]!.physicalAddress &&
      window.size === b[i]!.size,
  );

interface DmaBus {
  readonly windows: readonly DmaWindow[];
  readonly devices: DeviceDescription[];
}

const groupByWindows = (devices: readonly DeviceDescription[]): DmaBus[] => {
  const buses: DmaBus[] = [];
  for (const device of devices) {
    const windows = device.dmaRanges;
    if (windows === undefined) continue;
    const bus = buses.find((each) => sameWindows(each.windows, windows));
    if (bus === undefined) buses.push({ windows, devices: [device] });
    else bus.devices.push(device);
  }
  return buses;
};

/**
 * `dma-ranges` is a property of a bus and says how the masters on it see memory. So devices with the same windows share
 * a bus of their own, whose registers are where they were (`ranges` is empty).
 */
export const dmaBusNodes = (board: BoardDescription, addressing: readonly PropertySource[]): NodeSource[] =>
  groupByWindows(board.devices).map(({ windows, devices }, i) => ({
    name: `dma${i}-bus`,
    properties: [
      ...addressing,
      property('compatible', strings('simple-bus')),
      property('ranges'),
      property(
        'dma-ranges',
        ...windows.map(({ deviceAddress, physicalAddress, size }) => cells64(deviceAddress, physicalAddress, size)),
      ),
    ],
    children: devices.map((device) => deviceNode(device, board)),
  }));
