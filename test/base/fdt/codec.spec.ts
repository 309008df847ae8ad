import { expect } from 'chai';
import * as fc from 'fast-check';

import { physAddr } from '../../../base/address';
import { LabError } from '../../../base/errors';
import { cells, decodeDeviceTree, DeviceTree, DeviceTreeNode, encodeDeviceTree, strings } from '../../../base/fdt';
import { anyTree, plainTree } from './arbitrary-tree';

const node = (
  name: string,
  children: DeviceTreeNode[] = [],
  properties: Record<string, Uint8Array> = {},
): DeviceTreeNode =>
  new DeviceTreeNode(name, {
    children,
    properties: Object.entries(properties).map(([key, value]) => ({ name: key, value })),
  });

const small = (): DeviceTree =>
  new DeviceTree(
    node('', [node('cpu@0', [], { status: strings('ok'), reg: cells(5) })], { 'x-reg': Uint8Array.of(1, 2, 3, 4, 5) }),
    [{ address: physAddr(0x1_8000_0000), size: 0x1000 }],
    7,
  );

/** The same tree written out by hand from "Flattened Devicetree (DTB) Format"; words are big-endian. */
const smallByHand = (): Uint8Array => {
  const structure = [
    [1, 0],
    [3, 5, 0, 0x0102_0304, 0x0500_0000],
    [1, 0x6370_7540, 0x3000_0000],
    [3, 3, 6, 0x6f6b_0000],
    // "reg" is the tail of "x-reg".
    [3, 4, 2, 5],
    [2, 2, 9],
  ].flat();
  const names = 'x-reg\0status\0';
  const structureAt = 40 + 2 * 16;
  const structureSize = structure.length * 4;
  const namesAt = structureAt + structureSize;
  const header = [
    0xd00d_feed,
    namesAt + names.length,
    structureAt,
    namesAt,
    40,
    17,
    16,
    7,
    names.length,
    structureSize,
  ];
  const reserved = [1, 0x8000_0000, 0, 0x1000, 0, 0, 0, 0];
  return Buffer.concat([cells(...header, ...reserved, ...structure), Buffer.from(names, 'latin1')]);
};

const decodeOrError = (bytes: Uint8Array): DeviceTree | LabError => {
  try {
    return decodeDeviceTree(bytes);
  } catch (error) {
    if (error instanceof LabError) return error;
    throw error;
  }
};

describe('flattened device tree', () => {
  it('is written byte for byte as the specification lays it out', () => {
    expect(Buffer.from(encodeDeviceTree(small())).toString('hex')).to.equal(Buffer.from(smallByHand()).toString('hex'));
  });

  it('is read from a blob made by hand', () => {
    expect(plainTree(decodeDeviceTree(smallByHand()))).to.deep.equal(plainTree(small()));
  });

  it('reads back whatever tree was written', () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        expect(plainTree(decodeDeviceTree(encodeDeviceTree(tree)))).to.deep.equal(plainTree(tree));
      }),
      { numRuns: 300 },
    );
  });

  it('reads a blob in the middle of a buffer, and keeps no view of it', () => {
    const blob = smallByHand();
    const buffer = new Uint8Array(blob.length + 33).fill(0xee);
    buffer.set(blob, 13);
    const tree = decodeDeviceTree(buffer.subarray(13));
    buffer.fill(0);
    expect(plainTree(tree)).to.deep.equal(plainTree(small()));
  });

  it('skips NOP tokens', () => {
    const blob = Buffer.from(encodeDeviceTree(new DeviceTree(node('', [node('a', [], { p: cells(1) })]))));
    const at = blob.readUInt32BE(8) + 8 + 8;
    blob.writeUInt32BE(4, at);
    blob.writeUInt32BE(4, at + 4);
    blob.writeUInt32BE(4, at + 8);
    blob.writeUInt32BE(4, at + 12);
    expect(plainTree(decodeDeviceTree(blob))).to.deep.equal(plainTree(new DeviceTree(node('', [node('a')]))));
  });

  it('reads a newer version that says it is compatible', () => {
    const blob = Buffer.from(smallByHand());
    blob.writeUInt32BE(18, 20);
    blob.writeUInt32BE(17, 24);
    expect(plainTree(decodeDeviceTree(blob))).to.deep.equal(plainTree(small()));
  });

  it('writes and reads 64 levels, and refuses 65', () => {
    const nested = (levels: number): DeviceTree => {
      let inner = node('leaf');
      for (let i = 0; i < levels - 2; i++) inner = node('n', [inner]);
      return new DeviceTree(node('', [inner]));
    };
    expect(plainTree(decodeDeviceTree(encodeDeviceTree(nested(64))))).to.deep.equal(plainTree(nested(64)));
    expect(() => encodeDeviceTree(nested(65))).to.throw(LabError, 'nested more than 64 deep');
  });
});

describe('flattened device tree: what cannot be written', () => {
  const refused: [string, () => DeviceTree, string][] = [
    ['a root with a name', () => new DeviceTree(node('root')), 'root of a device tree has no name'],
    ['a node without a name', () => new DeviceTree(node('', [node('')])), 'not a valid device tree node name'],
    ['a slash in a node name', () => new DeviceTree(node('', [node('a/b')])), 'not a valid device tree node name'],
    ['a long node name', () => new DeviceTree(node('', [node('n'.repeat(32))])), 'longer than 31'],
    ['a long property name', () => new DeviceTree(node('', [], { ['p'.repeat(32)]: cells() })), 'longer than 31'],
    ['a bad property name', () => new DeviceTree(node('', [], { 'a b': cells() })), 'not a valid device tree property'],
    ['two nodes with one name', () => new DeviceTree(node('', [node('a'), node('a')])), 'two nodes /a'],
    [
      'two properties with one name',
      () => {
        const twice = { name: 'p', value: cells(1) };
        return new DeviceTree(new DeviceTreeNode('', { properties: [twice, twice] }));
      },
      'two properties "p"',
    ],
    [
      'a name again among many',
      () => new DeviceTree(node('', [...Array.from({ length: 20 }, (_, i) => node(`n${i}`)), node('n17')])),
      'two nodes /n17',
    ],
    ['an empty reservation', () => new DeviceTree(node(''), [{ address: physAddr(0), size: 0 }]), 'reservation 0'],
    ['a far reservation', () => new DeviceTree(node(''), [{ address: physAddr(2 ** 52), size: 1 }]), 'past 2^52'],
  ];
  for (const [what, tree, message] of refused) {
    it(what, () => {
      expect(() => encodeDeviceTree(tree())).to.throw(LabError, message);
    });
  }
});

describe('flattened device tree: blobs that are not one', () => {
  const blob = Buffer.from(smallByHand());
  const structureAt = blob.readUInt32BE(8);
  const stringsAt = blob.readUInt32BE(12);
  const word = (offset: number, value: number): Buffer => {
    const copy = Buffer.from(blob);
    copy.writeUInt32BE(value, offset);
    return copy;
  };
  const structure = (...words: number[]): Buffer => {
    const bytes = cells(...words);
    const header = cells(0xd00d_feed, 56 + bytes.length + 2, 56, 56 + bytes.length, 40, 17, 16, 0, 2, bytes.length);
    return Buffer.concat([header, cells(0, 0, 0, 0), bytes, Buffer.from('p\0')]);
  };
  const manyNodes = Array.from({ length: 70 }, (_, i) => (i === 0 ? [1, 0] : [1, 0x6100_0000])).flat();

  /** Nodes `a` to `t`. */
  const manyChildren = Array.from({ length: 20 }, (_, i) => [1, (0x61 + i) << 24, 2]).flat();

  const bad: [string, Uint8Array, string, number][] = [
    ['nothing', new Uint8Array(0), '0 bytes cannot hold its header of 40', 0],
    ['half a header', blob.subarray(0, 39), '39 bytes cannot hold its header of 40', 0],
    ['another magic', word(0, 0xfeed_d00d), 'it starts with 0xfeedd00d instead of 0xd00dfeed', 0],
    ['an old version', word(20, 16), 'its format version 16 is older than 17', 20],
    ['a version too new', word(24, 18), 'readable from format version 18 on', 24],
    ['a missing end', blob.subarray(0, -1), `${blob.length} bytes long, and ${blob.length - 1} are there`, 4],
    ['a huge size', word(4, 0xffff_ffff), 'it says it is 4294967295 bytes long', 4],
    ['a tiny size', word(4, 39), 'less than its header', 4],
    ['a structure block outside', word(8, 0x7fff_fffc), 'structure block starts at 0x7ffffffc, outside', 8],
    ['a structure block in the header', word(8, 36), 'structure block starts at 0x24, outside', 8],
    ['a misaligned structure block', word(8, structureAt + 2), 'not a multiple of 4', 8],
    ['a strings block outside', word(12, blob.length + 1), 'strings block starts at', 12],
    ['reservations outside', word(16, 0xffff_fff8), 'reservation block starts at 0xfffffff8, outside', 16],
    ['misaligned reservations', word(16, 44), 'not a multiple of 8', 16],
    ['strings too long', word(32, 14), 'strings block of 14 bytes ends outside', 32],
    ['a structure too long', word(36, 0xffff_fffc), 'structure block of 4294967292 bytes ends outside', 36],
    [
      'blocks on one another',
      word(12, stringsAt - 4),
      'the strings block starts inside the structure block',
      stringsAt - 4,
    ],
    ['a reservation of nothing', word(52, 0), 'a memory reservation is empty', 40],
    ['a reservation too far', word(40, 0x10_0000), 'a memory reservation ends past 2^52', 40],
    ['a reservation too long', word(48, 0xffff_ffff), 'a memory reservation ends past 2^52', 40],
    ['no tokens', structure(), 'the structure block ends too early', 56],
    ['an unknown token', structure(5), '0x5 is no token', 56],
    ['no root', structure(9), 'there is no root node', 56],
    ['two roots', structure(1, 0, 2, 1, 0, 2, 9), 'a second root node', 68],
    ['a named root', structure(1, 0x6100_0000, 2, 9), 'the root node has the name "a"', 56],
    ['an unfinished node', structure(1, 0, 1, 0x6100_0000, 2, 9), 'the tree ends before its node ""', 76],
    ['a node that never began', structure(2, 9), 'a node ends that has not begun', 56],
    ['no end', structure(1, 0, 2), 'the structure block ends too early', 68],
    ['tokens after the end', structure(1, 0, 2, 9, 4), 'the tree ends before its structure block does', 68],
    ['a nameless child', structure(1, 0, 1, 0, 2, 2, 9), '"" is not a valid node name', 64],
    ['a name without end', structure(1, 0x6161_6161), 'a node name has no end', 60],
    ['a very long name', structure(1, ...new Array<number>(70).fill(0x6161_6161), 0), 'longer than 255 bytes', 60],
    ['two equal children', structure(1, 0, 1, 0x6100_0000, 2, 1, 0x6100_0000, 2, 2, 9), 'a second node "a"', 76],
    ['an equal child among many', structure(1, 0, ...manyChildren, 1, 0x7200_0000, 2, 2, 9), 'a second node "r"', 304],
    ['nodes too deep', structure(...manyNodes), 'nested more than 64 deep', 56 + 64 * 8],
    ['a property outside', structure(3, 0, 0, 9), 'outside of all nodes', 56],
    ['a property too long', structure(1, 0, 3, 0xffff_ffff, 0, 2, 9), '4294967295 bytes of property "p"', 64],
    ['a cut property', structure(1, 0, 3, 0), 'the structure block ends too early', 72],
    ['a property name outside', structure(1, 0, 3, 0, 2, 2, 9), 'its name at 0x2, outside', 64],
    ['an empty property name', structure(1, 0, 3, 0, 1, 2, 9), '"" is not a valid property name', 56 + 28 + 1],
    ['two equal properties', structure(1, 0, 3, 0, 0, 3, 0, 0, 2, 9), 'a second property "p"', 76],
    ['a late property', structure(1, 0, 1, 0x6100_0000, 2, 3, 0, 0, 2, 9), 'a property follows a child node', 76],
  ];
  for (const [what, bytes, message, offset] of bad) {
    it(what, () => {
      const error = decodeOrError(bytes);
      expect(error).to.be.instanceOf(LabError);
      expect((error as LabError).message)
        .to.contain(message)
        .and.contain(`at byte 0x${offset.toString(16)}:`);
    });
  }

  it('a list of reservations without end', () => {
    const endless = Buffer.concat([blob, cells(1, 1, 1, 1)]);
    endless.writeUInt32BE(endless.length, 4);
    endless.writeUInt32BE(Math.ceil(blob.length / 8) * 8, 16);
    expect(() => decodeDeviceTree(endless)).to.throw(LabError, 'the list of memory reservations has no end');
  });

  it('a name that the strings block cuts off', () => {
    const cut = structure(1, 0, 3, 0, 0, 2, 9);
    cut[cut.length - 1] = 0x70;
    expect(() => decodeDeviceTree(cut)).to.throw(LabError, 'a property name has no end');
  });

  it('every truncation, whether totalsize knows of it or not', () => {
    for (let length = 0; length < blob.length; length++) {
      expect(decodeOrError(blob.subarray(0, length)), `${length} bytes`).to.be.instanceOf(LabError);
      if (length < 40) continue;
      const honest = word(4, length).subarray(0, length);
      expect(decodeOrError(honest), `${length} bytes by its own account`).to.be.instanceOf(LabError);
    }
  });

  it('two nodes with one phandle, or a phandle that is none', () => {
    const twins = (value: Uint8Array): DeviceTreeNode =>
      node('', [node('a', [], { phandle: value }), node('b', [], { phandle: value })]);
    expect(() => new DeviceTree(twins(cells(3)))).to.throw(LabError, '/a and /b both have phandle 0x3');
    for (const value of [cells(0), cells(0xffff_ffff), cells(1, 2), Uint8Array.of(1)]) {
      expect(() => new DeviceTree(twins(value))).to.throw(LabError, '/a has no valid number as its phandle');
    }
  });

  it('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, withMagic) => {
        if (withMagic) bytes.set(blob.subarray(0, Math.min(28, bytes.length)));
        decodeOrError(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it('random words in place of some of a valid blob: a tree that can be written again, or one sentence', () => {
    const interesting = fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 9, 0xffff_ffff, 0x8000_0000), fc.nat(255), fc.nat());
    const mutation = fc.record({ at: fc.nat(), value: interesting, whole: fc.boolean() });
    let trees = 0;
    let errors = 0;
    fc.assert(
      fc.property(anyTree, fc.array(mutation, { minLength: 1, maxLength: 4 }), (tree, mutations) => {
        const mutated = Buffer.from(encodeDeviceTree(tree));
        for (const { at, value, whole } of mutations) {
          if (whole) mutated.writeUInt32BE(value, (at % Math.floor(mutated.length / 4)) * 4);
          else mutated[at % mutated.length] = value;
        }
        const result = decodeOrError(mutated);
        if (result instanceof LabError) {
          errors++;
          expect(result.message).to.match(/^The device tree blob is malformed at byte 0x|^Device tree node/);
        } else {
          trees++;
          // A lost terminator can make a name too long to be written, and not too long to be read.
          const names = [...result.root.walk()].flatMap(({ name, properties }) => [
            name,
            ...properties.map((p) => p.name),
          ]);
          if (names.some((name) => name.length > 31)) return;
          expect(plainTree(decodeDeviceTree(encodeDeviceTree(result)))).to.deep.equal(plainTree(result));
        }
      }),
      { numRuns: 2000 },
    );
    expect(trees).to.be.greaterThan(50);
    expect(errors).to.be.greaterThan(50);
  });
});
