import { expect } from 'chai';

import { LabError } from '../../base/errors';
import { DwAxiDmac } from '../../devices/dw-axi-dmac';
import { StreamFifo } from '../../devices/stream-fifo';
import { Machine } from '../../lab/machine';
import type { MachineOptions } from '../../lab/machine-options';
import { SMALL_MEMORY, hostTurn } from '../support/on-machine';

const MIB = 0x10_0000;
const build = (options: unknown): Machine => new Machine(options as MachineOptions, { hostTurn });

const node = (more: object = {}): object => ({ nodes: [{ label: 'a', compatible: ['x'], ...more }] });

const thing = (more: object = {}): object =>
  node({
    device: () => ({
      name: 'a',
      mmio: [],
      interruptCount: 0,
      busMaster: false,
      connect: () => undefined,
      reset: () => undefined,
      ...more,
    }),
  });

const shared = new StreamFifo('shared');

/** What is wrong with the options, the options, and the sentence. */
const WRONG: readonly (readonly [string, unknown, RegExp])[] = [
  ['no object', null, /must be an object of options/],
  ['a string', 'x', /must be an object of options/],
  ['an unknown option', { memroy: [] }, /a machine has no option 'memroy'; it has memory, /],
  ['banks that are no array', { memory: 5 }, /^memory is 5; it must be an array/],
  ['no banks', { memory: [] }, /no memory/],
  ['a bank that is none', { memory: [null] }, /^memory\[0\] is null; it must be an object/],
  ['a bank without size', { memory: [{ base: 0 }] }, /^memory\[0\] has no size/],
  ['a bank with a text for a size', { memory: [{ base: 0, size: '1' }] }, /^memory\[0\]\.size is string/],
  ['an empty bank', { memory: [{ base: 0x8000_0000, size: 0 }] }, /memory\[0\].*at least one byte/],
  ['a bank at NaN', { memory: [{ base: NaN, size: MIB }] }, /memory\[0\]/],
  ['a bank that is no whole pages', { memory: [{ base: 0x8000_0001, size: MIB }] }, /not made of whole pages/],
  [
    'banks that overlap',
    {
      memory: [
        { base: 0x8000_0000, size: 2 * MIB },
        { base: 0x8010_0000, size: 2 * MIB },
      ],
    },
    /memory\[0\] \(0x80000000-0x801fffff\) and memory\[1\] \(0x80100000-0x802fffff\) overlap/,
  ],
  ['a bank over registers', { memory: [{ base: 0x1000_0000, size: MIB }] }, /memory\[0\].*dmac.*overlap/],
  ['more memory than there can be', { memory: [{ base: 0, size: 2 ** 40 }] }, /overlap|add up to/],
  ['an IOMMU that is a word', { iommu: 'yes' }, /^iommu is 'yes'/],
  ['an unknown option of the IOMMU', { iommu: { foo: 1 } }, /the IOMMU has no option 'foo'/],
  ['an IOMMU that cannot be', { iommu: { directoryLevels: 4 } }, /directoryLevels is 4/],
  ['a controller that is just true', { dmac: true }, /^dmac is true; it must be an object/],
  ['an unknown option of the controller', { dmac: { foo: 1 } }, /no option foo/],
  [
    'no address wires',
    { dmac: { addressWires: 0 } },
    /dmac\.addressWires is 0; it must be a whole number from 1 to 64/,
  ],
  ['windows that are a number', { dmac: { dmaRanges: 4 } }, /dmac\.dmaRanges is 4/],
  ['an empty list of windows', { dmac: { dmaRanges: [] } }, /dmaRanges is empty/],
  [
    'windows that overlap',
    {
      dmac: {
        dmaRanges: [
          { deviceAddress: 0, physicalAddress: 0x8000_0000, size: 8192 },
          { deviceAddress: 4096, physicalAddress: 0x8000_0000, size: 8192 },
        ],
      },
    },
    /dmaRanges\[0\].*dmaRanges\[1\].*overlap/,
  ],
  ['an unknown option of the FIFO', { fifo: { foo: 1 } }, /no option foo/],
  ['a FIFO without a controller', { dmac: false, fifo: {} }, /the FIFO peripheral needs the DMA controller/],
  ['an unknown revocation', { revocation: 'x' }, /revocation is 'x'; it must be 'linux' or 'strict'/],
  ['an unknown order', { eventOrder: 'x' }, /eventOrder is 'x'; it must be 'armed' or 'seeded'/],
  ...[0, -1, NaN, Infinity, 1e300, '5'].map(
    (timeLimit) =>
      [`a time limit of ${timeLimit}`, { timeLimit }, /^timeLimit is .* it must be a number above 0/] as const,
  ),
  ['nodes that are no array', { nodes: {} }, /^nodes is an object; it must be an array/],
  ['a node that is none', { nodes: [null] }, /^nodes\[0\] is null/],
  ['a node without label', { nodes: [{ compatible: ['x'] }] }, /^nodes\[0\] has no label/],
  ['a node without compatible', { nodes: [{ label: 'a' }] }, /^nodes\[0\] has no compatible/],
  ['an empty compatible', node({ compatible: [] }), /no compatible string/],
  ['an unknown option of a node', node({ foo: 1 }), /a node has no option 'foo'/],
  ['an unknown option of a bus', node({ bus: { foo: 1 } }), /the bus of a node has no option 'foo'/],
  [
    'a label twice',
    { nodes: [{ label: 'dmac', compatible: ['x'] }] },
    /two nodes of the machine have the label 'dmac'/,
  ],
  ['a label of the board', { nodes: [{ label: 'plic', compatible: ['x'] }] }, /label plic/],
  ['a label with a hyphen', { nodes: [{ label: 'a-b', compatible: ['x'] }] }, /is not a label/],
  ['a name that is none', node({ name: '%' }), /not a device tree node name/],
  ['a property that is an object', node({ properties: { p: {} } }), /property nodes\[0\]\.properties\.p/],
  ['a property that is a fraction', node({ properties: { p: 1.5 } }), /properties\.p is 1\.5/],
  ['a device that is no function', node({ device: 5 }), /nodes\[0\]\.device is 5; it must be a function/],
  ['a device that is a number', node({ device: () => 5 }), /the device of 'a' is 5/],
  ['a device without registers', node({ device: () => ({ name: 'a' }) }), /mmio of the device of 'a' is undefined/],
  ['a device without connect', thing({ connect: 1 }), /connect of the device of 'a' is 1; it must be a function/],
  ['a register window without size', thing({ mmio: [{}] }), /mmio of the device of 'a'\[0\]\.size is undefined/],
  ['too many interrupts', thing({ interruptCount: 64 }), /interruptCount of the device of 'a' is 64/],
  ['more interrupts than are left', thing({ interruptCount: 60 }), /63 interrupt wires, and 'a' wants more/],
  ['registers larger than the window', thing({ mmio: [{ size: 2 ** 30 }] }), /do not fit into their window/],
  [
    'one device for two nodes',
    {
      nodes: ['a', 'b'].map((label) => ({ label, compatible: ['x'], device: () => shared })),
    },
    /nodes 'a' and 'b' have the same device/,
  ],
  ['a channel of nobody', node({ dmas: [{ controller: 'z', request: 1, name: 'x' }] }), /no device has that label/],
  [
    'a channel of no controller',
    node({ dmas: [{ controller: 'fifo', request: 1, name: 'x' }] }),
    /is no DMA controller/,
  ],
  ['a handshake twice', node({ dmas: [{ controller: 'dmac', request: 1, name: 'x' }] }), /both have handshake 1/],
  ['a handshake below 0', node({ dmas: [{ controller: 'dmac', request: -1, name: 'x' }] }), /dmas\[0\]\.request is -1/],
];

describe('machine', () => {
  for (const [what, options, message] of WRONG) {
    it(`refuses ${what}`, () => {
      let thrown: unknown;
      try {
        build(options);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).to.be.instanceOf(LabError);
      expect((thrown as LabError).message).to.match(message);
      expect((thrown as LabError).message).not.to.match(/\n|undefined is not|Cannot read/);
    });
  }

  it('takes options that are given as undefined for not given', () => {
    expect(() => build({ memory: undefined, nodes: undefined, timeLimit: undefined })).not.to.throw();
  });

  it('touches no page of RAM but those of the device tree when it is built', () => {
    const machine = build({});
    const touched = (): number[] => {
      const pages: number[] = [];
      machine.hardware.ram.forEachTouchedPage((page) => pages.push(page));
      return pages;
    };
    // The blob lies at the top of the lowest bank, in pages of its own.
    const blob = [0x8400_0000 / 4096 - 1];
    expect(touched()).to.deep.equal(blob);
    machine.boot();
    expect(touched(), 'the kernel has written nothing before its tasks run').to.deep.equal(blob);
  });

  it('touches a few dozen pages until its devices are bound, however much RAM there is', async () => {
    for (const memory of [SMALL_MEMORY, undefined, [{ base: 0x8000_0000, size: 1024 * MIB }]]) {
      const machine = build(memory === undefined ? {} : { memory });
      await machine.run(() => undefined);
      // Most of them are the IOMMU's queues.
      expect(machine.hardware.ram.touchedPages).to.be.within(10, 100);
    }
  });

  it('boots once', async () => {
    const machine = build({ memory: SMALL_MEMORY });
    expect(() => machine.kernel).to.throw(LabError, /has not booted yet/);
    machine.boot();
    expect(() => machine.boot()).to.throw(LabError, /has booted already/);
    expect(await machine.run((kernel) => kernel === machine.kernel)).to.equal(true);
  });

  it('knows its devices and ports by label, and says which there are', () => {
    const { hardware } = build({ memory: SMALL_MEMORY });
    expect(hardware.device('dmac')).to.be.instanceOf(DwAxiDmac);
    expect(hardware.device('fifo', StreamFifo)).to.be.instanceOf(StreamFifo);
    expect(() => hardware.device('dmac', StreamFifo)).to.throw(LabError, /the device 'dmac' is no StreamFifo/);
    expect(() => hardware.device('x')).to.throw(LabError, /no device 'x'; it has dmac, fifo/);
    expect(hardware.port('dmac').requesterId).to.equal(1);
    expect(() => hardware.port('fifo')).to.throw(LabError, /no bus master 'fifo'; it has dmac/);
  });

  it('leaves out what is not wanted', async () => {
    const machine = build({ memory: SMALL_MEMORY, iommu: false, dmac: false });
    expect(machine.hardware.iommu).to.equal(undefined);
    await machine.run((kernel) => {
      expect(
        kernel.drivers.devices.filter(({ driver }) => driver !== null).map(({ driver }) => driver!.name),
      ).to.deep.equal(['dmalab,requester-gate']);
    });
  });

  it('survives RAM that is too small for anything', async () => {
    for (const size of [4096, 8192, 65536]) {
      const machine = build({ memory: [{ base: 0x8000_0000, size }] });
      await machine.run(() => undefined);
    }
  });

  it('lives beside other machines', async () => {
    const machines = [1, 2, 3].map(() => build({ memory: SMALL_MEMORY }));
    const names = await Promise.all(
      machines.map((machine) => machine.run((kernel) => kernel.drivers.devices.map(({ name }) => name))),
    );
    expect(names[1]).to.deep.equal(names[0]);
    expect(names[2]).to.deep.equal(names[0]);
  });

  it('has the time limit that was asked for, in milliseconds', async () => {
    const machine = build({ memory: SMALL_MEMORY, timeLimit: 20.5 });
    expect(machine.clock.limit).to.equal(20_500_000);
    let thrown: unknown;
    await machine
      .run(async (kernel) => {
        for (;;) await kernel.sched.blockUntil('nothing', kernel.cpu.now + 1e6);
      })
      .catch((error: unknown) => {
        thrown = error;
      });
    expect(thrown).to.be.instanceOf(LabError);
    expect((thrown as Error).message).to.match(/reached its limit of 20\.5 ms.*'main' waits for nothing/);
  });
});
