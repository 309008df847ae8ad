import { show } from '../layout/layout';
import type { PlacedField } from './placed';
import { readNumber, readWide, writeNumber, writeWide } from './placed';
import type { PlacedVariants, ValueNode } from './placed-members';

type Plain = Record<string, unknown>;

/** The name of a value where it has one, else the number. */
export const nameOf = (field: PlacedField, value: number): string | number => {
  if (field.meaning?.kind !== 'values') return value;
  return Object.entries(field.meaning.names).find(([, number]) => number === value)?.[0] ?? value;
};

const readField = (field: PlacedField, lanes: Int32Array, base: number): unknown => {
  if (field.kind === 'wide') return readWide(field, lanes, base);
  const number = readNumber(field, lanes, base);
  return field.kind === 'flag' ? number !== 0 : nameOf(field, number);
};

/** The value of a place with variants: its case and fields, or its words. */
const readVariants = ({ by, cases, offset, size }: PlacedVariants, lanes: Int32Array, base: number): unknown => {
  const opcode = readNumber(by, lanes, base);
  const chosen = cases.find(({ when }) => when.includes(opcode));
  if (chosen !== undefined) return { is: chosen.name, ...readNodes(chosen.placement.nodes, lanes, base) };
  const from = base + (offset >>> 2);
  return { is: 'other', words: Array.from(lanes.subarray(from, from + Math.ceil(size / 4)), (lane) => lane >>> 0) };
};

const readNode = (node: ValueNode, lanes: Int32Array, base: number): unknown => {
  if (node.kind === 'field') return readField(node.field, lanes, base);
  if (node.kind === 'struct') return readNodes(node.nodes, lanes, base);
  if (node.kind === 'array') return node.elements.map((element) => readNode(element, lanes, base));
  return readVariants(node.variants, lanes, base);
};

/** The values of a descriptor's members. */
export const readNodes = (nodes: readonly ValueNode[], lanes: Int32Array, base: number): Plain => {
  const value: Plain = {};
  for (const node of nodes) value[node.key] = readNode(node, lanes, base);
  return value;
};

const numberOf = (field: PlacedField, value: unknown): number => {
  if (typeof value === 'string' && field.meaning?.kind === 'values') return field.meaning.names[value]!;
  return Number(value);
};

const storeVariants = (
  { cases, offset }: PlacedVariants,
  lanes: Int32Array,
  base: number,
  value: Plain & { is: string },
): void => {
  if (value.is === 'other') lanes.set(value['words'] as readonly number[], base + (offset >>> 2));
  else storeNodes(cases.find(({ name }) => name === value.is)!.placement.nodes, lanes, base, value);
};

const storeNode = (node: ValueNode, lanes: Int32Array, base: number, value: unknown): void => {
  if (node.kind === 'field') {
    if (node.field.kind === 'wide') writeWide(node.field, lanes, base, value as bigint);
    else writeNumber(node.field, lanes, base, numberOf(node.field, value));
  } else if (node.kind === 'struct') storeNodes(node.nodes, lanes, base, value as Plain);
  else if (node.kind === 'array') {
    node.elements.forEach((element, i) => storeNode(element, lanes, base, (value as readonly unknown[])[i]));
  } else storeVariants(node.variants, lanes, base, value as Plain & { is: string });
};

/** Stores values that `nodesProblem` has nothing against. */
export const storeNodes = (nodes: readonly ValueNode[], lanes: Int32Array, base: number, value: Plain): void => {
  for (const node of nodes) storeNode(node, lanes, base, value[node.key]);
};

const wideProblem = (field: PlacedField, value: unknown): string | null => {
  const limit = 1n << BigInt(field.bits + field.below);
  if (typeof value !== 'bigint' || value < 0n || value >= limit) {
    return `: ${show(value)} is no number of ${field.bits + field.below} bits`;
  }
  if ((value & ((1n << BigInt(field.below)) - 1n)) === 0n) return null;
  return `: ${show(value)} is no multiple of ${2 ** field.below}`;
};

const fieldProblem = (field: PlacedField, value: unknown): string | null => {
  if (field.kind === 'wide') return wideProblem(field, value);
  if (field.kind === 'flag') return typeof value === 'boolean' ? null : `: ${show(value)} is no flag`;
  if (typeof value === 'string' && field.meaning?.kind === 'values') {
    return Object.hasOwn(field.meaning.names, value) ? null : `: ${show(value)} is none of its names`;
  }
  const fits = Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** field.bits;
  return fits ? null : `: ${show(value)} is no number of ${field.bits} bits`;
};

const variantsProblem = ({ cases, size }: PlacedVariants, value: unknown, path: string): string | null => {
  if (typeof value !== 'object' || value === null) return `${path}: ${show(value)} where a case belongs`;
  const { is, words } = value as { is?: unknown; words?: unknown };
  if (is === 'other') {
    const fits = Array.isArray(words) && words.length === Math.ceil(size / 4);
    return fits ? null : `${path}.words: ${show(words)} where ${Math.ceil(size / 4)} words belong`;
  }
  const chosen = cases.find(({ name }) => name === is);
  if (chosen === undefined) return `${path}.is: ${show(is)} is none of its cases`;
  return nodesProblem(chosen.placement.nodes, value as Plain, path, ['is']);
};

const nodeProblem = (node: ValueNode, value: unknown, path: string): string | null => {
  if (node.kind === 'field') {
    const problem = fieldProblem(node.field, value);
    return problem === null ? null : `${path}${problem}`;
  }
  if (node.kind === 'struct') {
    if (typeof value !== 'object' || value === null) return `${path}: ${show(value)} where a descriptor belongs`;
    return nodesProblem(node.nodes, value as Plain, path);
  }
  if (node.kind === 'variants') return variantsProblem(node.variants, value, path);
  if (!Array.isArray(value) || value.length !== node.elements.length) {
    return `${path}: ${show(value)} where ${node.elements.length} elements belong`;
  }
  for (const [i, element] of node.elements.entries()) {
    const problem = nodeProblem(element, value[i], `${path}[${i}]`);
    if (problem !== null) return problem;
  }
  return null;
};

/** What keeps values from being stored: the path and a sentence; null if nothing does. */
export const nodesProblem = (
  nodes: readonly ValueNode[],
  value: Plain,
  path: string,
  also: readonly string[] = [],
): string | null => {
  for (const node of nodes) {
    const problem = nodeProblem(node, value[node.key], `${path}.${node.key}`);
    if (problem !== null) return problem;
  }
  const unknown = Object.keys(value).find((key) => !also.includes(key) && !nodes.some((node) => node.key === key));
  return unknown === undefined ? null : `${path}: there is no field ${show(unknown)}`;
};
