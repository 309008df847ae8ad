import { setImmediate as immediate } from 'node:timers/promises';

import { expect } from 'chai';

import { PAGE_SIZE, physAddr } from '../../../base/address';
import { LabError } from '../../../base/errors';
import {
  assemble,
  cells,
  cells64,
  DeviceTree as FlattenedTree,
  encodeDeviceTree,
  property,
  strings,
} from '../../../base/fdt';
import type { NodeSource, PropertySource } from '../../../base/fdt';
import type { Logger } from '../../../base/logger';
import { Trace } from '../../../base/trace';
import { SystemBus } from '../../../emulator/bus/system-bus';
import { Clock } from '../../../emulator/clock';
import { Cpu } from '../../../emulator/cpu/cpu';
import { Plic } from '../../../emulator/interrupts/plic';
import { designPlic } from '../../../emulator/interrupts/plic-registers';
import { Ram } from '../../../emulator/memory/ram';
import { createKernel, type BootedKernel } from '../../../kernel-api/boot/boot';
import { of_find_node_by_path } from '../../../kernel-api/of/device-tree';
import { PageReserved, pfn_to_page, pfn_valid } from '../../../kernel-api/mm/page-alloc';
import { of_reserved_mem_lookup } from '../../../kernel-api/of/reserved-memory';
import { msleep } from '../../../kernel-api/sched/delay';
import { PLIC_BASE, rootNode } from '../../support/running-kernel';

const RAM = [
  { base: physAddr(0x8000_0000), size: 4 << 20 },
  { base: physAddr(0x1_0000_0000), size: 4 << 20 },
];
const DTB = physAddr(0x8010_0000);

const memory = (...ranges: number[]): NodeSource => ({
  name: `memory@${ranges[0]!.toString(16)}`,
  properties: [property('device_type', strings('memory')), property('reg', cells64(...ranges))],
});

const BOTH = memory(0x8000_0000, 4 << 20, 0x1_0000_0000, 4 << 20);

const reservedMemory = (...children: NodeSource[]): NodeSource => ({
  name: 'reserved-memory',
  properties: [property('#address-cells', cells(2)), property('#size-cells', cells(2)), property('ranges')],
  children,
});

const region = (name: string, ...properties: PropertySource[]): NodeSource => ({ name, properties });

interface Boot {
  readonly kernel: BootedKernel;
  readonly logged: string[];
}

const bootBlob = (blob: Uint8Array, dtb = DTB, at = dtb): Boot => {
  const clock = new Clock();
  const trace = new Trace(() => clock.now);
  const bus = new SystemBus(new Ram(RAM));
  const cpu = new Cpu(bus, clock, trace);
  const plic = new Plic(designPlic({ sources: 31 }));
  plic.connectOutput(0, cpu.externalInterrupt);
  bus.mount(PLIC_BASE, plic.registers);
  bus.write(at, blob, 0, blob.length);
  const logged: string[] = [];
  const log = (level: string) => (_fields: object, message: string) => void logged.push(`${level}: ${message}`);
  const logger: Logger = { error: log('error'), warn: log('warn'), info: log('info'), debug: () => undefined };
  const options = { revocation: 'linux', hostTurn: () => immediate() } as const;
  return { kernel: createKernel({ cpu, trace, log: logger, dtb, options }), logged };
};

const blobOf = (root: NodeSource, reservations: { address: number; size: number }[] = []): Uint8Array =>
  encodeDeviceTree(
    new FlattenedTree(
      assemble(root),
      reservations.map(({ address, size }) => ({ address: physAddr(address), size })),
    ),
  );

const boot = (root: NodeSource, reservations?: { address: number; size: number }[]): Boot =>
  bootBlob(blobOf(root, reservations));

/** Which of the given addresses are the page allocator's: free, or what the kernel took while it booted. */
const allocatable = (kernel: BootedKernel, addresses: readonly number[]): boolean[] =>
  addresses.map((address) => {
    const pfn = Math.floor(address / PAGE_SIZE);
    return pfn_valid(kernel, pfn) && !PageReserved(pfn_to_page(kernel, pfn));
  });

describe('boot', () => {
  it('starts a machine from a blob in RAM: memory, interrupts, devices, tasks', async () => {
    const { kernel, logged } = boot(
      rootNode(BOTH, {
        name: 'dev@10000000',
        properties: [property('compatible', strings('x,y')), property('reg', cells64(0x1000_0000, 0x100))],
      }),
    );
    await kernel.sched.run(async () => {
      await kernel.start();
      await msleep(kernel, 1);
    });
    expect(kernel.drivers.devices.map(({ name }) => name)).to.deep.equal([
      'c000000.interrupt-controller',
      '10000000.dev',
    ]);
    expect(kernel.mm.memblock.memory).to.deep.equal(RAM);
    expect(kernel.warnings).to.equal(0);
    expect(logged).to.deep.equal([
      'info: DMA: preallocated 128 KiB GFP_KERNEL pool for atomic allocations',
      'info: DMA: preallocated 128 KiB GFP_KERNEL|GFP_DMA32 pool for atomic allocations',
    ]);
    expect(kernel.sched.tasks).to.deep.equal([]);
  });

  it('leaves alone the blob, reservations and reserved memory', () => {
    const blob = blobOf(
      rootNode(
        BOTH,
        reservedMemory(
          region('fixed@80200000', property('reg', cells64(0x8020_0000, 0x1000))),
          region('hidden@100100000', property('reg', cells64(0x1_0010_0000, 0x1000)), property('no-map')),
          region(
            'off@80202000',
            property('reg', cells64(0x8020_2000, 0x1000)),
            property('status', strings('disabled')),
          ),
        ),
      ),
      [{ address: 0x8030_0000, size: 1 }],
    );
    const { kernel } = bootBlob(blob);
    const taken = [DTB, DTB + blob.length - 1, 0x8020_0000, 0x1_0010_0000, 0x8030_0000];
    const free = [0x8020_1000, 0x8020_2000, 0x1_0010_1000, 0x8030_1000, 0x8030_0000 - 1];
    expect(kernel.mm.memblock.reserved.find(({ base }) => base === 0x1_0010_0000)!.noMap).to.equal(true);
    expect(allocatable(kernel, [...taken, ...free])).to.deep.equal([
      ...taken.map(() => false),
      ...free.map(() => true),
    ]);
    const node = of_find_node_by_path(kernel, '/reserved-memory/hidden@100100000')!;
    expect(of_reserved_mem_lookup(node)).to.include({ base: 0x1_0010_0000, size: 0x1000, noMap: true });
    expect(of_reserved_mem_lookup(of_find_node_by_path(kernel, '/reserved-memory/off@80202000')!)).to.equal(null);
  });

  it('finds a place for reserved memory that has none of its own', () => {
    const { kernel, logged } = boot(
      rootNode(
        BOTH,
        reservedMemory(
          region('top', property('size', cells64(0x1800))),
          region(
            'low',
            property('size', cells64(0x2000)),
            property('alignment', cells64(0x1_0000)),
            property('alloc-ranges', cells64(0x8000_0000, 0x20_0000)),
          ),
          region('fixed@801f0000', property('reg', cells64(0x801f_0000, 0x1_0000))),
          region('huge', property('size', cells64(0x4000_0000))),
          region('none', property('size', cells64(0))),
        ),
      ),
    );
    const place = (name: string): number | undefined =>
      of_reserved_mem_lookup(of_find_node_by_path(kernel, `/reserved-memory/${name}`)!)?.base;
    expect(place('top')).to.equal(0x1_0040_0000 - 0x2000);
    expect(place('low')).to.equal(0x801e_0000);
    expect([place('huge'), place('none')]).to.deep.equal([undefined, undefined]);
    expect(logged.filter((line) => /failed to allocate/.test(line))).to.have.length(2);
  });

  it('copes with what Linux copes with', () => {
    const overlapping = boot(rootNode(memory(0x8000_0000, 3 << 20, 0x8010_0000, 3 << 20)));
    expect(allocatable(overlapping.kernel, [0x8000_0000 + (4 << 20) - 1])).to.deep.equal([true]);
    const outside = boot(
      rootNode(BOTH, reservedMemory(region('far@9000000000', property('reg', cells64(0x90_0000_0000, 0x1000))))),
    );
    expect(allocatable(outside.kernel, [0x1_0000_0000])).to.deep.equal([true]);
    const twice = boot(
      rootNode(
        BOTH,
        reservedMemory(
          region('a@80200000', property('reg', cells64(0x8020_0000, 0x2000))),
          region('b@80201000', property('reg', cells64(0x8020_1000, 0x2000))),
        ),
      ),
    );
    expect(twice.logged.join()).to.match(/OVERLAP DETECTED.*a@80200000.*b@80201000/);
    const odd = boot(
      rootNode(BOTH, {
        ...reservedMemory(region('a@0', property('reg', cells(0x8020_0000, 0x1000)))),
        properties: [property('#address-cells', cells(1)), property('#size-cells', cells(1)), property('ranges')],
      }),
    );
    expect(odd.logged[0]).to.equal(
      'error: reserved memory: the node is written in a way that is not understood, and left out',
    );
    const hidesBlob = boot(
      rootNode(BOTH, reservedMemory(region('a@80100000', property('reg', cells64(DTB, 0x1000)), property('no-map')))),
    );
    expect(hidesBlob.logged.join()).to.match(/there is no place for/);
  });

  const refusals: [string, () => Boot, RegExp][] = [
    ['no memory', () => boot(rootNode()), /describes no memory/],
    ['more memory than there is', () => boot(rootNode(memory(0x8000_0000, 8 << 20))), /nothing answers at 0x807fffff/],
    ['memory elsewhere', () => boot(rootNode(memory(0x4000_0000, 4 << 20))), /nothing answers at 0x40000000/],
    ['memory without end', () => boot(rootNode(memory(0x8000_0000, 2 ** 43))), /64 GiB at the most/],
    ['empty memory', () => boot(rootNode(memory(0x8000_0000, 0))), /describes no memory/],
    ['memory beyond 2^52', () => boot(rootNode(memory(2 ** 52 - 4096, 8192))), /beyond 2\^52/],
    ['no blob', () => bootBlob(new Uint8Array(64)), /no device tree at 0x80100000/],
    [
      'a blob outside of RAM',
      () => bootBlob(blobOf(rootNode(BOTH)), physAddr(0x4000_0000), DTB),
      /cannot be read from 0x40000000: no such address/,
    ],
    ['a misplaced blob', () => bootBlob(blobOf(rootNode(BOTH)), physAddr(DTB + 4)), /multiple of 8/],
    [
      'a blob of absurd size',
      () => {
        const blob = blobOf(rootNode(BOTH));
        new DataView(blob.buffer).setUint32(4, 0x4000_0000);
        return bootBlob(blob);
      },
      /2 MiB are the most/,
    ],
    [
      'a truncated blob',
      () => {
        const blob = blobOf(rootNode(BOTH));
        return bootBlob(blob.slice(0, blob.length / 2));
      },
      /malformed/,
    ],
    [
      'a root with three address cells',
      () => {
        const root = rootNode(BOTH);
        return boot({ ...root, properties: [property('#address-cells', cells(3))] });
      },
      /one or two cells/,
    ],
  ];
  for (const [what, attempt, sentence] of refusals) {
    it(`refuses ${what} in one sentence`, () => expect(attempt).to.throw(LabError, sentence));
  }
});
