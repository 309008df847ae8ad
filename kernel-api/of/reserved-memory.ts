import type { PhysAddr } from '../../base/address';
import type { OfNode } from './of-node';
import { of_parse_phandle } from './property';

/** A region of `/reserved-memory`, with its place fixed (`struct reserved_mem`). */
export interface ReservedMem {
  readonly node: OfNode;
  readonly name: string;
  readonly base: PhysAddr;
  /** Bytes. */
  readonly size: number;
  /** The kernel has no mapping of it. */
  readonly noMap: boolean;
}

/** The region that a node of `/reserved-memory` describes; NULL if it describes none. */
export const of_reserved_mem_lookup = (np: OfNode): ReservedMem | null =>
  np.tree.reservedMemory.find((region) => region.node === np) ?? null;

/** The region that the `index`-th phandle of a device's `memory-region` names; NULL if there is none. */
export const of_reserved_mem_region = (np: OfNode, index: number): ReservedMem | null => {
  const node = of_parse_phandle(np, 'memory-region', index);
  return node === null ? null : of_reserved_mem_lookup(node);
};
