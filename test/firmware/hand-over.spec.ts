import { expect } from 'chai';

import type { PhysAddr } from '../../base/address';
import { BUS_NO_ADDRESS, BUS_OK } from '../../base/bus-outcome';
import { LabError } from '../../base/errors';
import { decodeDeviceTree, encodeDeviceTree } from '../../base/fdt';
import { type BoardDescription, buildDeviceTree, handOver } from '../../firmware';
import { plainNode } from '../base/fdt/arbitrary-tree';
import { exampleBoard } from './example-board';

const place = (board: BoardDescription): { hartid: number; dtb: number; at: PhysAddr; bytes: Uint8Array } => {
  let written: { at: PhysAddr; bytes: Uint8Array } | undefined;
  const result = handOver(buildDeviceTree(board), board, (at, bytes) => {
    expect(written).to.equal(undefined);
    written = { at, bytes };
    return BUS_OK;
  });
  return { ...result, ...written! };
};

const TOP = 0x8400_0000;

describe('hand-over', () => {
  let size: number;

  before(() => {
    size = Math.ceil((encodeDeviceTree(buildDeviceTree(exampleBoard)).length + 16) / 4096) * 4096;
  });

  it('puts the blob at the top of the lowest bank, in pages that it lists as reserved', () => {
    const { hartid, dtb, at, bytes } = place({ ...exampleBoard, memory: exampleBoard.memory.toReversed() });
    expect({ hartid, dtb, at }).to.deep.equal({ hartid: 0, dtb: TOP - size, at: TOP - size });
    const tree = decodeDeviceTree(bytes);
    expect(tree.reservations).to.deep.equal([{ address: TOP - size, size }]);
    expect(plainNode(tree.root)).to.deep.equal(
      plainNode(buildDeviceTree({ ...exampleBoard, memory: exampleBoard.memory.toReversed() }).root),
    );
  });

  it('goes below reserved memory that is in its way, and does not share its page', () => {
    const reserved = (base: number, length: number, i = 0) => ({ label: `r${i}`, name: 'r', base, size: length });
    const below = place({ ...exampleBoard, reservedMemory: [reserved(TOP - 0x800, 16)] });
    expect(below.dtb + Math.ceil(below.bytes.length / 4096) * 4096).to.equal(TOP - 0x1000);
    const between = place({
      ...exampleBoard,
      reservedMemory: [reserved(TOP - 16, 16), reserved(TOP - 0x1_0000, 0x8000, 1)],
    });
    expect(between.dtb).to.be.within(TOP - 0x8000, TOP - 0x1000 - between.bytes.length);
  });

  it('takes the next bank if the lowest has no room', () => {
    const board = { ...exampleBoard, reservedMemory: [{ label: 'all', name: 'all', ...exampleBoard.memory[0]! }] };
    expect(place(board).dtb).to.be.within(0x1_0000_0000, 0x1_0400_0000);
  });

  it('says so if no bank has room, or memory does not take it', () => {
    const full = {
      ...exampleBoard,
      reservedMemory: exampleBoard.memory.map((bank, i) => ({ label: `all${i}`, name: 'all', ...bank })),
    };
    expect(() => place(full)).to.throw(LabError, /^No memory bank has \d+ free bytes for the device tree blob\.$/);
    expect(() => handOver(buildDeviceTree(exampleBoard), exampleBoard, () => BUS_NO_ADDRESS)).to.throw(
      LabError,
      /^The device tree blob could not be written to 0x83ff\w+: no such address\.$/,
    );
  });
});
