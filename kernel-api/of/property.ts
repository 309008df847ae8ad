import { EILSEQ, EINVAL, ENODATA, ENOENT, EOVERFLOW } from '../../base/errno';
import { readCell, readStrings } from '../../base/fdt';
import type { Out } from '../err';
import type { OfNode } from './of-node';

/**
 * Reading properties (`drivers/of/property.c`). A property that is missing, empty or malformed is an error number,
 * whatever the tree holds.
 */

const CELL = 4;
/** Arguments of a phandle, at most (`MAX_PHANDLE_ARGS`). */
export const MAX_PHANDLE_ARGS = 16;

/** Whether a property is there, with any value (`of_property_present`). */
export const of_property_present = (np: OfNode, propname: string): boolean => np.property(propname) !== undefined;

/** Whether a property is there: what booleans are in a device tree. */
export const of_property_read_bool = of_property_present;

const sized = (np: OfNode, propname: string, bytes: number): Uint8Array | number => {
  const value = np.property(propname);
  if (value === undefined) return -EINVAL;
  return value.length < bytes ? -EOVERFLOW : value;
};

/** A cell by its index. 0, `-EINVAL` without the property, `-EOVERFLOW` if it is too short. */
export const of_property_read_u32_index = (
  np: OfNode,
  propname: string,
  index: number,
  out_value: Out<number>,
): number => {
  const value = sized(np, propname, (index + 1) * CELL);
  if (typeof value === 'number') return value;
  out_value.value = readCell(value, index)!;
  return 0;
};

/** The first cell. */
export const of_property_read_u32 = (np: OfNode, propname: string, out_value: Out<number>): number =>
  of_property_read_u32_index(np, propname, 0, out_value);

/** The first two cells as one number, high half first. */
export const of_property_read_u64 = (np: OfNode, propname: string, out_value: Out<bigint>): number => {
  const value = sized(np, propname, 2 * CELL);
  if (typeof value === 'number') return value;
  out_value.value = (BigInt(readCell(value, 0)!) << 32n) | BigInt(readCell(value, 1)!);
  return 0;
};

/** The first `sz` cells, or an error number. */
export const of_property_read_u32_array = (np: OfNode, propname: string, out_values: number[], sz: number): number => {
  const value = sized(np, propname, sz * CELL);
  if (typeof value === 'number') return value;
  for (let i = 0; i < sz; i++) out_values[i] = readCell(value, i)!;
  return 0;
};

/** How many elements of a size a property holds; `-EINVAL` without it or if it is no whole number of them. */
export const of_property_count_elems_of_size = (np: OfNode, propname: string, elem_size: number): number => {
  const value = np.property(propname);
  if (value === undefined) return -EINVAL;
  return value.length % elem_size === 0 ? value.length / elem_size : -EINVAL;
};

/** How many cells a property holds. */
export const of_property_count_u32_elems = (np: OfNode, propname: string): number =>
  of_property_count_elems_of_size(np, propname, CELL);

const stringsOf = (np: OfNode, propname: string): string[] | number => {
  const value = np.property(propname);
  if (value === undefined) return -EINVAL;
  if (value.length === 0) return -ENODATA;
  return readStrings(value) ?? -EILSEQ;
};

/**
 * The first string of a property. `-EINVAL` without it, `-ENODATA` if it is empty, `-EILSEQ` if its end is missing.
 */
export const of_property_read_string = (np: OfNode, propname: string, out_string: Out<string>): number => {
  const value = np.property(propname);
  if (value === undefined) return -EINVAL;
  if (value.length === 0) return -ENODATA;
  const end = value.indexOf(0);
  if (end < 0) return -EILSEQ;
  out_string.value = String.fromCharCode(...value.subarray(0, end));
  return 0;
};

/** All strings of a property, or an error number as `of_property_read_string` has them. */
export const of_property_read_string_list = (np: OfNode, propname: string): string[] | number =>
  stringsOf(np, propname);

/** A string by its index; `-ENODATA` past the last. */
export const of_property_read_string_index = (
  np: OfNode,
  propname: string,
  index: number,
  out_string: Out<string>,
): number => {
  const strings = stringsOf(np, propname);
  if (typeof strings === 'number') return strings;
  const string = strings[index];
  if (string === undefined) return -ENODATA;
  out_string.value = string;
  return 0;
};

/** How many strings a property holds, or an error number. */
export const of_property_count_strings = (np: OfNode, propname: string): number => {
  const strings = stringsOf(np, propname);
  return typeof strings === 'number' ? strings : strings.length;
};

/** The index of a string in a list; `-ENODATA` if it is not there. */
export const of_property_match_string = (np: OfNode, propname: string, string: string): number => {
  const strings = stringsOf(np, propname);
  if (typeof strings === 'number') return strings;
  const index = strings.indexOf(string);
  return index < 0 ? -ENODATA : index;
};

/** Whether `compatible` names a string. A malformed property is compatible with nothing. */
export const of_device_is_compatible = (np: OfNode, compatible: string): boolean =>
  np.compatible.includes(compatible.toLowerCase());

/** Whether the device may be used: `status` is absent, `okay` or `ok`. */
export const of_device_is_available = (np: OfNode): boolean => {
  if (!of_property_present(np, 'status')) return true;
  const status: Out<string> = { value: '' };
  return of_property_read_string(np, 'status', status) === 0 && (status.value === 'okay' || status.value === 'ok');
};

/** A phandle with the cells that follow it (`struct of_phandle_args`). */
export interface OfPhandleArgs {
  readonly np: OfNode;
  readonly args: readonly number[];
}

/** One entry of a list of phandles: where its arguments are, and whom it names. */
interface PhandleEntry {
  readonly np: OfNode | null;
  readonly at: number;
  readonly count: number;
}

const entryAt = (
  np: OfNode,
  value: Uint8Array,
  at: number,
  cells_name: string | null,
  count: number,
): PhandleEntry | number => {
  const phandle = readCell(value, at);
  if (phandle === undefined) return -EINVAL;
  if (phandle === 0) return { np: null, at: at + 1, count: 0 };
  const target = np.tree.nodeByPhandle(phandle);
  const cells: Out<number> = { value: count };
  if (cells_name !== null) {
    if (target === null) return -EINVAL;
    const error = of_property_read_u32(target, cells_name, cells);
    if (error !== 0 && count < 0) return -EINVAL;
  }
  if ((at + 1 + cells.value) * CELL > value.length) return -EINVAL;
  return { np: target, at: at + 1, count: cells.value };
};

const parsePhandle = (
  np: OfNode,
  list_name: string,
  cells_name: string | null,
  cell_count: number,
  index: number,
): OfPhandleArgs | number => {
  const value = np.property(list_name);
  if (value === undefined || index < 0) return value === undefined ? -ENOENT : -EINVAL;
  let at = 0;
  for (let current = 0; at * CELL < value.length; current++) {
    const entry = entryAt(np, value, at, cells_name, cell_count);
    if (typeof entry === 'number') return entry;
    if (current === index) {
      if (entry.np === null) return -ENOENT;
      const count = Math.min(entry.count, MAX_PHANDLE_ARGS);
      return { np: entry.np, args: Array.from({ length: count }, (_, i) => readCell(value, entry.at + i)!) };
    }
    at = entry.at + entry.count;
  }
  return -ENOENT;
};

/**
 * The `index`-th phandle of a list with its arguments; `cells_name` (`#dma-cells`) is the property of the target that says
 * how many there are. `-ENOENT` past the end, without the property and for an empty entry, `-EINVAL` if it is malformed.
 */
export const of_parse_phandle_with_args = (
  np: OfNode,
  list_name: string,
  cells_name: string,
  index: number,
): OfPhandleArgs | number => parsePhandle(np, list_name, cells_name, -1, index);

/** As `of_parse_phandle_with_args`, with a number of arguments that is the same for all. */
export const of_parse_phandle_with_fixed_args = (
  np: OfNode,
  list_name: string,
  cell_count: number,
  index: number,
): OfPhandleArgs | number => parsePhandle(np, list_name, null, cell_count, index);

/** How many entries a list of phandles has, or an error number. */
export const of_count_phandle_with_args = (np: OfNode, list_name: string, cells_name: string): number => {
  const value = np.property(list_name);
  if (value === undefined) return -ENOENT;
  let count = 0;
  for (let at = 0; at * CELL < value.length; count++) {
    const entry = entryAt(np, value, at, cells_name, -1);
    if (typeof entry === 'number') return entry;
    at = entry.at + entry.count;
  }
  return count;
};

/** The node that the `index`-th phandle of a list without arguments names; NULL if there is none. */
export const of_parse_phandle = (np: OfNode, phandle_name: string, index: number): OfNode | null => {
  const parsed = of_parse_phandle_with_fixed_args(np, phandle_name, 0, index);
  return typeof parsed === 'number' ? null : parsed.np;
};
