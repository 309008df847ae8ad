import { expect } from 'chai';

import { registerTable } from '../../../emulator/registers/markdown';

describe('register table', () => {
  it('shows registers by offset and fields from the top bit down', () => {
    const table = registerTable({
      name: 'timer',
      size: 0x200,
      registers: {
        CHANNEL: { offset: 0x100, width: 8, count: 8, stride: 0x20, access: 'ro', doc: 'Per channel.' },
        CTL: {
          offset: 0x4,
          width: 4,
          doc: 'Control.',
          fields: {
            EN: { bits: 0, doc: 'Runs | stops.' },
            MODE: { bits: [3, 1], reset: 2, values: { 0: 'once', 2: 'again' } },
            FAST: { bits: 31, access: 'w1c', unimplemented: true },
          },
        },
      },
    });
    expect(table.split('\n')).to.deep.equal([
      '| Offset | Register or field | Bits | Access | Reset | What it is |',
      '| --- | --- | --- | --- | --- | --- |',
      '| 0x004 | **CTL** | 31:0 |  |  | Control. |',
      '|  | FAST | 31 | write 1 to clear | 0x0 | *Not implemented.* |',
      '|  | MODE | 3:1 | read/write | 0x2 | 0: once, 2: again |',
      '|  | EN | 0 | read/write | 0x0 | Runs \\| stops. |',
      '| 0x100 + 0x20·n, n < 8 | **CHANNEL[n]** | 63:0 | read only | 0x0 | Per channel. |',
      '',
    ]);
  });
});
