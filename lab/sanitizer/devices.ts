import { PAGE_SIZE } from '../../base/address';
import type { StructDevice } from '../../kernel-api/base/struct-device';
import { of_parse_phandle_with_args } from '../../kernel-api/of/property';
import type { Machine } from '../machine';
import type { PlacedNode } from '../placement';
import { WatchedDevice } from './watched-device';

const ALL_WIRES = 64;

/** The requester id of a device, as firmware wrote it into the device tree; -1 if it masters no bus. */
const requesterOf = ({ of_node }: StructDevice): number => {
  if (of_node === null) return -1;
  const entry = of_parse_phandle_with_args(of_node, 'access-controllers', '#access-controller-cells', 0);
  return typeof entry === 'number' ? -1 : (entry.args[0] ?? -1);
};

/** The devices of a machine: as the kernel names them, and as the bus knows them. */
export class Devices {
  private readonly machine: Machine;
  private readonly byName = new Map<string, WatchedDevice>();
  private readonly byRequester: (WatchedDevice | undefined)[] = [];
  private readonly wires = new Map<number, number>();
  /** Requester ids by the pages of their registers. */
  private readonly registers = new Map<number, number>();

  constructor(machine: Machine) {
    this.machine = machine;
    for (const placed of machine.nodes) {
      const { requesterId, node } = placed;
      if (requesterId === undefined) continue;
      this.wires.set(requesterId, node.bus?.addressWires ?? ALL_WIRES);
      for (const page of pagesOf(placed)) this.registers.set(page, requesterId);
    }
  }

  /** All that have had to do with DMA. */
  get all(): Iterable<WatchedDevice> {
    return this.byName.values();
  }

  /** A device by its name in the kernel; undefined if the kernel has none of that name. */
  named(name: string): WatchedDevice | undefined {
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    const dev = this.machine.kernel.drivers.devices.find((each) => each.name === name);
    return dev === undefined ? undefined : this.watch(dev);
  }

  private watch(dev: StructDevice): WatchedDevice {
    const requester = requesterOf(dev);
    const device = new WatchedDevice(dev, this.wires.get(requester) ?? ALL_WIRES, requester);
    this.byName.set(dev.name, device);
    if (requester >= 0) this.byRequester[requester] = device;
    return device;
  }

  /** A bus master by its requester id; undefined if the kernel knows no such device. */
  requesting(requester: number): WatchedDevice | undefined {
    return this.byRequester[requester] ?? this.lookUp(requester);
  }

  private lookUp(requester: number): WatchedDevice | undefined {
    if (!this.wires.has(requester)) return undefined;
    const dev = this.machine.kernel.drivers.devices.find((each) => requesterOf(each) === requester);
    if (dev === undefined) return undefined;
    return this.named(dev.name);
  }

  /** The pages that registers of bus masters are on. */
  get registerPages(): Iterable<number> {
    return this.registers.keys();
  }

  /** The bus master whose registers are on a page; undefined if the kernel knows none. */
  withRegistersOn(page: number): WatchedDevice | undefined {
    const requester = this.registers.get(page);
    return requester === undefined ? undefined : this.requesting(requester);
  }
}

const pagesOf = ({ reg }: PlacedNode): number[] =>
  reg.flatMap(({ base, size }) =>
    Array.from({ length: Math.ceil(size / PAGE_SIZE) }, (_, index) => Math.floor(base / PAGE_SIZE) + index),
  );
