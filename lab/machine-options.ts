import type { Device } from '../emulator/device';
import type { DwAxiDmacOptions } from '../devices/dw-axi-dmac/options';
import type { StreamFifoOptions } from '../devices/stream-fifo/options';
import type { PrivateMemory } from '../emulator/guard/memory-guard';
import type { CacheOptions } from '../emulator/cache/options';
import type { RiscvIommuOptions } from '../emulator/iommu/options';

/** A bank of RAM. Base and size in bytes, whole pages. */
export interface MemoryBank {
  readonly base: number;
  readonly size: number;
}

/** A window through which a bus sees memory: one entry of `dma-ranges`. */
export interface DmaWindow {
  /** First address as the device emits it. */
  readonly deviceAddress: number;
  /** The physical address that it reaches. */
  readonly physicalAddress: number;
  /** Bytes. */
  readonly size: number;
}

/** How a bus master hangs on the system's interconnect. */
export interface BusAttachment {
  /** Address bits that leave the device; higher ones are lost. Default 64. */
  readonly addressWires?: number;
  /** The bus's windows; none means that addresses pass unchanged. */
  readonly dmaRanges?: readonly DmaWindow[];
  /** Whether its accesses go through the IOMMU (if the machine has one). Default true. */
  readonly behindIommu?: boolean;
  /** Whether its accesses snoop the CPU's cache. Default: as the machine's `coherent` says. */
  readonly coherent?: boolean;
  /** Whether the kernel takes it for a device that attacks. Default: as the machine's `untrusted` says. */
  readonly untrusted?: boolean;
  /** Whether the kernel treats its addresses as those of a PCI device: below 4 GiB first. Default false. */
  readonly pciLike?: boolean;
  /**
   * Devices with the same number share one IOMMU group: one I/O address space, which they lose together. Default: a group
   * of its own, as Linux gives every platform device.
   */
  readonly iommuGroup?: number;
  /** Labels of the reserved memory that is its own (`memory-region`). */
  readonly memoryRegions?: readonly string[];
}

/** A range of RAM with a purpose of its own: a child of `/reserved-memory`. */
export interface ReservedMemoryOption {
  /** Devices refer to it by this. */
  readonly label: string;
  /** Bytes, whole pages. */
  readonly size: number;
  /** Where it lies. Default: as high as possible in the lowest bank with room. */
  readonly base?: number;
  /** What it is for: `restricted-dma-pool`, `shared-dma-pool`. Default: nothing, it is only kept free. */
  readonly compatible?: string;
  /** Whether the kernel must not even map it. Default false. */
  readonly noMap?: boolean;
}

/** A node of the device tree, with or without hardware behind it. */
export interface ExtraNode {
  /** Its label: other nodes and scenarios refer to it by this. */
  readonly label: string;
  /** Node name without unit address, as the bindings want it: `dma-controller`, `serial`. */
  readonly name?: string;
  /** What drivers match on, most specific first. */
  readonly compatible: readonly string[];
  /**
   * Makes the hardware. Without it the node describes no hardware: something for a client driver to bind to, like
   * `dmatest` or a sound card.
   */
  readonly device?: () => Device;
  readonly bus?: BusAttachment;
  /** DMA channels that it uses: a controller's label and a handshake number each. */
  readonly dmas?: readonly { readonly controller: string; readonly request: number; readonly name: string }[];
  /** Further properties: a number is one cell, an array of numbers several, `true` an empty property. */
  readonly properties?: Readonly<Record<string, string | number | true | readonly number[]>>;
}

/** The machine that a scenario wants. Everything has a default; the default board is described in `docs/machine.md`. */
export interface MachineOptions {
  /** RAM banks. Default: 64 MiB at 0x8000_0000 and 64 MiB at 0x1_0000_0000. */
  readonly memory?: readonly MemoryBank[];
  /**
   * What is added to the addresses of all registers of the board, which lie below 1 GiB: a board with RAM there needs them
   * elsewhere. Whole pages. Default 0.
   */
  readonly registerBase?: number;
  /**
   * A kernel built with a ZONE_DMA: the RAM below this address, in whole pages. Linux has one of 16 MiB on amd64. Default:
   * none, as on RISC-V.
   */
  readonly zoneDma?: number;
  /** RAM that is set apart. Default: none. */
  readonly reservedMemory?: readonly ReservedMemoryOption[];
  /** The kernel's command line, as `iommu.strict=0 swiotlb=force`; `docs/kernel.md` lists what it knows. */
  readonly bootargs?: string;
  /** Whether bus masters snoop the CPU's cache, where they do not say so themselves. Default true. */
  readonly coherent?: boolean;
  /**
   * The CPU's cache: false leaves it out, whatever the bus masters are. Default: present where some bus master is not
   * coherent, since it makes no difference to the others. `docs/caches.md` describes it.
   */
  readonly cache?: CacheOptions | false;
  /** Whether the CPU has cache operations (Zicbom), without which Linux supports coherent devices only. Default true. */
  readonly zicbom?: boolean;
  /**
   * Whether the kernel takes bus masters for devices that attack, where they do not say so themselves: behind an IOMMU it
   * then bounces what shares a page with other data. Linux does so for external PCI devices. Default false.
   */
  readonly untrusted?: boolean;
  /**
   * Makes the kernel a confidential guest: its memory is private, and a device that touches private memory gets a fault
   * (also `true`) or garbage. Default false.
   */
  readonly confidential?: boolean | PrivateMemory;
  /** The IOMMU: false leaves it out. Default: present, but not for a confidential guest. */
  readonly iommu?: boolean | RiscvIommuOptions;
  /** The DMA controller: false leaves it out. */
  readonly dmac?: false | (DwAxiDmacOptions & BusAttachment);
  /** The FIFO peripheral at the DMA controller's handshakes: false leaves it out. */
  readonly fifo?: false | StreamFifoOptions;
  /** More nodes, with or without hardware of their own. */
  readonly nodes?: readonly ExtraNode[];
  /** What unbinding a driver revokes; see the design of revocation in `docs/architecture.md`. Default `linux`. */
  readonly revocation?: 'linux' | 'strict';
  /** Simulated time that the whole run may take, in milliseconds. Default 10,000. */
  readonly timeLimit?: number;
  /** Order of events at the same instant: as they were armed, or shuffled by the seed. Default `armed`. */
  readonly eventOrder?: 'armed' | 'seeded';
}
