import { EFAULT, EINVAL, ENOENT, EPROBE_DEFER } from '../../base/errno';
import { readCell } from '../../base/fdt';
import type { Out } from '../err';
import type { OfNode } from './of-node';
import {
  MAX_PHANDLE_ARGS,
  of_device_is_available,
  of_parse_phandle,
  of_parse_phandle_with_args,
  of_property_match_string,
  of_property_read_bool,
  of_property_read_u32,
  of_property_read_u32_index,
  type OfPhandleArgs,
} from './property';

/** The interrupt parent of a node: the nearest `interrupt-parent` at or above it, else the nearest controller above. */
export const of_irq_find_parent = (child: OfNode): OfNode | null => {
  const seen = new Set<OfNode>();
  for (let node: OfNode | null = child; node !== null && !seen.has(node);) {
    seen.add(node);
    const parent: OfNode | null = of_parse_phandle(node, 'interrupt-parent', 0) ?? node.parent;
    if (parent !== null && of_property_read_bool(parent, '#interrupt-cells')) return parent;
    node = parent;
  }
  return null;
};

const firstSpecifier = (np: OfNode, index: number): OfPhandleArgs | number => {
  const extended = of_parse_phandle_with_args(np, 'interrupts-extended', '#interrupt-cells', index);
  if (typeof extended !== 'number') return extended;
  const parent = of_irq_find_parent(np);
  const cells: Out<number> = { value: 0 };
  if (parent === null || of_property_read_u32(parent, '#interrupt-cells', cells) !== 0) return -EINVAL;
  const args: number[] = [];
  for (let i = 0; i < Math.min(cells.value, MAX_PHANDLE_ARGS); i++) {
    const cell: Out<number> = { value: 0 };
    const error = of_property_read_u32_index(np, 'interrupts', index * cells.value + i, cell);
    if (error !== 0) return error;
    args.push(cell.value);
  }
  return { np: parent, args };
};

/** `#address-cells` as the interrupt tree inherits it: from the nearest node at or above; 2 if nobody says. */
const addressCells = (np: OfNode): number => {
  const cells: Out<number> = { value: 2 };
  for (let node: OfNode | null = np; node !== null; node = node.parent) {
    if (of_property_read_u32(node, '#address-cells', cells) === 0) return cells.value;
  }
  return 2;
};

const cellsOf = (value: Uint8Array | undefined, count: number): number[] =>
  Array.from({ length: count }, (_, i) => (value === undefined ? 0 : (readCell(value, i) ?? 0)));

/** What an `interrupt-map` row says about the other side. */
interface MapRow {
  readonly parent: OfNode;
  readonly address: number[];
  readonly args: number[];
  readonly next: number;
}

const readMapRow = (np: OfNode, map: Uint8Array, at: number): MapRow | number => {
  const parent = np.tree.nodeByPhandle(readCell(map, at) ?? 0);
  const cells: Out<number> = { value: 0 };
  if (parent === null || of_property_read_u32(parent, '#interrupt-cells', cells) !== 0) return -EINVAL;
  const own: Out<number> = { value: 0 };
  const address = of_property_read_u32(parent, '#address-cells', own) === 0 ? own.value : 0;
  const end = at + 1 + address + cells.value;
  if (address + cells.value > MAX_PHANDLE_ARGS) return -EFAULT;
  if (end * 4 > map.length) return -EINVAL;
  const words = Array.from({ length: address + cells.value }, (_, i) => readCell(map, at + 1 + i)!);
  return { parent, address: words.slice(0, address), args: words.slice(address), next: end };
};

const followMap = (np: OfNode, map: Uint8Array, match: readonly number[]): MapRow | number => {
  const mask = np.property('interrupt-map-mask');
  for (let at = 0; (at + match.length + 1) * 4 < map.length;) {
    const matches = match.every((cell, i) => {
      const care = mask === undefined ? 0xffff_ffff : (readCell(mask, i) ?? 0);
      return ((cell ^ readCell(map, at + i)!) & care) === 0;
    });
    const row = readMapRow(np, map, at + match.length);
    if (typeof row === 'number') return row;
    if (matches && of_device_is_available(row.parent)) return row;
    at = row.next;
  }
  return -EINVAL;
};

/** Interrupt trees nest no deeper than device trees do; a map that leads in a circle is malformed. */
const MAX_HOPS = 64;

/** Walks up the interrupt tree, through `interrupt-map`s, to the controller that takes the interrupt (`of_irq_parse_raw`). */
const resolve = (start: OfPhandleArgs, reg: Uint8Array | undefined): OfPhandleArgs | number => {
  let node: OfNode | null = start.np;
  let args = start.args;
  let address: number[] = cellsOf(reg, Math.min(addressCells(start.np), MAX_PHANDLE_ARGS));
  if (address.length + args.length > MAX_PHANDLE_ARGS) return -EFAULT;
  for (let hop = 0; node !== null && hop < MAX_HOPS; hop++) {
    const map: Uint8Array | undefined = node.property('interrupt-map');
    if (map === undefined) {
      if (of_property_read_bool(node, 'interrupt-controller')) return { np: node, args };
      node = of_irq_find_parent(node);
      continue;
    }
    const row: MapRow | number = followMap(node, map, [...address, ...args]);
    if (typeof row === 'number') return row;
    if (row.parent === node) return { np: node, args: row.args };
    node = row.parent;
    args = row.args;
    address = row.address;
  }
  return node === null ? -ENOENT : -EINVAL;
};

/** The controller and the specifier of a node's `index`-th interrupt, or an error number. */
export const of_irq_parse_one = (np: OfNode, index: number): OfPhandleArgs | number => {
  const specifier = firstSpecifier(np, index);
  if (typeof specifier === 'number') return specifier;
  return resolve(specifier, np.property('reg')?.subarray(0, 12));
};

/**
 * The kernel's number for a node's `index`-th interrupt. `-EPROBE_DEFER` while its controller has no driver, 0 if the controller cannot make sense of the specifier, another error
 * number if the node has no such interrupt or it makes no sense.
 */
export const of_irq_get = (np: OfNode, index: number): number => {
  const specifier = of_irq_parse_one(np, index);
  if (typeof specifier === 'number') return specifier;
  const { irq } = np.tree.kernel;
  const domain = irq.domainOf(specifier.np);
  if (domain === undefined) return -EPROBE_DEFER;
  const number = irq.map(domain, specifier.args);
  return Math.max(number, 0);
};

/** `of_irq_get` by `interrupt-names`. `-EINVAL` if the name is not there. */
export const of_irq_get_byname = (np: OfNode, name: string): number => {
  const index = of_property_match_string(np, 'interrupt-names', name);
  return index < 0 ? -EINVAL : of_irq_get(np, index);
};

/** How many interrupts a node has. */
export const of_irq_count = (np: OfNode): number => {
  let count = 0;
  while (typeof of_irq_parse_one(np, count) !== 'number') count++;
  return count;
};
