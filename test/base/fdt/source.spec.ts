import { expect } from 'chai';

import { LabError } from '../../../base/errors';
import { assemble, cells, DeviceTree, DeviceTreeNode, property, readCells, reference } from '../../../base/fdt';

describe('device tree source', () => {
  const source = {
    name: '',
    children: [
      { name: 'a', properties: [property('next', cells(7), reference('c'), cells(8), reference('b'))] },
      { name: 'b', label: 'b', children: [{ name: 'c@1', label: 'c' }] },
      { name: 'd', label: 'd' },
    ],
  };

  it('gives phandles to the nodes that are referred to, in the order of the tree', () => {
    const tree = new DeviceTree(assemble(source));
    expect(readCells(tree.find('/a')!.getProperty('next')!)).to.deep.equal([7, 2, 8, 1]);
    expect(tree.byPhandle(1)!.path).to.equal('/b');
    expect(tree.byPhandle(2)!.path).to.equal('/b/c@1');
    expect(tree.byPhandle(3)).to.equal(undefined);
    expect(tree.find('/d')!.hasProperty('phandle')).to.equal(false);
  });

  it('refuses labels that nobody has, or two', () => {
    expect(() => assemble({ name: '', properties: [property('p', reference('x'))] })).to.throw(
      LabError,
      'Property "p" of / refers to "x", and no node has that label.',
    );
    const twice = { name: '', label: 'x', children: [{ name: 'y', label: 'x' }] };
    expect(() => assemble(twice)).to.throw(LabError, 'nodes / and /y both have the label "x"');
  });

  it('finds nodes by path, and their parents', () => {
    const tree = new DeviceTree(assemble(source));
    expect(tree.find('/')).to.equal(tree.root);
    expect(tree.find('/b/c@1')!.parent!.name).to.equal('b');
    expect(tree.find('/b/c')).to.equal(undefined);
    expect(tree.find('b')).to.equal(undefined);
    expect(tree.find('/x/y')).to.equal(undefined);
    expect([...tree.root.walk()].map(({ path }) => path)).to.deep.equal(['/', '/a', '/b', '/b/c@1', '/d']);
    expect(tree.root.getProperty('none')).to.equal(undefined);
  });

  it('a node has one parent', () => {
    const child = new DeviceTreeNode('child');
    new DeviceTreeNode('one', { children: [child] });
    expect(() => new DeviceTreeNode('two', { children: [child] })).to.throw(LabError, 'second parent');
  });
});
