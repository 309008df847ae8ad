import { hex } from '../u64';
import type { DeviceTree, DeviceTreeNode, DeviceTreeProperty, PhandleUse } from './tree';
import { readCells, readStrings } from './values';

const PRINTABLE = /^[\x20-\x7e]+$/;

const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

const cellTexts = (values: readonly number[], references: readonly PhandleUse[]): string => {
  const labels = new Map(references.map(({ at, label }) => [at / 4, label]));
  const texts = values.map((value, i) => (labels.has(i) ? `&${labels.get(i)!}` : hex(value)));
  return `<${texts.join(' ')}>`;
};

/** Values have no types. As `dtc` does, what can be strings is shown as strings, then cells, then bytes. */
const valueText = ({ value, references = [] }: DeviceTreeProperty): string => {
  const numbers = readCells(value);
  if (references.length > 0 && numbers !== undefined) return cellTexts(numbers, references);
  const texts = readStrings(value);
  if (texts?.every((text) => PRINTABLE.test(text))) return texts.map(quoted).join(', ');
  if (numbers !== undefined) return cellTexts(numbers, []);
  return `[${Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join(' ')}]`;
};

const propertyLine = (property: DeviceTreeProperty): string =>
  property.value.length === 0 ? `${property.name};` : `${property.name} = ${valueText(property)};`;

const nodeLines = (node: DeviceTreeNode, indent: string): string[] => {
  const inner = `${indent}\t`;
  const label = node.label === undefined ? '' : `${node.label}: `;
  const lines = [`${indent}${label}${node.name === '' ? '/' : node.name} {`];
  for (const property of node.properties) lines.push(inner + propertyLine(property));
  for (const child of node.children) {
    if (lines.length > 1) lines.push('');
    for (const line of nodeLines(child, inner)) lines.push(line);
  }
  lines.push(`${indent}};`);
  return lines;
};

/**
 * The tree as device tree source, which `dtc` compiles to the same tree (only the boot CPU's id has no place in it).
 * Labels are shown where they are known.
 */
export const toDts = (tree: DeviceTree): string => {
  const reservations = tree.reservations.map(({ address, size }) => `/memreserve/ ${hex(address)} ${hex(size)};`);
  const head = ['/dts-v1/;', '', ...reservations, ...(reservations.length > 0 ? [''] : [])];
  return [...head, ...nodeLines(tree.root, '')].join('\n') + '\n';
};
