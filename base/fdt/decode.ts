import { hex } from '../u64';
import { badBlob } from './blob-error';
import {
  alignToken,
  FDT_BEGIN_NODE,
  FDT_END,
  FDT_END_NODE,
  FDT_NOP,
  FDT_PROP,
  isNodeName,
  isPropertyName,
  MAX_DEPTH,
  MAX_NAME_LENGTH,
} from './format';
import { type Block, checkOverlap, type FdtHeader, readHeader, readReservations } from './header';
import { SeenNames } from './seen-names';
import { DeviceTree, DeviceTreeNode, type DeviceTreeProperty } from './tree';

/** A node whose end has not been reached. */
interface OpenNode {
  readonly name: string;
  readonly properties: DeviceTreeProperty[];
  readonly propertyNames: SeenNames;
  readonly children: DeviceTreeNode[];
  readonly childNames: SeenNames;
}

/**
 * Walks the structure block once, from token to token. What is open is kept in a list rather than on the call stack, so
 * depth is a number to be checked, and no token is visited twice.
 */
class StructureReader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly strings: Block;
  private readonly end: number;
  private at: number;
  private readonly open: OpenNode[] = [];
  private root: DeviceTreeNode | undefined;
  /** Names of properties by their offset: most are used often. */
  private readonly propertyNames = new Map<number, string>();

  constructor(bytes: Uint8Array, view: DataView, { structure, strings }: FdtHeader) {
    this.bytes = bytes;
    this.view = view;
    this.strings = strings;
    this.at = structure.at;
    this.end = structure.at + structure.size;
  }

  read(): DeviceTreeNode {
    for (;;) {
      const start = this.at;
      const token = this.word();
      if (token === FDT_BEGIN_NODE) this.beginNode(start);
      else if (token === FDT_END_NODE) this.endNode(start);
      else if (token === FDT_PROP) this.property(start);
      else if (token === FDT_END) return this.finish(start);
      else if (token !== FDT_NOP) badBlob(start, `${hex(token)} is no token of the structure block`);
    }
  }

  private word(): number {
    if (this.at + 4 > this.end) badBlob(this.at, 'the structure block ends too early');
    const word = this.view.getUint32(this.at);
    this.at += 4;
    return word;
  }

  private beginNode(start: number): void {
    const name = this.text(this.at, this.end, 'node name');
    const parent = this.open.at(-1);
    if (parent === undefined) {
      if (this.root !== undefined) badBlob(start, 'there is a second root node');
      if (name !== '') badBlob(start, `the root node has the name "${name}"`);
    } else {
      if (!isNodeName(name)) badBlob(start, `"${name}" is not a valid node name`);
      if (!parent.childNames.add(name)) badBlob(start, `a second node "${name}" has the same parent`);
    }
    if (this.open.length >= MAX_DEPTH) badBlob(start, `nodes are nested more than ${MAX_DEPTH} deep`);
    this.open.push({ name, properties: [], propertyNames: new SeenNames(), children: [], childNames: new SeenNames() });
    this.at = alignToken(this.at + name.length + 1);
  }

  private endNode(start: number): void {
    const done = this.open.pop();
    if (done === undefined) return badBlob(start, 'a node ends that has not begun');
    const node = new DeviceTreeNode(done.name, { properties: done.properties, children: done.children });
    const parent = this.open.at(-1);
    if (parent === undefined) this.root = node;
    else parent.children.push(node);
  }

  private property(start: number): void {
    const node = this.open.at(-1);
    if (node === undefined) return badBlob(start, 'a property stands outside of all nodes');
    if (node.children.length > 0) badBlob(start, 'a property follows a child node');
    const length = this.word();
    const nameOffset = this.word();
    const name = this.propertyName(start, nameOffset);
    if (!node.propertyNames.add(name)) badBlob(start, `its node has a second property "${name}"`);
    if (length > this.end - this.at) badBlob(start, `the ${length} bytes of property "${name}" end outside its block`);
    node.properties.push({ name, value: this.bytes.slice(this.at, this.at + length) });
    this.at = alignToken(this.at + length);
  }

  private propertyName(start: number, offset: number): string {
    const known = this.propertyNames.get(offset);
    if (known !== undefined) return known;
    const { at, size } = this.strings;
    if (offset >= size) badBlob(start, `a property has its name at ${hex(offset)}, outside the strings block`);
    const name = this.text(at + offset, at + size, 'property name');
    if (!isPropertyName(name)) badBlob(at + offset, `"${name}" is not a valid property name`);
    this.propertyNames.set(offset, name);
    return name;
  }

  /** A string with its terminator before `limit`, byte for character. */
  private text(from: number, limit: number, what: string): string {
    const last = Math.min(limit, from + MAX_NAME_LENGTH + 1);
    let text = '';
    for (let at = from; at < last; at++) {
      const byte = this.bytes[at]!;
      if (byte === 0) return text;
      text += String.fromCharCode(byte);
    }
    return badBlob(from, last < limit ? `a ${what} is longer than ${MAX_NAME_LENGTH} bytes` : `a ${what} has no end`);
  }

  private finish(start: number): DeviceTreeNode {
    const unfinished = this.open.at(-1);
    if (unfinished !== undefined) badBlob(start, `the tree ends before its node "${unfinished.name}"`);
    if (this.at !== this.end) badBlob(start, 'the tree ends before its structure block does');
    return this.root ?? badBlob(start, 'there is no root node');
  }
}

/**
 * Reads a blob of version 17, or of a newer version that is compatible with it. Bytes past its `totalsize` are ignored;
 * the tree keeps no view of `bytes`.
 *
 * Whatever the bytes are, this ends after one pass, with a tree or a `LabError` that says what is wrong at which byte.
 */
export const decodeDeviceTree = (bytes: Uint8Array): DeviceTree => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(view);
  const reservations = readReservations(view, header);
  checkOverlap(header, reservations);
  return new DeviceTree(new StructureReader(bytes, view, header).read(), reservations, header.bootCpu);
};
