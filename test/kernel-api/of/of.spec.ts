import { expect } from 'chai';
import fc from 'fast-check';

import { dmaAddr } from '../../../base/address';
import { EFAULT, EILSEQ, EINVAL, ENODATA, ENODEV, ENOENT, EOVERFLOW, EPROBE_DEFER } from '../../../base/errno';
import {
  assemble,
  cells,
  cells64,
  decodeDeviceTree,
  DeviceTree as FlattenedTree,
  encodeDeviceTree,
  property,
  reference,
  strings,
} from '../../../base/fdt';
import type { NodeSource, PropertySource } from '../../../base/fdt';
import { of_device_bus_id } from '../../../kernel-api/base/of-platform';
import { of_match_device } from '../../../kernel-api/base/platform';
import { out } from '../../../kernel-api/err';
import type { Kernel } from '../../../kernel-api/kernel';
import {
  of_address_to_resource,
  OF_BAD_ADDR,
  of_dma_get_range,
  of_dma_is_coherent,
  of_get_address,
  of_translate_address,
} from '../../../kernel-api/of/address';
import {
  DeviceTree,
  of_find_compatible_node,
  of_find_node_by_name,
  of_find_node_by_path,
} from '../../../kernel-api/of/device-tree';
import { of_irq_count, of_irq_get, of_irq_parse_one } from '../../../kernel-api/of/irq';
import type { OfNode } from '../../../kernel-api/of/of-node';
import {
  of_count_phandle_with_args,
  of_device_is_available,
  of_device_is_compatible,
  of_parse_phandle,
  of_parse_phandle_with_args,
  of_property_count_strings,
  of_property_match_string,
  of_property_read_bool,
  of_property_read_string,
  of_property_read_string_index,
  of_property_read_u32,
  of_property_read_u32_array,
  of_property_read_u64,
} from '../../../kernel-api/of/property';
import { makeRunningKernel, rootNode } from '../../support/running-kernel';

const makeTree = (root: NodeSource): DeviceTree => {
  const blob = encodeDeviceTree(new FlattenedTree(assemble(root)));
  return new DeviceTree({} as Kernel, decodeDeviceTree(blob));
};

const named = (tree: DeviceTree, name: string): OfNode => {
  const found = tree.nodes.find((node) => node.full_name === name);
  if (found === undefined) throw new Error(`no node ${name}`);
  return found;
};

const node = (name: string, properties: PropertySource[], ...children: NodeSource[]): NodeSource => ({
  name,
  properties,
  children,
});

const bus = (address: number, size: number): PropertySource[] => [
  property('#address-cells', cells(address)),
  property('#size-cells', cells(size)),
];

describe('properties', () => {
  const tree = makeTree(
    node(
      '',
      bus(2, 2),
      {
        name: 'n',
        properties: [
          property('one', cells(0xdead_beef)),
          property('three', cells(1, 2, 3)),
          property('empty'),
          property('odd', Uint8Array.of(1, 2, 3)),
          property('text', strings('hello')),
          property('list', strings('a', '', 'c')),
          property('open', Uint8Array.of(0x61, 0x62)),
          property('links', reference('x'), cells(7), reference('y'), cells(0), reference('x'), cells(8)),
          property('wild', cells(99)),
          property('short', reference('x')),
          property('plain', reference('y'), reference('x')),
        ],
      },
      { name: 'x', label: 'x', properties: [property('#t-cells', cells(1))] },
      { name: 'y', label: 'y', properties: [property('#t-cells', cells(0))] },
    ),
  );
  const n = named(tree, 'n');

  it('are numbers', () => {
    const value = out(7);
    expect(of_property_read_u32(n, 'one', value)).to.equal(0);
    expect(value.value).to.equal(0xdead_beef);
    expect(of_property_read_u32(n, 'missing', value)).to.equal(-EINVAL);
    expect(of_property_read_u32(n, 'empty', value)).to.equal(-EOVERFLOW);
    expect(of_property_read_u32(n, 'odd', value)).to.equal(-EOVERFLOW);
    expect(value.value).to.equal(0xdead_beef);
    const wide = out(0n);
    expect(of_property_read_u64(n, 'three', wide)).to.equal(0);
    expect(wide.value).to.equal(0x1_0000_0002n);
    expect(of_property_read_u64(n, 'one', wide)).to.equal(-EOVERFLOW);
    const list: number[] = [];
    expect(of_property_read_u32_array(n, 'three', list, 3)).to.equal(0);
    expect(list).to.deep.equal([1, 2, 3]);
    expect(of_property_read_u32_array(n, 'three', list, 4)).to.equal(-EOVERFLOW);
    expect(of_property_read_bool(n, 'empty')).to.equal(true);
    expect(of_property_read_bool(n, 'missing')).to.equal(false);
  });

  it('are strings', () => {
    const text = out('');
    expect(of_property_read_string(n, 'text', text)).to.equal(0);
    expect(text.value).to.equal('hello');
    expect(of_property_read_string(n, 'missing', text)).to.equal(-EINVAL);
    expect(of_property_read_string(n, 'empty', text)).to.equal(-ENODATA);
    expect(of_property_read_string(n, 'open', text)).to.equal(-EILSEQ);
    expect(of_property_count_strings(n, 'list')).to.equal(3);
    expect(of_property_match_string(n, 'list', 'c')).to.equal(2);
    expect(of_property_match_string(n, 'list', 'd')).to.equal(-ENODATA);
    expect(of_property_read_string_index(n, 'list', 1, text)).to.equal(0);
    expect(text.value).to.equal('');
    expect(of_property_read_string_index(n, 'list', 3, text)).to.equal(-ENODATA);
  });

  it('are lists of phandles with arguments', () => {
    const read = (index: number): unknown => {
      const parsed = of_parse_phandle_with_args(n, 'links', '#t-cells', index);
      return typeof parsed === 'number' ? parsed : [parsed.np.name, ...parsed.args];
    };
    expect([0, 1, 2, 3, 4].map(read)).to.deep.equal([['x', 7], ['y'], -ENOENT, ['x', 8], -ENOENT]);
    expect(of_count_phandle_with_args(n, 'links', '#t-cells')).to.equal(4);
    expect(of_parse_phandle_with_args(n, 'missing', '#t-cells', 0)).to.equal(-ENOENT);
    expect(of_parse_phandle_with_args(n, 'wild', '#t-cells', 0)).to.equal(-EINVAL);
    expect(of_parse_phandle_with_args(n, 'short', '#t-cells', 0)).to.equal(-EINVAL);
    expect(of_parse_phandle_with_args(n, 'plain', '#other-cells', 0)).to.equal(-EINVAL);
    expect(of_parse_phandle(n, 'plain', 1)?.name).to.equal('x');
    expect(of_parse_phandle(n, 'plain', 2)).to.equal(null);
    expect(of_parse_phandle(n, 'wild', 0)).to.equal(null);
  });

  it('never make a reader throw, whatever bytes they hold', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(5), (bytes, index) => {
        const any = makeTree(
          node('', [...bus(1, 1), property('interrupt-map', bytes), property('#interrupt-cells', cells(1))], {
            name: 'b',
            label: 'b',
            properties: [
              ...['ranges', 'dma-ranges', '#address-cells', '#interrupt-cells', 'interrupt-parent'].map((name) =>
                property(name, bytes),
              ),
            ],
            children: [
              node(
                'd',
                [
                  'reg',
                  'interrupts',
                  'interrupts-extended',
                  'compatible',
                  'status',
                  'dmas',
                  'reg-names',
                  'interconnects',
                  'interconnect-names',
                ].map((name) => property(name, bytes)),
              ),
            ],
          }),
        );
        const d = named(any, 'd');
        of_address_to_resource(d, index);
        of_dma_get_range(d);
        of_dma_is_coherent(d);
        of_irq_parse_one(d, index);
        of_device_is_available(d);
        of_device_is_compatible(d, 'x');
        of_device_bus_id(d);
        of_parse_phandle_with_args(d, 'dmas', '#interrupt-cells', index);
        of_property_count_strings(d, 'compatible');
      }),
      { numRuns: 300 },
    );
  });
});

describe('nodes', () => {
  it('are found by path, name and compatible', () => {
    const { kernel } = makeRunningKernel({
      tree: rootNode(
        node('aliases', [property('serial0', strings('/soc/serial@1000'))]),
        node(
          'soc',
          [...bus(1, 1), property('ranges')],
          node('serial@1000', [property('compatible', strings('a,uart', 'ns16550', 'Old,Name'))], node('child', [])),
          node('serial@2000', [property('compatible', strings('ns16550')), property('status', strings('disabled'))]),
        ),
      ),
    });
    expect(of_find_node_by_path(kernel, '/')).to.equal(kernel.of.root);
    const first = of_find_node_by_path(kernel, '/soc/serial@1000')!;
    expect(first.path).to.equal('/soc/serial@1000');
    expect(of_find_node_by_path(kernel, 'serial0')).to.equal(first);
    expect(of_find_node_by_path(kernel, 'serial0/child')!.path).to.equal('/soc/serial@1000/child');
    for (const path of ['/soc/none', 'none', '', '/soc/serial@1000/child/x', '//']) {
      expect(of_find_node_by_path(kernel, path)?.path, path).to.equal(undefined);
    }
    expect(of_find_node_by_name(kernel, null, 'serial')).to.equal(first);
    const second = of_find_compatible_node(kernel, first, 'ns16550')!;
    expect(second.full_name).to.equal('serial@2000');
    expect(of_find_compatible_node(kernel, second, 'ns16550')).to.equal(null);
    expect(of_find_compatible_node(kernel, first, 'NS16550'), 'case does not matter').to.equal(second);
    expect(of_find_compatible_node(kernel, null, 'old,name'), 'on either side').to.equal(first);
    expect(of_device_is_available(first)).to.equal(true);
    expect(of_device_is_available(second)).to.equal(false);
    const table = [
      { compatible: 'ns16550', data: 1 },
      { compatible: 'a,uart', data: 2 },
    ];
    expect(of_match_device(table, first)!.data).to.equal(2);
    expect(of_match_device(table, second)!.data).to.equal(1);
    expect(of_match_device([], first)).to.equal(null);
  });
});

describe('addresses', () => {
  const inBus = (ranges: PropertySource | null, reg: Uint8Array, own = bus(1, 1), root = bus(2, 2)): OfNode => {
    const properties = ranges === null ? own : [...own, ranges];
    return named(makeTree(node('', root, node('bus', properties, node('dev@0', [property('reg', reg)])))), 'dev@0');
  };

  for (const [what, make, expected] of [
    ['one to one through empty ranges', () => inBus(property('ranges'), cells(0x1000, 0x20)), 0x1000n],
    [
      'moved by a window',
      () => inBus(property('ranges', cells(0x1000), cells64(0x2_0000_0000), cells(0x100)), cells(0x10ff, 1)),
      0x2_0000_00ffn,
    ],
    [
      'not past the end of a window',
      () => inBus(property('ranges', cells(0x1000), cells64(0x2_0000_0000), cells(0x100)), cells(0x1100, 1)),
      OF_BAD_ADDR,
    ],
    [
      'not below a window',
      () => inBus(property('ranges', cells(0x1000), cells64(0x2_0000_0000), cells(0x100)), cells(0xfff, 1)),
      OF_BAD_ADDR,
    ],
    [
      'by the second window',
      () =>
        inBus(
          property('ranges', cells(0), cells64(0x9000), cells(0x10), cells(0x1000), cells64(0x7000), cells(0x10)),
          cells(0x1008, 1),
        ),
      0x7008n,
    ],
    ['not without ranges', () => inBus(null, cells(0x1000, 0x20)), OF_BAD_ADDR],
    ['not where the bus has no sizes', () => inBus(property('ranges'), cells(0x1000), bus(1, 0)), OF_BAD_ADDR],
  ] as const) {
    it(`are translated ${what}`, () => {
      const dev = make();
      expect(of_translate_address(dev, of_get_address(dev, 0)!.address)).to.equal(expected);
      const resource = of_address_to_resource(dev, 0);
      if (expected === OF_BAD_ADDR) expect(resource).to.equal(-EINVAL);
      else
        expect(resource).to.deep.equal({
          name: 'dev@0',
          start: Number(expected),
          end: Number(expected) + Number(of_get_address(dev, 0)!.size) - 1,
        });
    });
  }

  it('are translated through two buses, 64 bits wide', () => {
    const tree = makeTree(
      node(
        '',
        bus(2, 2),
        node(
          'outer',
          [...bus(2, 2), property('ranges', cells64(0x8_0000_0000, 0x1_0000_0000, 0x1_0000_0000))],
          node(
            'inner',
            [...bus(1, 1), property('ranges', cells(0x4000), cells64(0x8_1234_0000), cells(0x1000))],
            node('dev@4010', [
              property('reg', cells(0x4010, 0x10, 0x4020, 0x8)),
              property('reg-names', strings('a', 'b')),
            ]),
          ),
        ),
      ),
    );
    expect(of_address_to_resource(named(tree, 'dev@4010'), 1)).to.deep.equal({
      name: 'b',
      start: 0x1_1234_0020,
      end: 0x1_1234_0027,
    });
    expect(of_address_to_resource(named(tree, 'dev@4010'), 2)).to.equal(-EINVAL);
    expect(of_device_bus_id(named(tree, 'dev@4010'))).to.equal('112340010.dev');
  });

  it('make device names; without one the names of the parents do', () => {
    const tree = makeTree(node('', bus(2, 2), node('sound', []), node('hub', [], node('port', []))));
    expect(of_device_bus_id(named(tree, 'sound'))).to.equal('sound');
    expect(of_device_bus_id(named(tree, 'port'))).to.equal('hub:port');
  });
});

describe('dma-ranges and coherence', () => {
  const dmaRanges = (outer: PropertySource[], inner: PropertySource[]): OfNode =>
    named(
      makeTree(
        node(
          '',
          bus(2, 2),
          node(
            'outer',
            [...bus(2, 2), property('ranges'), ...outer],
            node('inner', [...bus(1, 1), property('ranges'), ...inner], node('dev', [])),
          ),
        ),
      ),
      'inner',
    );
  const window = property('dma-ranges', cells(0), cells64(0x8000_0000), cells(0x1000_0000));

  it('are the windows of the nearest bus that has some', () => {
    expect(of_dma_get_range(dmaRanges([], [window]))).to.deep.equal([
      { cpu_start: 0x8000_0000, dma_start: dmaAddr(0), size: 0x1000_0000 },
    ]);
    const wide = property('dma-ranges', cells64(0x1000, 0x8000_0000, 0x2000, 0x10_0000, 0x1_0000_0000, 0x3000));
    expect(of_dma_get_range(dmaRanges([wide], [property('dma-ranges')]))).to.deep.equal([
      { cpu_start: 0x8000_0000, dma_start: dmaAddr(0x1000), size: 0x2000 },
      { cpu_start: 0x1_0000_0000, dma_start: dmaAddr(0x10_0000), size: 0x3000 },
    ]);
  });

  it('of an inner bus go through those of the outer one', () => {
    const outer = property('dma-ranges', cells64(0x8000_0000, 0x1_0000_0000, 0x1000_0000));
    expect(of_dma_get_range(dmaRanges([outer], [window]))).to.deep.equal([
      { cpu_start: 0x1_0000_0000, dma_start: dmaAddr(0), size: 0x1000_0000 },
    ]);
  });

  it('are absent, or of no use', () => {
    expect(of_dma_get_range(dmaRanges([], []))).to.equal(-ENODEV);
    expect(of_dma_get_range(dmaRanges([], [property('dma-ranges')]))).to.equal(-ENODEV);
    const elsewhere = property('dma-ranges', cells64(0, 0x1_0000_0000, 0x1000));
    expect(of_dma_get_range(dmaRanges([elsewhere], [window]))).to.equal(-EINVAL);
    expect(of_dma_get_range(dmaRanges([], [property('dma-ranges', cells(1, 2))]))).to.equal(-EINVAL);
  });

  it('RISC-V devices are coherent unless the tree says otherwise, the nearest word counting', () => {
    const dev = (outer: PropertySource[], own: PropertySource[]): boolean =>
      of_dma_is_coherent(named(makeTree(node('', bus(2, 2), node('outer', outer, node('dev', own)))), 'dev'));
    const [yes, no] = [property('dma-coherent'), property('dma-noncoherent')];
    expect([dev([], []), dev([no], []), dev([no], [yes]), dev([yes], [no])]).to.deep.equal([true, false, true, false]);
  });
});

describe('interrupts in the tree', () => {
  const at = (properties: PropertySource[], ...more: NodeSource[]): OfNode => {
    const { kernel } = makeRunningKernel({ tree: rootNode(node('dev', properties), ...more) });
    return of_find_node_by_name(kernel, null, 'dev')!;
  };
  const parsed = (np: OfNode, index = 0): unknown => {
    const result = of_irq_parse_one(np, index);
    return typeof result === 'number' ? result : [result.np.name, ...result.args];
  };

  it('come from interrupts and interrupts-extended', () => {
    const plain = at([property('interrupts', cells(4, 5))]);
    expect([0, 1, 2].map((index) => parsed(plain, index))).to.deep.equal([
      ['interrupt-controller', 4],
      ['interrupt-controller', 5],
      -EOVERFLOW,
    ]);
    expect(of_irq_count(plain)).to.equal(2);
    expect(of_irq_get(plain, 0)).to.be.above(0);
    const extended = at(
      [
        property('interrupts', cells(1)),
        property('interrupts-extended', reference('other'), cells(1, 2), reference('plic'), cells(6)),
      ],
      {
        name: 'gpio',
        label: 'other',
        properties: [property('interrupt-controller'), property('#interrupt-cells', cells(2))],
      },
    );
    expect(parsed(extended, 0)).to.deep.equal(['gpio', 1, 2]);
    expect(parsed(extended, 1)).to.deep.equal(['interrupt-controller', 6]);
    expect(of_irq_get(extended, 0)).to.equal(-EPROBE_DEFER);
    expect(parsed(at([]))).to.equal(-EINVAL);
  });

  it('a number that the controller does not have is none', () => {
    expect(of_irq_get(at([property('interrupts', cells(0))]), 0)).to.equal(0);
    expect(of_irq_get(at([property('interrupts', cells(32))]), 0)).to.equal(0);
    expect(of_irq_get(at([property('interrupts', cells(31))]), 0)).to.be.above(0);
  });

  it('go through an interrupt-map', () => {
    const map = (...properties: PropertySource[]): NodeSource => ({
      name: 'bridge',
      label: 'bridge',
      properties: [property('#interrupt-cells', cells(1)), property('#address-cells', cells(1)), ...properties],
    });
    const rows = property(
      'interrupt-map',
      cells(0x10, 1),
      reference('plic'),
      cells(11),
      cells(0x20, 1),
      reference('plic'),
      cells(12),
    );
    const dev = [
      property('interrupt-parent', reference('bridge')),
      property('interrupts', cells(1)),
      property('reg', cells(0x20, 4)),
    ];
    expect(parsed(at(dev, map(rows)))).to.deep.equal(['interrupt-controller', 12]);
    expect(parsed(at(dev, map(rows, property('interrupt-map-mask', cells(0, 1)))))).to.deep.equal([
      'interrupt-controller',
      11,
    ]);
    expect(parsed(at(dev, map(property('interrupt-map', cells(0x30, 1), reference('plic'), cells(11)))))).to.equal(
      -EINVAL,
    );
    expect(parsed(at(dev, map(property('interrupt-map', cells(0x20, 1)))))).to.equal(-EINVAL);
    const wide = {
      ...map(rows),
      properties: [property('#interrupt-cells', cells(1)), property('#address-cells', cells(16)), rows],
    };
    expect(parsed(at(dev, wide))).to.equal(-EFAULT);
  });
});
