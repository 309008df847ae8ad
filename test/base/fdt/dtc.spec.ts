import { expect } from 'chai';
import * as fc from 'fast-check';

import { physAddr } from '../../../base/address';
import {
  assemble,
  cells,
  decodeDeviceTree,
  DeviceTree,
  encodeDeviceTree,
  property,
  reference,
  strings,
  toDts,
} from '../../../base/fdt';
import { dtc, hasDtc } from '../../support/dtc';
import { anyTree, plainNode, plainTree } from './arbitrary-tree';

const example = (): DeviceTree =>
  new DeviceTree(
    assemble({
      name: '',
      properties: [
        property('text', strings('say "\\o/"')),
        property('list', strings('a', 'b')),
        property('mixed', cells(1), reference('x'), cells(0xffff_ffff)),
        property('bytes', Uint8Array.of(0, 1, 0xfe)),
        property('flag'),
        property('not-text', Uint8Array.of(0x61, 0, 0, 0)),
      ],
      children: [{ name: 'x@1', label: 'x', properties: [property('reg', cells(1))] }, { name: 'y' }],
    }),
    [{ address: physAddr(0x8000_0000), size: 0x1000 }],
  );

describe('device tree source text', () => {
  it('shows strings, cells with labels, and bytes', () => {
    expect(toDts(example())).to.equal(
      `/dts-v1/;

/memreserve/ 0x80000000 0x1000;

/ {
	text = "say \\"\\\\o/\\"";
	list = "a", "b";
	mixed = <0x1 &x 0xffffffff>;
	bytes = [00 01 fe];
	flag;
	not-text = <0x61000000>;

	x: x@1 {
		reg = <0x1>;
		phandle = <0x1>;
	};

	y {
	};
};
`,
    );
  });

  it('is compiled by dtc to the tree it shows', function () {
    if (!hasDtc()) this.skip();
    const { status, output } = dtc('dts', 'dtb', toDts(example()), '-q');
    expect(status).to.equal(0);
    expect(plainTree(decodeDeviceTree(output))).to.deep.equal(plainTree(example()));
  });
});

describe('flattened device tree and dtc', () => {
  before(function () {
    if (!hasDtc()) this.skip();
  });

  // Random trees break rules about meaning (a reg needs the right length, …), so checks are off: this is about format.
  const forced = ['-f', '-q', '-q'];

  it('dtc reads any blob, and what it writes of it is the same tree', () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        const source = dtc('dtb', 'dts', encodeDeviceTree(tree), ...forced);
        expect(source.status, source.messages).to.equal(0);
        const back = dtc('dtb', 'dtb', encodeDeviceTree(tree), ...forced);
        expect(plainTree(decodeDeviceTree(back.output))).to.deep.equal(plainTree(tree));
      }),
      { numRuns: 40 },
    );
  });

  it('dtc compiles the source text of any tree to that tree', () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        const { status, messages, output } = dtc('dts', 'dtb', toDts(tree), ...forced);
        expect(status, messages + toDts(tree)).to.equal(0);
        const compiled = decodeDeviceTree(output);
        expect(plainNode(compiled.root)).to.deep.equal(plainNode(tree.root));
        expect(compiled.reservations).to.deep.equal(tree.reservations);
      }),
      { numRuns: 60 },
    );
  });

  it('the strings block is as short as dtc makes it', () => {
    const ours = Buffer.from(encodeDeviceTree(example()));
    const theirs = dtc('dtb', 'dtb', ours, '-q').output;
    expect(ours.readUInt32BE(32)).to.equal(theirs.readUInt32BE(32));
  });
});
