import { expect } from 'chai';
import * as fc from 'fast-check';
import { physAddr, PAGE_SIZE, type DmaAddr } from '../../../base/address';
import { EINVAL, EIO, ENOMEM } from '../../../base/errno';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import {
  DMA_BIDIRECTIONAL,
  DMA_BIT_MASK,
  DMA_FROM_DEVICE,
  DMA_MAPPING_ERROR,
  DMA_TO_DEVICE,
  dma_get_merge_boundary,
  dma_get_required_mask,
  dma_map_phys,
  dma_map_resource,
  dma_map_sg,
  dma_map_sgtable,
  dma_set_mask,
  dma_set_max_seg_size,
  dma_set_min_align_mask,
  dma_set_seg_boundary,
  dma_unmap_phys,
  dma_unmap_resource,
  dma_unmap_sg,
  dma_unmap_sgtable,
} from '../../../kernel-api/dma/mapping';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { IOMMU_CACHE, IOMMU_MMIO, IOMMU_READ, IOMMU_WRITE } from '../../../kernel-api/iommu/iommu-domain';
import { pfn_to_page } from '../../../kernel-api/mm/page';
import { sg_dma_address, sg_dma_len, sg_set_page } from '../../../kernel-api/scatterlist/scatterlist';
import {
  for_each_sgtable_dma_sg,
  for_each_sgtable_sg,
  sg_alloc_table,
  sg_free_table,
  SgTable,
} from '../../../kernel-api/scatterlist/sg-table';
import { makeDmaDevice, makeDmaKernel, putBehindIommu, reach } from '../../support/dma-device';
import type { FakeIommuDomain } from '../../support/fake-iommu-domain';
import type { FakeKernel } from '../../support/fake-kernel';

const RAM = 0x8000_0000;
const PFN = RAM / PAGE_SIZE;

interface Machine {
  readonly kernel: FakeKernel;
  readonly dev: StructDevice;
  readonly domain: FakeIommuDomain;
}

const kernel = makeDmaKernel();

const setUp = (): Machine => {
  const dev = makeDmaDevice(kernel);
  kernel.warned.length = 0;
  return { kernel, dev, domain: putBehindIommu(dev) };
};

type Entry = readonly [page: number, offset: number, length: number];

const makeTable = (entries: readonly Entry[]): SgTable => {
  const table = new SgTable(kernel);
  expect(sg_alloc_table(table, entries.length, GFP_KERNEL)).to.equal(0);
  [...for_each_sgtable_sg(table)].forEach((sg, i) => {
    const [page, offset, length] = entries[i]!;
    sg_set_page(sg, pfn_to_page(kernel, PFN + page), length, offset);
  });
  return table;
};

const contents = (table: SgTable): unknown[] =>
  [...for_each_sgtable_sg(table)].map((sg) => [sg.offset, sg.length, sg_dma_address(sg), sg_dma_len(sg)]);

/** Where the device's accesses land, byte by byte in steps, against the list. */
const expectSeen = (dev: StructDevice, table: SgTable, entries: readonly Entry[]): void => {
  const expected = entries.flatMap(([page, offset, length]) =>
    Array.from({ length: Math.ceil(length / 256) }, (_, i) => RAM + page * PAGE_SIZE + offset + i * 256),
  );
  const starts: number[] = [];
  let position = 0;
  for (const [, , length] of entries) {
    for (let at = 0; at < length; at += 256) starts.push(position + at);
    position += length;
  }
  const seen: number[] = [];
  let base = 0;
  for (const sg of for_each_sgtable_dma_sg(table)) {
    const end = base + sg_dma_len(sg);
    for (let next = starts[seen.length]; next !== undefined && next < end; next = starts[seen.length]) {
      seen.push(reach(dev, sg_dma_address(sg) + BigInt(next - base)));
    }
    base = end;
  }
  expect(base).to.equal(position);
  expect(seen).to.deep.equal(expected);
};

const expectNothingLeft = ({ dev, domain }: Machine): void => {
  expect(domain.pages.size, 'mapped pages').to.equal(0);
  expect(domain.stale.size, 'cached pages').to.equal(0);
  expect(dev.dma.iommu!.iovad.ranges(), 'addresses').to.deep.equal([]);
};

const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.tuple(
    fc.nat(500),
    fc.constant(0),
    fc.integer({ min: 1, max: 5 }).map((pages) => pages * PAGE_SIZE),
  ),
  fc.tuple(fc.nat(500), fc.nat(5000), fc.integer({ min: 1, max: 20_000 })),
);

type Op =
  | { readonly kind: 'range'; readonly at: number; readonly size: number; readonly fail: boolean }
  | { readonly kind: 'list'; readonly entries: Entry[]; readonly fail: number }
  | { readonly kind: 'unmap'; readonly which: number };

const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({
    kind: fc.constant('range' as const),
    at: fc.nat(1_000_000),
    size: fc.integer({ min: 1, max: 20_000 }),
    fail: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('list' as const),
    entries: fc.array(entry, { minLength: 1, maxLength: 12 }),
    fail: fc.nat(6),
  }),
  fc.record({ kind: fc.constant('unmap' as const), which: fc.nat(1000) }),
);

interface Live {
  readonly check: () => void;
  readonly unmap: () => void;
}

const mapRange = ({ dev, domain }: Machine, step: Op & { kind: 'range' }): Live | null => {
  domain.failMapAfter = step.fail ? 1 : 0;
  const address = dma_map_phys(dev, physAddr(RAM + step.at), step.size, DMA_FROM_DEVICE, 0);
  domain.failMapAfter = 0;
  if (step.fail) {
    expect(address).to.equal(DMA_MAPPING_ERROR);
    return null;
  }
  return {
    check: () => {
      for (const at of [0, step.size >>> 1, step.size - 1]) {
        expect(reach(dev, address + BigInt(at))).to.equal(RAM + step.at + at);
      }
    },
    unmap: () => dma_unmap_phys(dev, address, step.size, DMA_FROM_DEVICE, 0),
  };
};

const mapList = ({ dev, domain }: Machine, { entries, fail }: Op & { kind: 'list' }): Live | null => {
  const table = makeTable(entries);
  const before = [...for_each_sgtable_sg(table)].map((sg) => [sg.offset, sg.length, DMA_MAPPING_ERROR, 0]);
  const calls = domain.mapCalls;
  domain.failMapAfter = fail;
  const error = dma_map_sgtable(dev, table, DMA_TO_DEVICE);
  const failed = fail > 0 && domain.mapCalls - calls >= fail;
  domain.failMapAfter = 0;
  expect(error).to.equal(failed ? -ENOMEM : 0);
  if (failed) {
    expect(contents(table)).to.deep.equal(before);
    sg_free_table(table);
    return null;
  }
  return {
    check: () => expectSeen(dev, table, entries),
    unmap: () => {
      dma_unmap_sgtable(dev, table, DMA_TO_DEVICE);
      sg_free_table(table);
    },
  };
};

describe('kernel-api/dma: mappings behind an IOMMU', () => {
  it('keeps every live mapping intact, and leaves nothing behind, whatever fails', () => {
    fc.assert(
      fc.property(fc.array(op, { maxLength: 25 }), fc.constantFrom(0, 4095, 65535), (ops, boundary) => {
        const machine = setUp();
        dma_set_seg_boundary(machine.dev, BigInt(boundary));
        const live: Live[] = [];
        for (const step of ops) {
          if (step.kind === 'unmap') live.splice(step.which % Math.max(live.length, 1), 1)[0]?.unmap();
          else {
            const made = step.kind === 'range' ? mapRange(machine, step) : mapList(machine, step);
            if (made !== null) live.push(made);
          }
        }
        for (const mapping of live) mapping.check();
        for (const mapping of live) mapping.unmap();
        expectNothingLeft(machine);
        expect(kernel.warned).to.deep.equal([]);
      }),
      { numRuns: 150 },
    );
  });

  it('merges whole pages into one segment, and only as far as the limits allow', () => {
    const { dev } = setUp();
    const pages = (count: number): Entry[] => Array.from({ length: count }, (_, i) => [(i * 37) % 500, 0, PAGE_SIZE]);
    const counts = (maxSegment: number, boundary: bigint): number => {
      dma_set_max_seg_size(dev, maxSegment);
      dma_set_seg_boundary(dev, boundary);
      const table = makeTable(pages(200));
      expect(dma_map_sgtable(dev, table, DMA_TO_DEVICE)).to.equal(0);
      expect([...for_each_sgtable_sg(table)].slice(table.nents).every((sg) => sg_dma_len(sg) === 0)).to.equal(true);
      expectSeen(dev, table, pages(200));
      dma_unmap_sgtable(dev, table, DMA_TO_DEVICE);
      sg_free_table(table);
      return table.nents;
    };
    expect(counts(0xffff_ffff, 0n)).to.equal(1);
    expect(counts(0, 0n), 'the default is 64 KiB').to.equal(13);
    expect(counts(8192, 0n)).to.equal(100);
    expect(counts(0xffff_ffff, 0xffffn)).to.equal(13);
    expect(counts(0xffff_ffff, 0xfffn)).to.equal(200);
    expect(counts(0xffff_ffff, 0x1ffn)).to.equal(200);
  });

  it('unmaps by the original number of entries, which is not the number of segments', () => {
    const { dev, domain } = setUp();
    dma_set_max_seg_size(dev, 8192);
    const table = makeTable([0, 1, 2, 3, 4].map((page) => [page * 3, 0, PAGE_SIZE] as const));
    expect(dma_map_sg(dev, table.sgl!, 5, DMA_TO_DEVICE)).to.equal(3);
    dma_unmap_sg(dev, table.sgl!, 1, DMA_TO_DEVICE);
    expect(domain.pages.size, 'a wrong number leaves pages mapped').to.equal(3);
  });

  it('frees the address only after the IOMMU has forgotten it', () => {
    const { dev, domain } = setUp();
    const address = dma_map_phys(dev, physAddr(RAM), 4096, DMA_TO_DEVICE, 0);
    let during: DmaAddr | undefined;
    domain.onSync = () => {
      during ??= dma_map_phys(dev, physAddr(RAM), 4096, DMA_TO_DEVICE, 0);
    };
    dma_unmap_phys(dev, address, 4096, DMA_TO_DEVICE, 0);
    expect(during).not.to.equal(address);
    expect(dma_map_phys(dev, physAddr(RAM), 4096, DMA_TO_DEVICE, 0)).to.equal(address);
  });

  it('may be entered by an interrupt while it waits for the IOMMU', () => {
    const machine = setUp();
    const { dev, domain } = machine;
    const table = makeTable([
      [1, 0, 4096],
      [5, 0, 4096],
      [9, 100, 50],
    ]);
    const inner = makeTable([
      [2, 7, 4096],
      [50, 0, 8192],
    ]);
    let nested = 0;
    domain.onSync = () => {
      if (nested++ > 0) return;
      expect(dma_map_sgtable(dev, inner, DMA_TO_DEVICE)).to.equal(0);
    };
    domain.failMapAfter = 3;
    expect(dma_map_sgtable(dev, table, DMA_TO_DEVICE)).to.equal(-ENOMEM);
    expectSeen(dev, inner, [
      [2, 7, 4096],
      [50, 0, 8192],
    ]);
    dma_unmap_sgtable(dev, inner, DMA_TO_DEVICE);
    expectNothingLeft(machine);
  });

  it('allocates below mask, bus limit and aperture, the smallest of them', () => {
    const { dev } = setUp();
    const map = (): bigint => dma_map_phys(dev, physAddr(RAM + 5), 1, DMA_TO_DEVICE, 0);
    expect(map()).to.equal(0xffff_f005n);
    expect(dma_set_mask(dev, DMA_BIT_MASK(64))).to.equal(0);
    expect(map(), 'the aperture').to.equal(0x3f_ffff_f005n);
    expect(dma_set_mask(dev, DMA_BIT_MASK(36))).to.equal(0);
    expect(map()).to.equal(0xf_ffff_f005n);
    dev.dma.bus_dma_limit = 0x1_2345_6fffn;
    expect(map()).to.equal(0x1_2345_6005n);
    expect(dma_set_mask(dev, DMA_BIT_MASK(12)), 'any mask is taken').to.equal(0);
    expect(map(), 'but page 0 is not').to.equal(DMA_MAPPING_ERROR);
  });

  it('tries the addresses below 4 GiB first for a PCI device only', () => {
    const { dev } = setUp();
    dma_set_mask(dev, DMA_BIT_MASK(64));
    dev.dma.pci_32bit_workaround = true;
    dev.dma.iommu!.iovad.reserve(1, 2 ** 19 - 1);
    expect(dma_map_phys(dev, physAddr(RAM), 1, DMA_TO_DEVICE, 0)).to.equal(0xffff_f000n);
    expect(dev.dma.pci_32bit_workaround).to.equal(true);
    dev.dma.iommu!.iovad.reserve(2 ** 19, 2 ** 20 - 1);
    expect(dma_map_phys(dev, physAddr(RAM), 1, DMA_TO_DEVICE, 0)).to.equal(0x3f_ffff_f000n);
    expect(dev.dma.pci_32bit_workaround).to.equal(false);
  });

  it('stays clear of reserved ranges', () => {
    const dev = makeDmaDevice(kernel);
    putBehindIommu(dev, undefined, [{ firstPage: 0xffffe, lastPage: 0x10_0000 }]);
    expect(dma_map_phys(dev, physAddr(RAM), 8192, DMA_TO_DEVICE, 0)).to.equal(0xffff_c000n);
    expect(dma_map_phys(dev, physAddr(RAM), 4096, DMA_TO_DEVICE, 0)).to.equal(0xffff_b000n);
  });

  it('gives the device just the rights of the direction', () => {
    const { dev, domain } = setUp();
    const prot = (map: () => bigint): number => domain.pages.get(Number(map() >> 12n))!.prot;
    expect(prot(() => dma_map_phys(dev, physAddr(RAM), 1, DMA_TO_DEVICE, 0))).to.equal(IOMMU_READ | IOMMU_CACHE);
    expect(prot(() => dma_map_phys(dev, physAddr(RAM), 1, DMA_FROM_DEVICE, 0))).to.equal(IOMMU_WRITE | IOMMU_CACHE);
    dev.dma.dma_coherent = false;
    expect(prot(() => dma_map_phys(dev, physAddr(RAM), 1, DMA_BIDIRECTIONAL, 0))).to.equal(IOMMU_READ | IOMMU_WRITE);
    expect(prot(() => dma_map_resource(dev, physAddr(0x1000), 1, DMA_FROM_DEVICE, 0))).to.equal(
      IOMMU_WRITE | IOMMU_MMIO,
    );
  });

  it('maps and unmaps registers', () => {
    const machine = setUp();
    const address = dma_map_resource(machine.dev, physAddr(0x1000_0040), 0x20, DMA_TO_DEVICE, 0);
    expect(reach(machine.dev, address + 4n)).to.equal(0x1000_0044);
    dma_unmap_resource(machine.dev, address, 0x20, DMA_TO_DEVICE, 0);
    expectNothingLeft(machine);
  });

  it('warns of what is unmapped twice or by the wrong size, as Linux does', () => {
    const { dev } = setUp();
    const address = dma_map_phys(dev, physAddr(RAM), 4096, DMA_TO_DEVICE, 0);
    dma_unmap_phys(dev, address, 4096, DMA_TO_DEVICE, 0);
    dma_unmap_phys(dev, address, 4096, DMA_TO_DEVICE, 0);
    const short = dma_map_phys(dev, physAddr(RAM), 4096, DMA_TO_DEVICE, 0);
    dma_unmap_phys(dev, short, 8192, DMA_TO_DEVICE, 0);
    expect(kernel.warned).to.deep.equal([
      'iommu_dma_unmap_phys: test-device: 0xfffff000 is not mapped',
      '__iommu_dma_unmap: test-device: 2 pages at 0xfffff000 were to be unmapped, 1 of them were mapped',
    ]);
  });

  it('answers wrong use with errors', () => {
    const { dev } = setUp();
    const table = makeTable([[0, 0, 4096]]);
    table.orig_nents = 0;
    expect(dma_map_sgtable(dev, table, DMA_TO_DEVICE)).to.equal(-EIO);
    dma_set_seg_boundary(dev, 12n);
    dma_set_min_align_mask(dev, 8191);
    expect(dma_map_phys(dev, physAddr(RAM), 1, DMA_TO_DEVICE, 0)).to.equal(DMA_MAPPING_ERROR);
    expect(kernel.warned).to.deep.equal([
      'dma_map_sg: test-device: mapping 0 entries gave 0',
      'dma_set_seg_boundary: test-device: 0xc is not a power of two minus one',
      '__iommu_dma_map: test-device: Unsupported alignment constraint',
    ]);
  });

  it('survives empty entries, with what Linux makes of them', () => {
    const machine = setUp();
    const { dev } = machine;
    dma_set_seg_boundary(dev, 0xffff_ffffn);
    expect(
      dma_map_sgtable(
        dev,
        makeTable([
          [0, 0, 4096],
          [1, 0, 0],
        ]),
        DMA_TO_DEVICE,
      ),
    ).to.be.oneOf([0, -EINVAL, -ENOMEM]);
    dma_set_seg_boundary(dev, 0n);
    const alone = makeTable([
      [0, 0, 4096],
      [1, 0, 0],
    ]);
    expect(dma_map_sgtable(dev, alone, DMA_TO_DEVICE), 'the lengths wrap around to nothing').to.equal(0);
    expect(sg_dma_address(alone.sgl!)).to.equal(0n);
  });

  it('takes any mask, and asks for 32 bits', () => {
    const { dev } = setUp();
    for (let bits = 1; bits <= 64; bits++) expect(dma_set_mask(dev, DMA_BIT_MASK(bits))).to.equal(0);
    expect(dma_get_required_mask(dev)).to.equal(DMA_BIT_MASK(32));
    expect(dma_get_merge_boundary(dev)).to.equal(4095);
  });
});
