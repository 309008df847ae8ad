import type { PhysAddr } from '../address';
import { LabError } from '../errors';
import { hex } from '../u64';
import { readCell } from './values';

/** Where in a property's value a phandle stands that was written as a label. Known for trees built here, not for decoded ones. */
export interface PhandleUse {
  /** Byte offset in the value. */
  readonly at: number;
  readonly label: string;
}

/** A property: a name and uninterpreted bytes. */
export interface DeviceTreeProperty {
  readonly name: string;
  readonly value: Uint8Array;
  /** For people only (see `toDts`): a blob does not keep labels. */
  readonly references?: readonly PhandleUse[];
}

/** A range of memory that no program may use for itself: an entry of the memory reservation block. */
export interface MemoryReservation {
  readonly address: PhysAddr;
  /** In bytes, not 0. */
  readonly size: number;
}

/** What a node is made of besides its name. */
export interface DeviceTreeNodeParts {
  readonly properties?: readonly DeviceTreeProperty[];
  readonly children?: readonly DeviceTreeNode[];
  readonly label?: string | undefined;
}

/** A node of a device tree, with its properties and children in order. The root's name is empty. */
export class DeviceTreeNode {
  /** Name with unit address: `serial@10000000`. */
  readonly name: string;
  readonly label: string | undefined;
  readonly properties: readonly DeviceTreeProperty[];
  readonly children: readonly DeviceTreeNode[];
  private owner: DeviceTreeNode | undefined;

  /** Takes the children over; one that already has a parent is a `LabError`. */
  constructor(name: string, { properties = [], children = [], label }: DeviceTreeNodeParts = {}) {
    this.name = name;
    this.label = label;
    this.properties = properties;
    this.children = children;
    for (const child of children) {
      if (child.owner !== undefined) throw new LabError(`Device tree node ${child.path} cannot have a second parent.`);
      child.owner = this;
    }
  }

  /** The node above; the root has none. */
  get parent(): DeviceTreeNode | undefined {
    return this.owner;
  }

  /** Full path: `/soc/serial@10000000`; `/` for the root. */
  get path(): string {
    const parent = this.owner;
    if (parent === undefined) return '/';
    return parent.owner === undefined ? `/${this.name}` : `${parent.path}/${this.name}`;
  }

  /** The value of a property, or undefined. */
  getProperty(name: string): Uint8Array | undefined {
    return this.properties.find((property) => property.name === name)?.value;
  }

  /** Whether a property is there, with or without a value. */
  hasProperty(name: string): boolean {
    return this.properties.some((property) => property.name === name);
  }

  /** The child with this full name. */
  child(name: string): DeviceTreeNode | undefined {
    return this.children.find((child) => child.name === name);
  }

  /** This node and all below it, parents before children, in the order of the blob. */
  *walk(): Generator<DeviceTreeNode, void, undefined> {
    const waiting: DeviceTreeNode[] = [this];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      yield node;
      for (let i = node.children.length - 1; i >= 0; i--) waiting.push(node.children[i]!);
    }
  }
}

const INVALID_PHANDLES = [0, 0xffff_ffff];

const phandleIndex = (root: DeviceTreeNode): Map<number, DeviceTreeNode> => {
  const index = new Map<number, DeviceTreeNode>();
  for (const node of root.walk()) {
    const value = node.getProperty('phandle');
    if (value === undefined) continue;
    const phandle = value.length === 4 ? readCell(value, 0) : undefined;
    if (phandle === undefined || INVALID_PHANDLES.includes(phandle)) {
      throw new LabError(`Device tree node ${node.path} has no valid number as its phandle.`, { what: node.path });
    }
    const other = index.get(phandle);
    if (other !== undefined) {
      throw new LabError(`Device tree nodes ${other.path} and ${node.path} both have phandle ${hex(phandle)}.`, {
        what: node.path,
      });
    }
    index.set(phandle, node);
  }
  return index;
};

/** A device tree as a whole: its nodes, the memory reservation block, and the way to find a node. */
export class DeviceTree {
  readonly root: DeviceTreeNode;
  readonly reservations: readonly MemoryReservation[];
  /** Physical id of the CPU that boots (`boot_cpuid_phys`). */
  readonly bootCpu: number;
  private readonly phandles: Map<number, DeviceTreeNode>;

  /** Two nodes with one phandle, or a phandle that is none, are a `LabError`. */
  constructor(root: DeviceTreeNode, reservations: readonly MemoryReservation[] = [], bootCpu = 0) {
    this.root = root;
    this.reservations = reservations;
    this.bootCpu = bootCpu;
    this.phandles = phandleIndex(root);
  }

  /** The node at a full path with unit addresses, as in `/soc/serial@10000000`. */
  find(path: string): DeviceTreeNode | undefined {
    if (!path.startsWith('/')) return undefined;
    let node: DeviceTreeNode | undefined = this.root;
    for (const name of path.split('/')) {
      if (name !== '') node = node?.child(name);
    }
    return node;
  }

  /** The node that a phandle names. */
  byPhandle(phandle: number): DeviceTreeNode | undefined {
    return this.phandles.get(phandle);
  }
}
