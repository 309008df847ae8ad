/**
 * What the board is made of, as plain data: everything the device tree tells the kernel and nothing about how the hardware
 * is modelled. Addresses and sizes are bytes, below 2^52. Labels are names inside the description (and in the tree as
 * people read it); they follow the rules of device tree source: letters, digits and `_`.
 */
import type { PropertySource } from '../base/fdt';

/** A range of physical addresses. */
export interface Region {
  readonly base: number;
  readonly size: number;
}

/** Memory with a purpose of its own: a child of `/reserved-memory`. */
export interface ReservedMemory extends Region {
  readonly label: string;
  /** Node name without unit address. */
  readonly name: string;
  readonly compatible?: readonly string[];
  /** The kernel must not even map it. */
  readonly noMap?: boolean;
  /** Further properties, such as `reusable` or `linux,cma-default`. */
  readonly properties?: readonly PropertySource[];
}

/** The board's only CPU, hart 0. */
export interface CpuDescription {
  /** The largest translation mode: `riscv,sv39`, `riscv,sv48` or `riscv,sv57`. */
  readonly mmuType: string;
  /** Single letters and names, as `riscv,isa-extensions` lists them. */
  readonly isaExtensions: readonly string[];
  /** Bytes that the Zicbom cache operations work on: one line of the cache. */
  readonly cacheBlockSize: number;
  /** Ticks of the `time` counter per second. */
  readonly timebaseFrequency: number;
}

/** A PLIC. */
export interface InterruptControllerDescription extends Region {
  readonly label: string;
  /** Number of interrupt sources; they are numbered from 1. */
  readonly sources: number;
  /** What each context drives at the CPU: 9 supervisor external, 11 machine external, -1 nothing. */
  readonly contexts: readonly number[];
}

/** The IOMMU. */
export interface IommuDescription extends Region {
  readonly label: string;
  /** Its wires to the interrupt controller, one to four. */
  readonly interrupts: readonly number[];
}

/** The block that can shut a bus master off from the bus. */
export interface RequesterGateDescription extends Region {
  readonly label: string;
}

/** The block that keeps a confidential guest's memory from devices. */
export interface MemoryGuardDescription extends Region {
  readonly label: string;
}

/** A clock that always runs. */
export interface FixedClock {
  readonly label: string;
  /** In hertz. */
  readonly frequency: number;
}

/** A window through which a bus sees memory: an entry of `dma-ranges`. */
export interface DmaWindow {
  /** First address as the device emits it. */
  readonly deviceAddress: number;
  /** The physical address that it reaches. */
  readonly physicalAddress: number;
  readonly size: number;
}

/** A DMA channel that a device uses. */
export interface DmaChannelUse {
  /** Label of the controller. */
  readonly controller: string;
  /** Handshake number at the controller. */
  readonly request: number;
  /** The device's name for it. */
  readonly name: string;
}

/** A device, or a node without hardware for a client driver to bind to. */
export interface DeviceDescription {
  readonly label: string;
  /** Node name without unit address, as the binding wants it: `dma-controller`, `serial`. */
  readonly name: string;
  /** What drivers match on, most specific first. */
  readonly compatible: readonly string[];
  /** Register windows. */
  readonly reg?: readonly Region[];
  readonly regNames?: readonly string[];
  readonly interrupts?: readonly number[];
  /** Clocks by label. */
  readonly clocks?: readonly string[];
  readonly clockNames?: readonly string[];
  /** The IOMMU in its way to memory, and its requester ids there. */
  readonly iommus?: { readonly label: string; readonly ids: readonly number[] };
  /** Its id at the requester gate. */
  readonly accessController?: number;
  /** Whether its accesses snoop the CPU's cache. Default, for a bus master: true, as on RISC-V. */
  readonly dmaCoherent?: boolean;
  /** The windows of the bus it hangs on; none means that addresses pass unchanged. */
  readonly dmaRanges?: readonly DmaWindow[];
  readonly dmas?: readonly DmaChannelUse[];
  /** Labels of reserved memory that is its own. */
  readonly memoryRegions?: readonly string[];
  /** Whether the kernel should take it for a device that attacks: our own `dmalab,untrusted`. */
  readonly untrusted?: boolean;
  /** Whether the kernel should give it I/O addresses as it does PCI devices: our own `dmalab,pci-like`. */
  readonly pciLike?: boolean;
  /** Devices with the same number share an IOMMU group: our own `dmalab,iommu-group`. */
  readonly iommuGroup?: number;
  /** Further properties, such as `#dma-cells` and those of its own binding. */
  readonly properties?: readonly PropertySource[];
}

/** The whole board. */
export interface BoardDescription {
  /** RAM, at least one bank, whole pages. */
  readonly memory: readonly Region[];
  readonly reservedMemory?: readonly ReservedMemory[];
  /** The kernel's command line. */
  readonly bootargs?: string;
  readonly cpu: CpuDescription;
  readonly interruptController: InterruptControllerDescription;
  readonly iommu?: IommuDescription;
  readonly requesterGate?: RequesterGateDescription;
  readonly memoryGuard?: MemoryGuardDescription;
  readonly clocks?: readonly FixedClock[];
  readonly devices: readonly DeviceDescription[];
}

/** Whether a description is that of a bus master: something in it says how its accesses travel. */
export const isBusMaster = (device: DeviceDescription): boolean =>
  [device.dmaCoherent, device.iommus, device.accessController, device.dmaRanges].some((each) => each !== undefined);

/** Whether a device has registers, and with them an address on the board's bus. */
export const hasRegisters = ({ reg = [] }: DeviceDescription): boolean => reg.length > 0;

/** Node name with unit address, if it has registers. */
export const nodeName = (name: string, first: Region | undefined): string =>
  first === undefined ? name : `${name}@${first.base.toString(16)}`;

/** Where a device stands in the description, for messages. */
export const devicePlace = ({ label }: DeviceDescription, index: number): string => `devices[${index}] (${label})`;
