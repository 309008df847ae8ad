import type { DeviceTree as FlattenedTree, DeviceTreeNode } from '../../base/fdt';
import { readCell } from '../../base/fdt';
import type { Kernel } from '../kernel';
import { OfNode } from './of-node';
import { of_device_is_compatible } from './property';
import type { ReservedMem } from './reserved-memory';

/** The device tree of a kernel: made once, from what firmware handed over (`of_root`). */
export class DeviceTree {
  readonly kernel: Kernel;
  readonly root: OfNode;
  /** All nodes, parents before children, in the order of the tree. */
  readonly nodes: readonly OfNode[];
  /** The regions of `/reserved-memory` that make sense. Boot code fills it in. */
  readonly reservedMemory: ReservedMem[] = [];
  private readonly byPhandle = new Map<number, OfNode>();

  constructor(kernel: Kernel, tree: FlattenedTree) {
    this.kernel = kernel;
    const nodes: OfNode[] = [];
    this.root = this.unflatten(tree.root, null, nodes);
    this.nodes = nodes;
  }

  /** The node with this phandle (`of_find_node_by_phandle`). */
  nodeByPhandle(phandle: number): OfNode | null {
    return this.byPhandle.get(phandle) ?? null;
  }

  private unflatten(source: DeviceTreeNode, parent: OfNode | null, nodes: OfNode[]): OfNode {
    const value = source.getProperty('phandle') ?? source.getProperty('linux,phandle');
    const node = new OfNode(this, source, parent, value === undefined ? 0 : (readCell(value, 0) ?? 0));
    if (node.phandle !== 0 && !this.byPhandle.has(node.phandle)) this.byPhandle.set(node.phandle, node);
    nodes.push(node);
    for (const child of source.children) node.children.push(this.unflatten(child, node, nodes));
    return node;
  }
}

/** The node at a full path (or at an alias followed by a path); NULL if there is none. */
export const of_find_node_by_path = (kernel: Kernel, path: string): OfNode | null => {
  const { root } = kernel.of;
  if (path === '/' || path === '') return path === '' ? null : root;
  const [first = '', ...rest] = path.split('/');
  const start = first === '' ? root : aliasTarget(kernel, first);
  return rest.reduce<OfNode | null>((node, part) => (node === null ? null : childNamed(node, part)), start);
};

const aliasTarget = (kernel: Kernel, alias: string): OfNode | null => {
  const aliases = childNamed(kernel.of.root, 'aliases');
  const value = aliases?.property(alias);
  if (value === undefined || value.length < 2) return null;
  const path = String.fromCharCode(...value.subarray(0, value.length - 1));
  return path.startsWith('/') ? of_find_node_by_path(kernel, path) : null;
};

const childNamed = (node: OfNode, part: string): OfNode | null =>
  node.children.find((child) => child.full_name === part) ??
  (part.includes('@') ? null : (node.children.find((child) => child.name === part) ?? null));

const nextNode = (kernel: Kernel, from: OfNode | null, accept: (node: OfNode) => boolean): OfNode | null => {
  const { nodes } = kernel.of;
  const start = from === null ? 0 : nodes.indexOf(from) + 1;
  for (let i = start; i < nodes.length; i++) if (accept(nodes[i]!)) return nodes[i]!;
  return null;
};

/** The next node after `from` (NULL: from the start) with this name without unit address. */
export const of_find_node_by_name = (kernel: Kernel, from: OfNode | null, name: string): OfNode | null =>
  nextNode(kernel, from, (node) => node.name === name);

/** The next node after `from` that is compatible with a string. */
export const of_find_compatible_node = (kernel: Kernel, from: OfNode | null, compatible: string): OfNode | null =>
  nextNode(kernel, from, (node) => of_device_is_compatible(node, compatible));

/** The next node after `from` that has a property. */
export const of_find_node_with_property = (kernel: Kernel, from: OfNode | null, name: string): OfNode | null =>
  nextNode(kernel, from, (node) => node.property(name) !== undefined);

/** The node with a phandle; NULL if there is none. */
export const of_find_node_by_phandle = (kernel: Kernel, phandle: number): OfNode | null =>
  kernel.of.nodeByPhandle(phandle);
