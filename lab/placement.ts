import { LabError } from '../base/errors';
import type { Device } from '../emulator/device';
import {
  DEVICE_BASE,
  DEVICE_LIMIT,
  DEVICE_STRIDE,
  FIRST_DEVICE_INTERRUPT,
  FIRST_REQUESTER,
  PLIC_SOURCES,
} from './board-layout';
import { checkDevice } from './check-options';
import type { ExtraNode } from './machine-options';

/** A node with its place on the board. */
export interface PlacedNode {
  readonly node: ExtraNode;
  /** The hardware, if the node has any. */
  readonly device: Device | undefined;
  /** Register windows, in the device's order. */
  readonly reg: readonly { readonly base: number; readonly size: number }[];
  /** Numbers of its interrupt wires. */
  readonly interrupts: readonly number[];
  /** Its requester id, if it masters the bus. */
  readonly requesterId: number | undefined;
}

/**
 * Gives every node its hardware, addresses, interrupt wires and requester id, in order.
 * @param registerBase what is added to the addresses of all registers
 */
export const placeNodes = (nodes: readonly ExtraNode[], registerBase = 0): PlacedNode[] => {
  let base = registerBase + DEVICE_BASE;
  let interrupt = FIRST_DEVICE_INTERRUPT;
  let requester = FIRST_REQUESTER;
  const placeRegisters = (size: number): { base: number; size: number } => {
    const region = { base, size };
    base += Math.ceil(Math.max(size, 1) / DEVICE_STRIDE) * DEVICE_STRIDE;
    if (base > registerBase + DEVICE_LIMIT)
      throw new LabError('the registers of all devices do not fit into their window of the board');
    return region;
  };
  const made = new Map<Device, string>();
  refuseDuplicates(nodes);
  return nodes.map((node) => {
    const device = makeDevice(node, made);
    const interrupts = Array.from({ length: device?.interruptCount ?? 0 }, () => interrupt++);
    if (interrupt > PLIC_SOURCES + 1) {
      throw new LabError(`the board has ${PLIC_SOURCES} interrupt wires, and '${node.label}' wants more`, {
        what: place(node),
      });
    }
    return {
      node,
      device,
      reg: device?.mmio.map((target) => placeRegisters(target.size)) ?? [],
      interrupts,
      requesterId: device?.busMaster === true ? requester++ : undefined,
    };
  });
};

const place = ({ label }: ExtraNode): string => `node '${label}'`;

/** @param made the devices so far, with their labels */
const makeDevice = (node: ExtraNode, made: Map<Device, string>): Device | undefined => {
  if (node.device === undefined) return undefined;
  const device = checkDevice(node.device(), node.label);
  const other = made.get(device);
  if (other !== undefined) {
    throw new LabError(`nodes '${other}' and '${node.label}' have the same device: each needs one of its own`, {
      what: place(node),
    });
  }
  made.set(device, node.label);
  return device;
};

const refuseDuplicates = (nodes: readonly ExtraNode[]): void => {
  const labels = new Set<string>();
  for (const node of nodes) {
    if (labels.has(node.label)) {
      throw new LabError(`two nodes of the machine have the label '${node.label}'`, { what: place(node) });
    }
    labels.add(node.label);
  }
};
