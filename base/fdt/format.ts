/**
 * Constants of the Devicetree Specification, chapter "Flattened Devicetree (DTB) Format", and the limits of this codec.
 * All words of a blob are big-endian.
 */

/** First word of every blob. */
export const FDT_MAGIC = 0xd00d_feed;
/** The format version that is written, and the oldest that is read (older ones have no `size_dt_struct`). */
export const FDT_VERSION = 17;
/** `last_comp_version` of what is written: readers of version 16 understand it. */
export const FDT_LAST_COMP_VERSION = 16;
/** Bytes of the header of version 17: ten words. */
export const FDT_HEADER_SIZE = 40;
/** Alignment of the memory reservation block, and of a blob in memory. */
export const FDT_RESERVATION_ALIGNMENT = 8;
/** Bytes of an entry of the memory reservation block: two 64-bit words. */
export const FDT_RESERVATION_SIZE = 16;

/** Byte offsets of the header's words (`struct fdt_header`). */
export const HEADER = {
  magic: 0,
  totalsize: 4,
  off_dt_struct: 8,
  off_dt_strings: 12,
  off_mem_rsvmap: 16,
  version: 20,
  last_comp_version: 24,
  boot_cpuid_phys: 28,
  size_dt_strings: 32,
  size_dt_struct: 36,
} as const;

/** Tokens of the structure block, each on a 4-byte boundary. */
export const FDT_BEGIN_NODE = 1;
export const FDT_END_NODE = 2;
export const FDT_PROP = 3;
export const FDT_NOP = 4;
export const FDT_END = 9;

/** Nodes may nest this deep, the root being 1. Linux unflattens as many levels (`FDT_MAX_DEPTH`). */
export const MAX_DEPTH = 64;
/** Longest node name (without unit address) or property name that the specification allows: what is written. */
export const SPEC_NAME_LENGTH = 31;
/**
 * Longest name that is read, unit address included. Trees in the field exceed the specification's 31; the limit
 * keeps a blob without terminators from being scanned from end to end for each of its names.
 */
export const MAX_NAME_LENGTH = 255;

const NODE_NAME = /^[0-9a-zA-Z,._+-]+(?:@[0-9a-zA-Z,._+-]+)?$/;
const PROPERTY_NAME = /^[0-9a-zA-Z,._+?#-]+$/;

/** Whether every character of a node name is allowed, and its unit address has its place ("Node Names"). */
export const isNodeName = (name: string): boolean => NODE_NAME.test(name);
/** Whether every character of a property name is allowed ("Property Names"). */
export const isPropertyName = (name: string): boolean => PROPERTY_NAME.test(name);

/** The next 4-byte boundary at or after an offset. */
export const alignToken = (offset: number): number => Math.ceil(offset / 4) * 4;
