import { readStrings, type DeviceTreeNode } from '../../base/fdt';
import type { DeviceTree } from './device-tree';

/** `struct device_node`: a node of the device tree as the kernel keeps it. */
export class OfNode {
  /** The tree it is in; through it, the kernel. */
  readonly tree: DeviceTree;
  /** Name with unit address: `dma-controller@3000000`. */
  readonly full_name: string;
  /** Name without unit address. */
  readonly name: string;
  readonly parent: OfNode | null;
  readonly children: OfNode[] = [];
  /** What other nodes refer to it by; 0 if it has none. */
  readonly phandle: number;
  /** A device was created for it (`OF_POPULATED`). */
  populated = false;
  private readonly source: DeviceTreeNode;
  private compatibleNames: readonly string[] | undefined;

  constructor(tree: DeviceTree, source: DeviceTreeNode, parent: OfNode | null, phandle: number) {
    this.tree = tree;
    this.source = source;
    this.full_name = source.name;
    const at = source.name.indexOf('@');
    this.name = at < 0 ? source.name : source.name.slice(0, at);
    this.parent = parent;
    this.phandle = phandle;
  }

  /** Full path, as `%pOF` prints it. */
  get path(): string {
    return this.source.path;
  }

  /** The bytes of a property; undefined if it is not there. Not to be written to. */
  property(name: string): Uint8Array | undefined {
    for (const property of this.source.properties) if (property.name === name) return property.value;
    return undefined;
  }

  /** The strings of `compatible` in lower case. A malformed property has none. */
  get compatible(): readonly string[] {
    this.compatibleNames ??= (readStrings(this.property('compatible') ?? new Uint8Array()) ?? []).map((each) =>
      each.toLowerCase(),
    );
    return this.compatibleNames;
  }
}
