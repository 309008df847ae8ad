import { expect } from 'chai';

import { AXES, AXIS_NAMES, valuesOf, type MatrixCase } from '../../lab/matrix/axes';
import { overlayMachine } from '../../lab/matrix/overlay';
import type { ExtraNode, MachineOptions } from '../../lab/machine-options';
import { Ticker } from '../../scenarios/lib/ticker';
import { onMachine } from '../support/on-machine';

const device = (): Ticker => new Ticker();
const NODE: ExtraNode = { label: 'other', compatible: ['acme,other'], device };
const CLIENT: ExtraNode = { label: 'client', compatible: ['acme,client'], bus: { coherent: false } };
const WINDOW = { deviceAddress: 0, physicalAddress: 0, size: 2 ** 32 };
const POOL = { label: 'matrix_pool', size: 0x40_0000, compatible: 'restricted-dma-pool' };

/** A machine that disagrees with every axis in every place where one can, and has other wishes besides. */
const OTHER_WISHES = {
  memory: [
    { base: 0x8000_0000, size: 0x100_0000 },
    { base: 0x1_0000_0000, size: 0x80_0000 },
  ],
  fifo: { sourceNs: 50 },
  timeLimit: 7,
  eventOrder: 'seeded',
} as const satisfies MachineOptions;
const CONTRARY: MachineOptions = {
  ...OTHER_WISHES,
  iommu: { directoryLevels: 2 },
  bootargs: 'quiet iommu.strict=0 swiotlb=512,force iommu.passthrough -- iommu.strict=1',
  coherent: false,
  untrusted: true,
  confidential: 'garbage',
  cache: { sets: 8, adversarial: { interval: 3 } },
  revocation: 'strict',
  reservedMemory: [
    { label: 'frames', size: 0x1000 },
    { label: 'own_pool', size: 0x1_0000, compatible: 'restricted-dma-pool' },
  ],
  dmac: { channels: 2, untrusted: false, coherent: true, dmaRanges: [WINDOW], memoryRegions: ['frames', 'own_pool'] },
  nodes: [
    {
      ...NODE,
      bus: { addressWires: 40, behindIommu: false, untrusted: true, coherent: false, memoryRegions: ['own_pool'] },
    },
    CLIENT,
  ],
};

const FRAMES = { label: 'frames', size: 0x1000 };
const CONTRARY_DMAC = { channels: 2, coherent: true, dmaRanges: [WINDOW] };
const CONTRARY_BUS = { addressWires: 40, coherent: false };

/** What is left of the contrary machine when all that belongs to translation is gone. */
const REST: MachineOptions = {
  ...OTHER_WISHES,
  coherent: false,
  cache: { sets: 8, adversarial: { interval: 3 } },
  revocation: 'strict',
  reservedMemory: [FRAMES],
  dmac: { ...CONTRARY_DMAC, memoryRegions: ['frames'] },
};
const withBus = (bus: object): ExtraNode[] => [{ ...NODE, bus: { ...CONTRARY_BUS, ...bus } }, CLIENT];
const OPEN = withBus({ behindIommu: false });
const BEHIND = withBus({});

/** Case -> what becomes of a machine without wishes, and of the contrary one. */
const TABLE: readonly (readonly [MatrixCase, MachineOptions, MachineOptions])[] = [
  [{}, { nodes: [NODE, CLIENT] }, CONTRARY],
  [
    { translation: 'direct' },
    { iommu: false, nodes: [NODE, CLIENT] },
    { ...REST, iommu: false, bootargs: 'quiet swiotlb=512 --', nodes: OPEN },
  ],
  [
    { translation: 'strict' },
    { iommu: true, bootargs: 'iommu.passthrough=0 iommu.strict=1', nodes: [NODE, CLIENT] },
    {
      ...REST,
      iommu: { directoryLevels: 2 },
      bootargs: 'iommu.passthrough=0 iommu.strict=1 quiet swiotlb=512 --',
      nodes: BEHIND,
    },
  ],
  [
    { translation: 'lazy' },
    { iommu: true, bootargs: 'iommu.passthrough=0 iommu.strict=0', nodes: [NODE, CLIENT] },
    {
      ...REST,
      iommu: { directoryLevels: 2 },
      bootargs: 'iommu.passthrough=0 iommu.strict=0 quiet swiotlb=512 --',
      nodes: BEHIND,
    },
  ],
  [
    { translation: 'untrusted' },
    { iommu: true, untrusted: true, bootargs: 'iommu.passthrough=0', nodes: [NODE, CLIENT] },
    {
      ...REST,
      iommu: { directoryLevels: 2 },
      untrusted: true,
      bootargs: 'iommu.passthrough=0 quiet swiotlb=512 --',
      nodes: BEHIND,
    },
  ],
  [
    { translation: 'passthrough' },
    { iommu: true, bootargs: 'iommu.passthrough=1', nodes: [NODE, CLIENT] },
    {
      ...REST,
      iommu: { directoryLevels: 2 },
      bootargs: 'iommu.passthrough=1 quiet swiotlb=512 --',
      nodes: BEHIND,
    },
  ],
  [
    { translation: 'swiotlb' },
    { iommu: false, bootargs: 'swiotlb=force', nodes: [NODE, CLIENT] },
    { ...REST, iommu: false, bootargs: 'swiotlb=512,force quiet --', nodes: OPEN },
  ],
  [
    { translation: 'restricted' },
    {
      iommu: false,
      reservedMemory: [POOL],
      dmac: { memoryRegions: ['matrix_pool'] },
      nodes: [{ ...NODE, bus: { memoryRegions: ['matrix_pool'] } }, CLIENT],
    },
    {
      ...REST,
      iommu: false,
      bootargs: 'quiet swiotlb=512 --',
      reservedMemory: CONTRARY.reservedMemory!,
      dmac: { ...CONTRARY_DMAC, memoryRegions: ['frames', 'own_pool'] },
      nodes: withBus({ behindIommu: false, memoryRegions: ['own_pool'] }),
    },
  ],
  [
    { translation: 'confidential' },
    { iommu: false, confidential: true, nodes: [NODE, CLIENT] },
    { ...REST, iommu: false, confidential: 'garbage', bootargs: 'quiet swiotlb=512 --', nodes: OPEN },
  ],
  ...(['on', 'off'] as const).map((coherency): [MatrixCase, MachineOptions, MachineOptions] => {
    const { coherent: _ofDmac, ...dmac } = CONTRARY.dmac as object & { coherent: boolean };
    const [node, client] = CONTRARY.nodes!;
    const { coherent: _ofNode, ...bus } = node!.bus!;
    const coherent = coherency === 'on';
    return [
      { coherency },
      { coherent, nodes: [NODE, CLIENT] },
      { ...CONTRARY, coherent, dmac, nodes: [{ ...node!, bus }, client!] },
    ];
  }),
  [
    { mask: '32' },
    { dmac: { dmaRanges: [WINDOW] }, nodes: [{ ...NODE, bus: { dmaRanges: [WINDOW] } }, CLIENT] },
    {
      ...CONTRARY,
      nodes: [{ ...NODE, bus: { ...CONTRARY.nodes![0]!.bus, dmaRanges: [WINDOW] } }, CLIENT],
    },
  ],
  [
    { mask: '64' },
    { nodes: [NODE, CLIENT] },
    {
      ...CONTRARY,
      dmac: { channels: 2, untrusted: false, coherent: true, memoryRegions: ['frames', 'own_pool'] },
    },
  ],
  [{ cache: 'plain' }, { nodes: [NODE, CLIENT] }, { ...CONTRARY, cache: { sets: 8 } }],
  [{ cache: 'adversarial' }, { cache: { adversarial: true }, nodes: [NODE, CLIENT] }, CONTRARY],
  [{ revocation: 'linux' }, { revocation: 'linux', nodes: [NODE, CLIENT] }, { ...CONTRARY, revocation: 'linux' }],
  [{ revocation: 'strict' }, { revocation: 'strict', nodes: [NODE, CLIENT] }, CONTRARY],
  [{ driver: 'buggy' }, { nodes: [NODE, CLIENT] }, CONTRARY],
  [{ driver: 'fixed' }, { nodes: [NODE, CLIENT] }, CONTRARY],
];

describe('matrix: machines of a case', () => {
  it('are tested for every value of every axis', () => {
    const tested = TABLE.flatMap(([matrixCase]) => Object.entries(matrixCase).map((pair) => pair.join('=')));
    const all = AXIS_NAMES.flatMap((axis) => valuesOf(axis).map((value) => `${axis}=${value}`));
    expect(tested.toSorted()).to.deep.equal(all.toSorted());
    for (const axis of AXIS_NAMES) for (const { doc } of AXES[axis].values) expect(doc).not.to.equal('');
  });

  for (const [matrixCase, plain, contrary] of TABLE) {
    const name = Object.entries(matrixCase).map((pair) => pair.join('='))[0] ?? 'none';
    it(`${name} changes what it is about and nothing else`, () => {
      const given = deepCopy(CONTRARY);
      expect(overlayMachine({ nodes: [NODE, CLIENT] }, matrixCase)).to.deep.equal(plain);
      expect(overlayMachine(CONTRARY, matrixCase)).to.deep.equal(contrary);
      expect(CONTRARY, 'the scenario has it still').to.deep.equal(given);
    });

    it(`${name} is a machine that boots, twice over`, async () => {
      for (const machine of [{ nodes: [NODE, CLIENT] }, { ...CONTRARY, nodes: [NODE, CLIENT] }]) {
        const once = overlayMachine(machine, matrixCase);
        expect(overlayMachine(once, matrixCase)).to.deep.equal(once);
        const warnings = await onMachine(once, (kernel) => kernel.warnings);
        expect(warnings).to.equal(0);
      }
    });
  }

  it('leaves a controller out that the scenario leaves out', () => {
    const machine = overlayMachine({ dmac: false }, { translation: 'restricted', coherency: 'off', mask: '32' });
    expect(machine.dmac).to.equal(false);
  });

  it('gives a cache to a machine that has none', () => {
    expect(overlayMachine({ cache: false }, { cache: 'plain' })).to.deep.equal({});
    expect(overlayMachine({ cache: false }, { cache: 'adversarial' })).to.deep.equal({ cache: { adversarial: true } });
  });

  for (const [bootargs, direct, swiotlb] of [
    [undefined, undefined, 'swiotlb=force'],
    ['', undefined, 'swiotlb=force'],
    ['swiotlb=force', undefined, 'swiotlb=force'],
    ['swiotlb=noforce', 'swiotlb=noforce', 'swiotlb=force'],
    ['swiotlb=512', 'swiotlb=512', 'swiotlb=512,force'],
    ['swiotlb=512,2,force quiet', 'swiotlb=512,2 quiet', 'swiotlb=512,2,force quiet'],
    ['swiotlb=512,noforce', 'swiotlb=512,noforce', 'swiotlb=512,force'],
    ['swiotlb=64 swiotlb=512', 'swiotlb=64 swiotlb=512', 'swiotlb=512,force'],
    ['swiotlb', 'swiotlb', 'swiotlb=force swiotlb'],
    ['x="a b" iommu.strict=0 iommu.strictly=1', 'x="a b" iommu.strictly=1', 'swiotlb=force x="a b" iommu.strictly=1'],
  ] as const) {
    it(`reads the boot arguments ${JSON.stringify(bootargs)}`, () => {
      const machine: MachineOptions = bootargs === undefined ? {} : { bootargs };
      expect(overlayMachine(machine, { translation: 'direct' }).bootargs).to.equal(direct);
      expect(overlayMachine(machine, { translation: 'swiotlb' }).bootargs).to.equal(swiotlb);
    });
  }
});

/** A copy down to the functions, which stay the same. */
const deepCopy = <T>(value: T): T => {
  if (Array.isArray(value)) return value.map(deepCopy) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, deepCopy(each)])) as T;
};
