import { expect } from 'chai';

import { LabError } from '../../base/errors';
import { type BoardDescription, buildDeviceTree, type DeviceDescription, validateBoard } from '../../firmware';
import { exampleBoard } from './example-board';

const board = (changes: Partial<BoardDescription>): BoardDescription => ({ ...exampleBoard, ...changes });
const device = (changes: Partial<DeviceDescription>): BoardDescription =>
  board({ devices: [...exampleBoard.devices, { label: 'extra', name: 'extra', compatible: ['x,y'], ...changes }] });
const window = { deviceAddress: 0, physicalAddress: 0x8000_0000, size: 0x1000 };
const at = (base: number, size = 0x1000): BoardDescription => device({ reg: [{ base, size }] });

describe('board validation', () => {
  it('accepts the example, and registers that touch their neighbours', () => {
    validateBoard(exampleBoard);
    validateBoard(at(0x5000_1000));
    validateBoard(at(0x4fff_f000));
    validateBoard(at(2 ** 52 - 0x1000));
  });

  it('is part of building the tree', () => {
    expect(() => buildDeviceTree(board({ memory: [] }))).to.throw(LabError, 'no memory');
  });

  const refused: [string, BoardDescription, string][] = [
    ['no memory', board({ memory: [] }), 'The board has no memory.'],
    ['an empty bank', board({ memory: [{ base: 0, size: 0 }] }), 'memory[0] (base 0x0, size 0) is not a range'],
    [
      'half a page',
      board({ memory: [{ base: 0x8000_0000, size: 0x400_0800 }] }),
      'memory[0] (0x80000000-0x840007ff) is not made of whole pages.',
    ],
    [
      'banks that overlap',
      board({ memory: [...exampleBoard.memory, { base: 0x83ff_f000, size: 0x1000 }] }),
      'memory[0] (0x80000000-0x83ffffff) and memory[2] (0x83fff000-0x83ffffff) overlap.',
    ],
    [
      'registers in memory',
      at(0x8000_0000),
      'memory[0] (0x80000000-0x83ffffff) and devices[5] (extra).reg[0] (0x80000000',
    ],
    [
      'registers in registers',
      at(0x5000_0ffc),
      'devices[0] (dmac).reg[0] (0x50000000-0x50000fff) and devices[5] (extra).reg[0]',
    ],
    [
      'registers around the IOMMU',
      at(0x02ff_f000, 0x3000),
      'devices[5] (extra).reg[0] (0x2fff000-0x3001fff) and iommu',
    ],
    [
      'registers past the end',
      at(2 ** 52 - 0xfff),
      'devices[5] (extra).reg[0] (base 0xffffffffff001, size 4096) is not a range',
    ],
    ['registers below 0', at(-4096), 'is not a range of at least one byte below 2^52'],
    ['registers at NaN', at(NaN), 'is not a range of at least one byte below 2^52'],
    ['empty registers', at(0x6000_0000, 0), 'is not a range of at least one byte below 2^52'],
    ['two devices with one label', device({ label: 'dmac' }), 'devices[0] and devices[5] both have the label dmac.'],
    [
      'a label of the platform',
      device({ label: 'plic' }),
      'interruptController and devices[5] both have the label plic.',
    ],
    ['a label that is none', device({ label: 'my-device' }), '"my-device" (devices[5]) is not a label'],
    [
      'two devices with one name',
      device({ name: 'dmatest' }),
      'devices[4] (dmatest) and devices[5] (extra) both have the node name dmatest.',
    ],
    [
      'a name with a unit address',
      device({ name: 'x@1' }),
      '"x@1" (devices[5] (extra)) is not a device tree node name.',
    ],
    ['nothing to match', device({ compatible: [] }), 'devices[5] (extra) has no compatible string'],
    [
      'an unknown IOMMU',
      device({ iommus: { label: 'iommu2', ids: [1] } }),
      'devices[5] (extra) is behind "iommu2", and no IOMMU has that label.',
    ],
    [
      'a device as IOMMU',
      device({ iommus: { label: 'dmac', ids: [1] } }),
      'is behind "dmac", and no IOMMU has that label',
    ],
    [
      'no requester id',
      device({ iommus: { label: 'iommu', ids: [] } }),
      'devices[5] (extra) is behind an IOMMU without',
    ],
    [
      'a requester id twice',
      device({ iommus: { label: 'iommu', ids: [0x10] } }),
      'devices[0] (dmac) and devices[5] (extra) both have requester id 16.',
    ],
    [
      'a requester id too wide',
      device({ iommus: { label: 'iommu', ids: [2 ** 24] } }),
      'Requester id 16777216 of devices[5] (extra)',
    ],
    [
      'a gate id twice',
      device({ accessController: 0x11 }),
      'devices[2] (left) and devices[5] (extra) both have requester gate id 17.',
    ],
    [
      'interrupt 0',
      device({ interrupts: [0] }),
      "Interrupt 0 of devices[5] (extra) is not one of interruptController's 1 to 63.",
    ],
    ['an interrupt past the last', device({ interrupts: [64] }), 'Interrupt 64 of devices[5] (extra)'],
    [
      'an interrupt twice',
      device({ interrupts: [28] }),
      'devices[1] (fifo) and devices[5] (extra) both have interrupt 28.',
    ],
    ["the IOMMU's interrupt", device({ interrupts: [35] }), 'iommu and devices[5] (extra) both have interrupt 35.'],
    [
      'an interrupt twice in one device',
      device({ interrupts: [5, 5] }),
      'devices[5] (extra) and devices[5] (extra) both have interrupt 5.',
    ],
    [
      'five wires of the IOMMU',
      board({ iommu: { ...exampleBoard.iommu!, interrupts: [1, 2, 3, 4, 5] } }),
      'iommu has 5 interrupts',
    ],
    [
      'an unknown DMA controller',
      device({ dmas: [{ controller: 'x', request: 0, name: 'a' }] }),
      'uses a DMA channel of "x", and no device has that label',
    ],
    [
      'a DMA controller that is none',
      device({ dmas: [{ controller: 'fifo', request: 0, name: 'a' }] }),
      'devices[1] (fifo), which has no #dma-cells',
    ],
    [
      'a handshake twice',
      device({ dmas: [{ controller: 'dmac', request: 3, name: 'a' }] }),
      'devices[1] (fifo) and devices[5] (extra) both have handshake 3 of dmac.',
    ],
    [
      'an unknown clock',
      device({ clocks: ['x'] }),
      'devices[5] (extra) is driven by "x", and no clock has that label.',
    ],
    [
      'too few names',
      device({ clocks: ['bus_clock'], clockNames: [] }),
      'devices[5] (extra) has 1 clocks and 0 names for them.',
    ],
    ['empty windows', device({ dmaRanges: [] }), 'devices[5] (extra).dmaRanges is empty'],
    ['a window of nothing', device({ dmaRanges: [{ ...window, size: 0 }] }), 'devices[5] (extra).dmaRanges[0]'],
    [
      'windows that overlap',
      device({ dmaRanges: [window, window] }),
      'devices[5] (extra).dmaRanges[0] (0x0-0xfff) and devices[5] (extra).dmaRanges[1]',
    ],
    [
      'reserved memory outside',
      board({ reservedMemory: [{ label: 'r', name: 'r', base: 0x83ff_f000, size: 0x2000 }] }),
      'reservedMemory[0] (r) (0x83fff000-0x84000fff) is not inside memory[0] (0x80000000-0x83ffffff) or memory[1]',
    ],
    [
      'reserved memory twice',
      board({ reservedMemory: [0, 1].map((i) => ({ label: `r${i}`, name: 'r', base: 0x8000_0000 + i, size: 2 })) }),
      'reservedMemory[0] (r0) (0x80000000-0x80000001) and reservedMemory[1] (r1) (0x80000001-0x80000002) overlap.',
    ],
  ];
  for (const [what, wrong, message] of refused) {
    it(`refuses ${what}`, () => {
      expect(() => validateBoard(wrong)).to.throw(LabError, message);
    });
  }

  it('refuses a gate id without a gate', () => {
    const { requesterGate: _gate, ...rest } = exampleBoard;
    expect(() => validateBoard(rest)).to.throw(
      LabError,
      'devices[0] (dmac) has an id at the requester gate, and the board has none.',
    );
  });
});
