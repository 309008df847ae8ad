import * as fc from 'fast-check';

import { physAddr } from '../../../base/address';
import { DeviceTree, DeviceTreeNode, type DeviceTreeProperty } from '../../../base/fdt';

const characters = Array.from('abcxyzABZ0189,._+-');
const nameText = (extra: string, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...characters, ...Array.from(extra)), minLength: 1, maxLength });

const nodeName = fc
  .tuple(nameText('', 31), fc.option(nameText('', 12), { nil: undefined }))
  .map(([name, unit]) => (unit === undefined ? name : `${name}@${unit}`));

// A phandle has a meaning, and a random value would not be a valid one.
const propertyName = nameText('?#', 31).filter((name) => name !== 'phandle' && name !== 'linux,phandle');

const value = fc.oneof(
  fc.uint8Array({ maxLength: 24 }),
  fc
    .string({ unit: 'binary-ascii', maxLength: 12 })
    .map((text) => Uint8Array.from(`${text}\0`, (c) => c.charCodeAt(0))),
);

const properties = fc.uniqueArray(fc.record<DeviceTreeProperty>({ name: propertyName, value }), {
  selector: (property) => property.name,
  maxLength: 5,
});

interface Shape {
  readonly name: string;
  readonly properties: DeviceTreeProperty[];
  readonly children: Shape[];
}

const shapeBelow = (levels: number): fc.Arbitrary<Shape> =>
  fc.record({
    name: nodeName,
    properties,
    children:
      levels === 0
        ? fc.constant([])
        : fc.uniqueArray(shapeBelow(levels - 1), { selector: (child) => child.name, maxLength: 3 }),
  });

const build = ({ name, properties, children }: Shape): DeviceTreeNode =>
  new DeviceTreeNode(name, { properties, children: children.map(build) });

const reservations = fc.array(
  fc.record({
    address: fc.integer({ min: 0, max: 2 ** 51 }).map(physAddr),
    size: fc.integer({ min: 1, max: 2 ** 51 }),
  }),
  { maxLength: 3 },
);

/** Any valid device tree. */
export const anyTree: fc.Arbitrary<DeviceTree> = fc
  .tuple(shapeBelow(3), reservations, fc.integer({ min: 0, max: 0xffff_ffff }))
  .map(([root, reserved, cpu]) => new DeviceTree(build({ ...root, name: '' }), reserved, cpu));

/** A node as plain data, without links upwards and without what a blob does not keep. */
export const plainNode = (node: DeviceTreeNode): unknown => ({
  name: node.name,
  properties: node.properties.map(({ name, value }) => [name, Buffer.from(value).toString('hex')]),
  children: node.children.map(plainNode),
});

/** A tree as plain data, to compare. */
export const plainTree = (tree: DeviceTree): unknown => ({
  root: plainNode(tree.root),
  reservations: tree.reservations,
  bootCpu: tree.bootCpu,
});
