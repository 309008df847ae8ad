import { PAGE_SIZE, type VirtAddr } from '../../base/address';
import { EPROBE_DEFER } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import { ARCH_DMA_MINALIGN } from '../boot/riscv-isa';
import type { Kernel } from '../kernel';
import type { MemblockRange } from '../mm/memblock';
import { of_dma_get_range, of_dma_is_coherent, of_get_next_dma_parent } from '../of/address';
import type { OfNode } from '../of/of-node';
import { of_property_read_bool } from '../of/property';
import { guardOps } from './admission';
import { AtomicPools } from './atomic-pools';
import { DmaRangeMap } from './bus-dma-region';
import type { DmaCoherentMem } from './coherent-memory';
import type { DeviceDma } from './device-dma';
import { DMA_BIT_MASK } from './dma-address';
import { iommu_setup_dma_ops } from './iommu-dma-setup';
import { SgScratchPool } from './sg-scratch';
import { of_dma_set_restricted_buffer } from './swiotlb/restricted-pool';
import { Swiotlb } from './swiotlb/swiotlb';

const PCI_MAX_SEGMENT = 0x1_0000;

/** What the DMA API keeps for a kernel, and the setting up of devices for DMA. */
export class DmaSubsystem {
  /** Room to work for calls that map lists. */
  readonly scratch = new SgScratchPool();
  /** Coherent memory that is mapped in the vmalloc area, and the pages it consists of. */
  readonly remapped = new Map<VirtAddr, readonly number[]>();
  /** Coherent memory that is mapped in the vmalloc area in one piece. */
  readonly contiguousRemaps = new Set<VirtAddr>();
  /** Memory of `shared-dma-pool` regions, by node; made when the first device is given one. */
  readonly coherentRegions = new Map<OfNode, DmaCoherentMem>();
  /** Coherent memory for callers that cannot sleep. */
  readonly atomicPools: AtomicPools;
  /** Bounce buffers. */
  readonly swiotlb: Swiotlb;
  private readonly kernel: Kernel;
  private readonly warned = new Set<string>();

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.swiotlb = new Swiotlb(kernel);
    this.atomicPools = new AtomicPools(kernel);
  }

  /** All RAM. */
  get ram(): readonly MemblockRange[] {
    return this.kernel.mm.memblock.memory;
  }

  /** The page frame number after the last page of RAM (`max_pfn`). */
  get maxPfn(): number {
    return this.ram.reduce((most, { base, size }) => Math.max(most, Math.floor((base + size) / PAGE_SIZE)), 0);
  }

  /** Whether the machine has a ZONE_DMA. */
  get hasZoneDma(): boolean {
    return this.kernel.mm.memblock.zoneDmaLimit !== undefined;
  }

  /** The last address of ZONE_DMA; 16 MiB without one, as in Linux. */
  get zoneDmaLimit(): bigint {
    const { zoneDmaLimit } = this.kernel.mm.memblock;
    return zoneDmaLimit === undefined ? DMA_BIT_MASK(24) : BigInt(zoneDmaLimit) - 1n;
  }

  /** `WARN_ONCE`: warns at the first call with this place only. */
  warnOnce(where: string, message: string): void {
    if (this.warned.has(where)) return;
    this.warned.add(where);
    this.kernel.warn(where, message);
  }

  /**
   * Sets a device up for DMA before a driver is bound to it (`of_dma_configure`): bus windows, limits, coherence, IOMMU.
   * Masks that a driver set stay, but for bits that the bus does not have.
   *
   * @returns 0, or `-EPROBE_DEFER` while the IOMMU that the device is behind has no driver. Any other trouble with the
   *   IOMMU means going on without one.
   */
  configure(dev: StructDevice): number {
    const { of_node } = dev;
    if (of_node === null) return 0;
    const { dma } = dev;
    const ranges = of_dma_get_range(of_get_next_dma_parent(of_node) ?? of_node);
    const map = typeof ranges === 'number' ? null : new DmaRangeMap(ranges);
    this.limitMasks(dev, map);
    setupCoherence(dev, of_dma_is_coherent(of_node));
    dma.untrusted = of_property_read_bool(of_node, 'dmalab,untrusted');
    if (of_property_read_bool(of_node, 'dmalab,pci-like')) setupAsPci(dma);
    else dma.pci_32bit_workaround = false;
    if (map !== null) {
      dma.dma_range_map = map;
      dma.bus_dma_limit = map.max;
    }
    const error = this.kernel.iommu.probeDevice(dev);
    if (error === -EPROBE_DEFER) {
      if (map !== null) dma.dma_range_map = null;
      return error;
    }
    iommu_setup_dma_ops(dev);
    if (error !== 0) of_dma_set_restricted_buffer(dev, of_node);
    guardOps(dev);
    return 0;
  }

  /** The driver is gone: the bus windows are forgotten. Mappings that it left behind stay. */
  cleanup(dev: StructDevice): void {
    dev.dma.dma_range_map = null;
  }

  /** Cuts the masks down to the address bits of the bus. */
  private limitMasks(dev: StructDevice, map: DmaRangeMap | null): void {
    const { dma } = dev;
    if (dma.dma_mask === null) {
      this.kernel.log.warn({ device: dev.name }, 'DMA mask not set');
      dma.dma_mask = dma.coherent_dma_mask;
    }
    const end = map?.max ?? (dma.coherent_dma_mask === 0n ? DMA_BIT_MASK(32) : dma.coherent_dma_mask);
    const mask = DMA_BIT_MASK(end.toString(2).length);
    dma.coherent_dma_mask &= mask;
    dma.dma_mask &= mask;
  }
}

/** `arch_setup_dma_ops` of RISC-V: a device that does not snoop needs cache operations, on blocks that are not too large. */
const setupCoherence = (dev: StructDevice, coherent: boolean): void => {
  const { kernel } = dev;
  const { cbomBlockSize } = kernel.isa;
  dev.dma.dma_coherent = coherent;
  if (coherent) return;
  if (cbomBlockSize > ARCH_DMA_MINALIGN) {
    const sizes = `(${ARCH_DMA_MINALIGN} < ${cbomBlockSize})`;
    const message = `cache blocks are larger than what memory for DMA is aligned to ${sizes}`;
    kernel.warn('arch_setup_dma_ops', `${dev.name}: ${message}`);
  }
  if (cbomBlockSize === 0) {
    const message = 'does not snoop, and this CPU has no cache operations';
    kernel.warn('arch_setup_dma_ops', `${dev.name}: ${message}`);
  }
};

/** What the PCI core gives its devices (`pci_device_add`), and what the IOMMU back end does for them. */
const setupAsPci = (dma: DeviceDma): void => {
  dma.pci_32bit_workaround = true;
  if (dma.dma_parms === null) return;
  if (dma.dma_parms.max_segment_size === 0) dma.dma_parms.max_segment_size = PCI_MAX_SEGMENT;
  if (dma.dma_parms.segment_boundary_mask === 0n) dma.dma_parms.segment_boundary_mask = DMA_BIT_MASK(32);
};
