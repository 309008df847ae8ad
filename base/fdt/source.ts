/**
 * A device tree as one writes it: nodes have labels, values refer to them, and phandles are not anyone's business.
 */
import { LabError } from '../errors';
import { MAX_DEPTH } from './format';
import { DeviceTreeNode, type DeviceTreeProperty, type PhandleUse } from './tree';
import { cells } from './values';

/** Stands for the phandle of the node with a label. */
export interface LabelReference {
  readonly label: string;
}

/** A piece of a value: bytes, or a cell that will hold a phandle. */
export type ValuePart = Uint8Array | LabelReference;

/** A property whose references are still labels. */
export interface PropertySource {
  readonly name: string;
  readonly value: readonly ValuePart[];
}

/** A node whose references are still labels. */
export interface NodeSource {
  /** With unit address; empty for the root. */
  readonly name: string;
  readonly label?: string;
  readonly properties?: readonly PropertySource[];
  readonly children?: readonly NodeSource[];
}

/** A property of the given pieces, one after the other; without any, an empty one. */
export const property = (name: string, ...value: ValuePart[]): PropertySource => ({ name, value });

/** A cell with the phandle of the node that has this label. */
export const reference = (label: string): LabelReference => ({ label });

const visit = (node: NodeSource, path: string, action: (node: NodeSource, path: string) => void, depth = 1): void => {
  if (depth > MAX_DEPTH) throw new LabError(`Device tree node ${path} is nested more than ${MAX_DEPTH} deep.`);
  action(node, path === '' ? '/' : path);
  for (const child of node.children ?? []) visit(child, `${path}/${child.name}`, action, depth + 1);
};

const labelPlaces = (root: NodeSource): Map<string, string> => {
  const places = new Map<string, string>();
  visit(root, '', ({ label }, path) => {
    if (label === undefined) return;
    const other = places.get(label);
    if (other !== undefined) {
      throw new LabError(`Device tree nodes ${other} and ${path} both have the label "${label}".`, { what: path });
    }
    places.set(label, path);
  });
  return places;
};

const usedLabels = (root: NodeSource, places: Map<string, string>): Set<string> => {
  const used = new Set<string>();
  visit(root, '', (node, path) => {
    for (const { name, value } of node.properties ?? []) {
      for (const part of value) {
        if (part instanceof Uint8Array) continue;
        if (!places.has(part.label)) {
          throw new LabError(`Property "${name}" of ${path} refers to "${part.label}", and no node has that label.`, {
            what: path,
          });
        }
        used.add(part.label);
      }
    }
  });
  return used;
};

const assignPhandles = (root: NodeSource): Map<string, number> => {
  const places = labelPlaces(root);
  const used = usedLabels(root, places);
  const phandles = new Map<string, number>();
  for (const label of places.keys()) {
    if (used.has(label)) phandles.set(label, phandles.size + 1);
  }
  return phandles;
};

const resolve = ({ name, value }: PropertySource, phandles: Map<string, number>): DeviceTreeProperty => {
  const [only] = value;
  if (value.length === 1 && only instanceof Uint8Array) return { name, value: only };
  const references: PhandleUse[] = [];
  const parts: Uint8Array[] = [];
  let length = 0;
  for (const part of value) {
    const bytes = part instanceof Uint8Array ? part : cells(phandles.get(part.label)!);
    if (!(part instanceof Uint8Array)) references.push({ at: length, label: part.label });
    parts.push(bytes);
    length += bytes.length;
  }
  const joined = new Uint8Array(length);
  let at = 0;
  for (const bytes of parts) {
    joined.set(bytes, at);
    at += bytes.length;
  }
  return references.length === 0 ? { name, value: joined } : { name, value: joined, references };
};

const build = (source: NodeSource, phandles: Map<string, number>): DeviceTreeNode => {
  const properties = (source.properties ?? []).map((each) => resolve(each, phandles));
  const phandle = source.label === undefined ? undefined : phandles.get(source.label);
  if (phandle !== undefined) properties.push({ name: 'phandle', value: cells(phandle) });
  const children = (source.children ?? []).map((child) => build(child, phandles));
  return new DeviceTreeNode(source.name, { properties, children, label: source.label });
};

/**
 * Resolves labels: nodes that are referred to get phandles, counted from 1 in the order of the tree. A label that two
 * nodes have, or that no node has, is a `LabError` that names the places.
 */
export const assemble = (root: NodeSource): DeviceTreeNode => build(root, assignPhandles(root));
