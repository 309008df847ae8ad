import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { toDts } from '../../base/fdt';
import { buildDeviceTree } from '../../firmware';
import { exampleBoard } from './example-board';

describe('docs/device-tree.md', () => {
  it('shows the tree of the example board', () => {
    const page = readFileSync(join(__dirname, '../../docs/device-tree.md'), 'utf8');
    const [, block] = /```dts\n([^]*?)```/.exec(page) ?? [];
    expect(block).to.equal(toDts(buildDeviceTree(exampleBoard)));
  });
});
