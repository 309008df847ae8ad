import { expect } from 'chai';

import { LabError } from '../../base/errors';
import {
  cells,
  decodeDeviceTree,
  type DeviceTree,
  encodeDeviceTree,
  property,
  readCells,
  readStrings,
  reference,
  toDts,
} from '../../base/fdt';
import { type BoardDescription, buildDeviceTree, type DeviceDescription } from '../../firmware';
import { plainTree } from '../base/fdt/arbitrary-tree';
import { dtc, DTC_STRICT, hasDtc } from '../support/dtc';
import { exampleBoard } from './example-board';

/** The tree as the kernel gets it: out of the blob, without labels. */
const handedOver = (board: BoardDescription): DeviceTree => decodeDeviceTree(encodeDeviceTree(buildDeviceTree(board)));

const cellsOf = (tree: DeviceTree, path: string, name: string): number[] | undefined => {
  const value = tree.find(path)?.getProperty(name);
  return value === undefined ? undefined : readCells(value);
};

const stringsOf = (tree: DeviceTree, path: string, name: string): string[] | undefined => {
  const value = tree.find(path)?.getProperty(name);
  return value === undefined ? undefined : readStrings(value);
};

const withDevice = (changes: Partial<DeviceDescription>): BoardDescription => ({
  ...exampleBoard,
  devices: [...exampleBoard.devices, { label: 'extra', name: 'extra', compatible: ['x,y'], ...changes }],
});

describe('board device tree', () => {
  interface Place {
    readonly path: string;
    readonly phandle: number;
  }
  let tree: DeviceTree;
  let plic: Place;
  let iommu: Place;
  let gate: Place;
  let dmac: Place;

  const phandleOf = (path: string): number => cellsOf(tree, path, 'phandle')![0]!;
  const at = (path: string): Place => ({ path, phandle: phandleOf(path) });

  before(() => {
    tree = handedOver(exampleBoard);
    plic = at('/soc/interrupt-controller@c000000');
    iommu = at('/soc/iommu@3000000');
    gate = at('/soc/access-controller@3010000');
    dmac = at('/soc/dma-controller@50000000');
  });

  it('has memory, also above 4 GiB', () => {
    expect(cellsOf(tree, '/memory@80000000', 'reg')).to.deep.equal([0, 0x8000_0000, 0, 0x400_0000]);
    expect(cellsOf(tree, '/memory@100000000', 'reg')).to.deep.equal([1, 0, 0, 0x400_0000]);
    expect(stringsOf(tree, '/memory@100000000', 'device_type')).to.deep.equal(['memory']);
  });

  it('has reserved memory', () => {
    expect(cellsOf(tree, '/reserved-memory/secure@80000000', 'reg')).to.deep.equal([0, 0x8000_0000, 0, 0x8_0000]);
    expect(tree.find('/reserved-memory/secure@80000000')!.hasProperty('no-map')).to.equal(true);
    expect(tree.find('/reserved-memory/pool@81000000')!.hasProperty('no-map')).to.equal(false);
    expect(stringsOf(tree, '/reserved-memory/pool@81000000', 'compatible')).to.deep.equal(['restricted-dma-pool']);
    expect(tree.find('/reserved-memory')!.getProperty('ranges')).to.have.length(0);
    expect(handedOver({ ...exampleBoard, reservedMemory: [] }).find('/reserved-memory')).to.equal(undefined);
  });

  it('has the command line', () => {
    expect(stringsOf(tree, '/chosen', 'bootargs')).to.deep.equal(['iommu.strict=1']);
  });

  it('routes interrupts through the PLIC to the hart', () => {
    const hart = phandleOf('/cpus/cpu@0/interrupt-controller');
    expect(cellsOf(tree, '/', 'interrupt-parent')).to.deep.equal([plic.phandle]);
    expect(cellsOf(tree, plic.path, 'interrupts-extended')).to.deep.equal([hart, 11, hart, 9]);
    expect(cellsOf(tree, plic.path, 'riscv,ndev')).to.deep.equal([63]);
    const lonely = handedOver({
      ...exampleBoard,
      interruptController: { ...exampleBoard.interruptController, contexts: [-1] },
    });
    expect(cellsOf(lonely, plic.path, 'interrupts-extended')![1]).to.equal(0xffff_ffff);
  });

  it('has the IOMMU with its wires, and names its masters', () => {
    expect(stringsOf(tree, iommu.path, 'compatible')!.at(-1)).to.equal('riscv,iommu');
    expect(cellsOf(tree, iommu.path, '#iommu-cells')).to.deep.equal([1]);
    expect(cellsOf(tree, iommu.path, 'interrupts')).to.deep.equal([32, 33, 34, 35]);
    expect(cellsOf(tree, dmac.path, 'iommus')).to.deep.equal([iommu.phandle, 0x10]);
    expect(cellsOf(tree, dmac.path, 'access-controllers')).to.deep.equal([gate.phandle, 0x10]);
    expect(cellsOf(tree, gate.path, '#access-controller-cells')).to.deep.equal([1]);
    const two = withDevice({ reg: [{ base: 0x6000_0000, size: 16 }], iommus: { label: 'iommu', ids: [1, 7] } });
    const [first, , second] = cellsOf(handedOver(two), '/soc/extra@60000000', 'iommus')!;
    expect(first).to.equal(second);
  });

  it('tells of every bus master whether it is coherent, and of nothing else', () => {
    const said = (path: string): string[] =>
      tree
        .find(path)!
        .properties.map(({ name }) => name)
        .filter((name) => /^dma-(non)?coherent$/.test(name));
    expect(said(dmac.path)).to.deep.equal(['dma-noncoherent']);
    expect(said('/soc/dma0-bus/bus-master@50020000')).to.deep.equal(['dma-coherent']);
    expect(said('/soc/stream@50010000')).to.deep.equal([]);
    expect(said('/dmatest')).to.deep.equal([]);
    expect(said(iommu.path)).to.deep.equal([]);
    const master = handedOver(withDevice({ reg: [{ base: 0x6000_0000, size: 16 }], dmaCoherent: true }));
    expect(master.find('/soc/extra@60000000')!.hasProperty('dma-coherent')).to.equal(true);
  });

  it('puts masters with the same windows on one bus', () => {
    expect(tree.find('/soc/dma0-bus')!.children.map(({ name }) => name)).to.deep.equal([
      'bus-master@50020000',
      'bus-master@50030000',
    ]);
    expect(cellsOf(tree, '/soc/dma0-bus', 'dma-ranges')).to.deep.equal(
      [
        [0, 0],
        [0, 0x8000_0000],
        [0, 0x400_0000],
        [0, 0x400_0000],
        [1, 0],
        [0, 0x400_0000],
      ].flat(),
    );
    expect(tree.find('/soc/dma0-bus')!.getProperty('ranges')).to.have.length(0);
    expect(tree.find('/soc')!.getProperty('dma-ranges')).to.have.length(0);
    const other = withDevice({
      reg: [{ base: 0x6000_0000, size: 16 }],
      dmaRanges: [{ deviceAddress: 0, physicalAddress: 0x8000_0000, size: 64 }],
    });
    expect(handedOver(other).find('/soc/dma1-bus/extra@60000000')).to.not.equal(undefined);
  });

  it('names DMA channels and clocks', () => {
    expect(cellsOf(tree, '/soc/stream@50010000', 'dmas')).to.deep.equal([dmac.phandle, 2, dmac.phandle, 3]);
    expect(stringsOf(tree, '/soc/stream@50010000', 'dma-names')).to.deep.equal(['tx', 'rx']);
    const clock = phandleOf('/clock-core-clock');
    expect(cellsOf(tree, dmac.path, 'clocks')![0]).to.equal(clock);
    expect(cellsOf(tree, '/clock-core-clock', 'clock-frequency')).to.deep.equal([500_000_000]);
  });

  it('passes further properties on, with references', () => {
    const extra = handedOver(
      withDevice({ properties: [property('memory-region', reference('pool')), property('x', cells(5))] }),
    );
    expect(cellsOf(extra, '/extra', 'memory-region')).to.deep.equal(
      cellsOf(extra, '/reserved-memory/pool@81000000', 'phandle'),
    );
    expect(cellsOf(extra, '/extra', 'x')).to.deep.equal([5]);
    expect(() => buildDeviceTree(withDevice({ properties: [property('p', reference('nobody'))] }))).to.throw(
      LabError,
      'Property "p" of /extra refers to "nobody", and no node has that label.',
    );
  });

  it('leaves out what the board does not have', () => {
    const {
      iommu: _iommu,
      requesterGate: _gate,
      clocks: _clocks,
      reservedMemory: _reserved,
      bootargs: _args,
      ...rest
    } = exampleBoard;
    const bare = handedOver({ ...rest, devices: [] });
    expect(bare.find('/soc')!.children.map(({ name }) => name)).to.deep.equal(['interrupt-controller@c000000']);
    expect(bare.find('/chosen')!.properties).to.deep.equal([]);
  });
});

describe('board device tree and dtc', () => {
  let built: DeviceTree;

  before(function () {
    if (!hasDtc()) this.skip();
    built = buildDeviceTree(exampleBoard);
  });

  /**
   * dtc up to 1.6 wants #address-cells in every interrupt controller. Newer ones do not, and the binding of
   * `riscv,cpu-intc` does not allow it.
   */
  const outdated = /^.*Warning \(interrupt_provider\): \S+: Missing #address-cells in interrupt provider\n/gm;
  const complaints = (messages: string): string => messages.replace(outdated, '');

  it('dtc has nothing to say about the blob', () => {
    const { status, messages } = dtc('dtb', 'dts', encodeDeviceTree(built), ...DTC_STRICT);
    expect(complaints(messages)).to.equal('');
    expect(status).to.equal(0);
  });

  it('dtc has nothing to say about the source, and compiles it to the same tree', () => {
    const { messages, output } = dtc('dts', 'dtb', toDts(built), ...DTC_STRICT);
    expect(complaints(messages)).to.equal('');
    expect(plainTree(decodeDeviceTree(output))).to.deep.equal(plainTree(built));
  });

  it('survives the way through source text that dtc wrote', () => {
    const source = dtc('dtb', 'dts', encodeDeviceTree(built), '-q').output;
    const { status, output } = dtc('dts', 'dtb', source, '-q');
    expect(status).to.equal(0);
    expect(plainTree(decodeDeviceTree(output))).to.deep.equal(plainTree(built));
  });
});
