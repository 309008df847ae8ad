import { ADDRESS_LIMIT, dmaAddr, physAddr, type DmaAddr, type PhysAddr } from '../../base/address';
import { EINVAL, ENODEV } from '../../base/errno';
import { readCell } from '../../base/fdt';
import type { Out } from '../err';
import type { OfNode } from './of-node';
import {
  of_parse_phandle_with_args,
  of_property_match_string,
  of_property_read_bool,
  of_property_read_u32,
} from './property';

/** Address and size cells, at most (`OF_MAX_ADDR_CELLS`). */
const MAX_CELLS = 4;
const U64_MASK = (1n << 64n) - 1n;
/** `OF_BAD_ADDR`: the address cannot be translated. */
export const OF_BAD_ADDR = U64_MASK;

/** Address cells of a node's children, by the nearest ancestor that says (1 if none does). */
export const of_n_addr_cells = (np: OfNode): number => inheritedCells(np, '#address-cells');
/** Size cells of a node's children. */
export const of_n_size_cells = (np: OfNode): number => inheritedCells(np, '#size-cells');

const inheritedCells = (np: OfNode, name: string): number => {
  const cells: Out<number> = { value: 1 };
  for (let node = np.parent ?? np; ; node = node.parent) {
    if (of_property_read_u32(node, name, cells) === 0) return cells.value;
    if (node.parent === null) return 1;
  }
};

const countsOk = (na: number, ns: number): boolean => na > 0 && na <= MAX_CELLS && ns > 0 && ns <= MAX_CELLS;
const addressCountOk = (na: number): boolean => na > 0 && na <= MAX_CELLS;

/** The number in `count` cells; bits above 63 are lost, as in `of_read_number`. */
const readBig = (value: Uint8Array, at: number, count: number): bigint => {
  let number = 0n;
  for (let i = 0; i < count; i++) number = ((number << 32n) | BigInt(readCell(value, at + i) ?? 0)) & U64_MASK;
  return number;
};

type ParentOf = (np: OfNode) => OfNode | null;
const busParent: ParentOf = (np) => np.parent;

/** Moves an address one bus up through `ranges` (or `dma-ranges`) of `bus`; `OF_BAD_ADDR` if no window has it. */
const translateOne = (bus: OfNode, address: bigint, na: number, ns: number, pna: number, rprop: string): bigint => {
  const ranges = bus.property(rprop);
  if (ranges === undefined && rprop !== 'dma-ranges') return OF_BAD_ADDR;
  if (ranges === undefined || ranges.length === 0) return address;
  const width = na + pna + ns;
  const count = Math.floor(ranges.length / 4 / width);
  for (let entry = 0; entry < count; entry++) {
    const at = entry * width;
    const child = readBig(ranges, at, na);
    const size = readBig(ranges, at + na + pna, ns);
    if (address < child || address - child >= size) continue;
    return (readBig(ranges, at + na, pna) + (address - child)) & U64_MASK;
  }
  return OF_BAD_ADDR;
};

const translate = (np: OfNode, address: bigint, rprop: string, parentOf: ParentOf): bigint => {
  let node = np;
  let bus = parentOf(np);
  if (bus === null) return OF_BAD_ADDR;
  let na = of_n_addr_cells(node);
  let ns = of_n_size_cells(node);
  if (!countsOk(na, ns)) return OF_BAD_ADDR;
  for (let current = address; ;) {
    node = bus;
    bus = parentOf(node);
    if (bus === null) return current;
    const pna = of_n_addr_cells(node);
    const pns = of_n_size_cells(node);
    if (!countsOk(pna, pns)) return OF_BAD_ADDR;
    current = translateOne(node, current, na, ns, pna, rprop);
    if (current === OF_BAD_ADDR) return OF_BAD_ADDR;
    na = pna;
    ns = pns;
  }
};

/** A bus address in the `reg` of a node as a CPU address, through all buses above; `OF_BAD_ADDR` if it has none. */
export const of_translate_address = (np: OfNode, address: bigint): bigint =>
  translate(np, address, 'ranges', busParent);

/** A DMA address of a node as a CPU address, through the `dma-ranges` of its DMA parents. */
export const of_translate_dma_address = (np: OfNode, address: bigint): bigint =>
  translate(np, address, 'dma-ranges', of_get_next_dma_parent);

/** One entry of a `reg` property, in the address space of the node's bus. */
export interface OfAddress {
  readonly address: bigint;
  readonly size: bigint;
}

/** The `index`-th entry of `reg`; NULL if there is none, or the bus has no addresses. */
export const of_get_address = (np: OfNode, index: number): OfAddress | null => {
  const value = np.property('reg');
  if (value === undefined || np.parent === null) return null;
  const na = of_n_addr_cells(np);
  const ns = of_n_size_cells(np);
  if (!addressCountOk(na) || ns > MAX_CELLS) return null;
  const at = index * (na + ns);
  if ((at + na + ns) * 4 > value.length) return null;
  return { address: readBig(value, at, na), size: readBig(value, at + na, ns) };
};

/** Registers of a device as the CPU sees them (`struct resource` of type IORESOURCE_MEM). */
export interface Resource {
  readonly name: string;
  readonly start: PhysAddr;
  /** The last byte. */
  readonly end: number;
}

/** `resource_size()`. */
export const resource_size = (resource: Resource): number => resource.end - resource.start + 1;

/** The `index`-th entry of `reg` as a resource. `-EINVAL` if it is missing or cannot be translated. */
export const of_address_to_resource = (np: OfNode, index: number): Resource | number => {
  const entry = of_get_address(np, index);
  if (entry === null) return -EINVAL;
  const start = of_translate_address(np, entry.address);
  if (start === OF_BAD_ADDR || start + entry.size > BigInt(ADDRESS_LIMIT)) return -EINVAL;
  const names: Out<string> = { value: np.full_name };
  nameOf(np, index, names);
  return { name: names.value, start: physAddr(Number(start)), end: Number(start + entry.size) - 1 };
};

const nameOf = (np: OfNode, index: number, into: Out<string>): void => {
  const value = np.property('reg-names');
  if (value === undefined) return;
  const name = String.fromCharCode(...value).split('\0')[index];
  if (name !== undefined && name !== '') into.value = name;
};

/** The index of a name in `reg-names`, or an error number. */
export const of_reg_name_index = (np: OfNode, name: string): number => of_property_match_string(np, 'reg-names', name);

/** The next bus on a device's way to memory: what `interconnects` calls `dma-mem`, else its parent. */
export const of_get_next_dma_parent = (np: OfNode): OfNode | null => {
  const index = of_property_match_string(np, 'interconnect-names', 'dma-mem');
  if (index < 0) return np.parent;
  const args = of_parse_phandle_with_args(np, 'interconnects', '#interconnect-cells', index);
  return typeof args === 'number' ? np.parent : args.np;
};

/**
 * Whether a device's DMA sees the CPU's caches: the nearest `dma-coherent` or `dma-noncoherent` on its way to memory
 * decides. RISC-V takes devices for coherent if nothing is said (`ARCH_DMA_DEFAULT_COHERENT`).
 */
export const of_dma_is_coherent = (np: OfNode): boolean => {
  for (const node of dmaPath(np)) {
    if (of_property_read_bool(node, 'dma-coherent')) return true;
    if (of_property_read_bool(node, 'dma-noncoherent')) return false;
  }
  return true;
};

/** A node and its DMA parents. A circle of interconnects ends where it closes. */
const dmaPath = function* (np: OfNode): Generator<OfNode, void, undefined> {
  const seen = new Set<OfNode>();
  for (let node: OfNode | null = np; node !== null && !seen.has(node); node = of_get_next_dma_parent(node)) {
    seen.add(node);
    yield node;
  }
};

/** One window of a bus onto memory (`struct bus_dma_region`). */
export interface OfDmaRange {
  readonly cpu_start: PhysAddr;
  readonly dma_start: DmaAddr;
  readonly size: number;
}

/**
 * The windows through which a device sees memory: those of the nearest non-empty `dma-ranges` at or above `np` (pass the
 * device's parent, as buses own the property).
 *
 * @returns `-ENODEV` if there are none, so that bus addresses are physical ones; `-EINVAL` if none can be translated
 */
export const of_dma_get_range = (np: OfNode): OfDmaRange[] | number => {
  let found = false;
  for (const node of dmaPath(np)) {
    const value = node.property('dma-ranges');
    if (value !== undefined && value.length > 0) {
      const ranges = parseDmaRanges(node, value);
      return ranges.length > 0 ? ranges : -EINVAL;
    }
    if (found && value === undefined) return -ENODEV;
    found = true;
  }
  return -ENODEV;
};

const ownCells = (np: OfNode, name: string): number => {
  const cells: Out<number> = { value: 0 };
  return of_property_read_u32(np, name, cells) === 0
    ? cells.value
    : name === '#size-cells'
      ? of_n_size_cells(np)
      : of_n_addr_cells(np);
};

const parseDmaRanges = (node: OfNode, value: Uint8Array): OfDmaRange[] => {
  const na = ownCells(node, '#address-cells');
  const ns = ownCells(node, '#size-cells');
  const pna = of_n_addr_cells(node);
  if (!countsOk(na, ns) || !addressCountOk(pna)) return [];
  const width = na + pna + ns;
  const ranges: OfDmaRange[] = [];
  for (let at = 0; (at + width) * 4 <= value.length; at += width) {
    const size = readBig(value, at + na + pna, ns);
    const cpu = of_translate_dma_address(node, readBig(value, at + na, pna));
    if (cpu === OF_BAD_ADDR || cpu >= BigInt(ADDRESS_LIMIT) || size === 0n) continue;
    ranges.push({
      cpu_start: physAddr(Number(cpu)),
      dma_start: dmaAddr(readBig(value, at, na)),
      size: Number(size),
    });
  }
  return ranges;
};
