import type { DmaAddr, PhysAddr, VirtAddr } from './address';

/**
 * Everything that can be seen on the trace of a machine, one interface per kind of event.
 *
 * Numbers are what the machine had in hand, without interpretation; words belong to whoever renders an event. Fields are
 * plain values (no objects, no arrays), so that an event can be printed, hashed and written as JSON by one small function.
 */

/** `DMA_TO_DEVICE` and its siblings, in the kernel's numbering. */
export type TraceDirection = 0 | 1 | 2 | 3;

/** A bus master's access as it left the device, and what came back. */
export interface DmaAccessEvent {
  readonly type: 'dma-read' | 'dma-write';
  readonly requester: number;
  readonly address: DmaAddr;
  readonly length: number;
  readonly outcome: number;
}

/** The IOMMU walked its tables for a request (a hit in the IOTLB is not an event). */
export interface TranslateEvent {
  readonly type: 'translate';
  readonly requester: number;
  readonly iova: DmaAddr;
  readonly page: number;
  readonly levels: number;
}

/** The IOMMU refused an access, and reported it. */
export interface IommuFaultEvent {
  readonly type: 'iommu-fault';
  readonly requester: number;
  readonly cause: number;
  readonly ttyp: number;
  readonly iotval: bigint;
  /** Whether there is a record of it: false if the fault queue was off, or had an error, or was full. */
  readonly recorded: boolean;
}

/** The IOMMU executed a command. */
export interface IommuCommandEvent {
  readonly type: 'iommu-command';
  readonly opcode: number;
  readonly func3: number;
  readonly word0: bigint;
  readonly word1: bigint;
}

/** The requester gate turned an access away. */
export interface GateEvent {
  readonly type: 'gate-drop';
  readonly requester: number;
  readonly write: boolean;
  readonly address: DmaAddr;
  readonly length: number;
}

/** A device touched memory that a confidential guest keeps private. */
export interface PrivateAccessEvent {
  readonly type: 'private-access';
  readonly requester: number;
  readonly write: boolean;
  /** Physical page number. */
  readonly page: number;
  /** Bytes of the access. */
  readonly length: number;
}

/** A wire into the interrupt controller changed its level. */
export interface InterruptLineEvent {
  readonly type: 'irq-line';
  readonly source: number;
  readonly level: boolean;
}

/** The kernel entered or left the handler of an interrupt. */
export interface InterruptHandlerEvent {
  readonly type: 'irq-enter' | 'irq-exit';
  readonly irq: number;
  readonly handled: boolean;
}

/** A register was written in a way that the model does not implement. */
export interface UnimplementedEvent {
  readonly type: 'unimplemented';
  readonly block: string;
  readonly register: string;
  readonly bits: number;
}

/** A device model tells of a state change worth seeing: `channel 2`, `block done`. */
export interface DeviceEvent {
  readonly type: 'device';
  readonly device: string;
  readonly what: string;
  readonly value: number;
}

/** A driver was bound to, or taken off, a device. */
export interface DriverEvent {
  readonly type: 'bind' | 'unbind' | 'probe-defer' | 'probe-failed';
  readonly device: string;
  readonly driver: string;
  readonly error: number;
}

/**
 * A streaming mapping was made, or is about to be removed. `address` is `DMA_MAPPING_ERROR` if mapping failed. What a list
 * consists of comes before it, as events of its own.
 */
export interface DmaMapEvent {
  readonly type: 'dma-map' | 'dma-unmap';
  readonly device: string;
  /** The family of calls; `iova` is the API of two steps, `stream` a `DmaStream`: both are removed in any pieces. */
  readonly what: 'single' | 'page' | 'sg' | 'resource' | 'iova' | 'stream';
  readonly physical: PhysAddr;
  readonly address: DmaAddr;
  readonly length: number;
  /** Segments that the device sees. */
  readonly entries: number;
  /** Entries of the list that the driver named; 1 for everything else. */
  readonly nents: number;
  readonly direction: TraceDirection;
  /** The `DMA_ATTR_*` of the call. */
  readonly attrs: number;
}

/** Memory of the vmalloc area, a stack for instance, was to be mapped as a whole: `dma_map_single` refused it. */
export interface DmaMapRefusedEvent {
  readonly type: 'dma-map-refused';
  readonly device: string;
  readonly cpu: VirtAddr;
  readonly length: number;
}

/** An entry of a list that is mapped with the next `dma-map`: memory that it lends. */
export interface DmaMapEntryEvent {
  readonly type: 'dma-map-entry';
  readonly physical: PhysAddr;
  readonly length: number;
}

/** A segment of a list that is mapped, or unmapped, with the next `dma-map` or `dma-unmap`: what the device sees of it. */
export interface DmaMapSegmentEvent {
  readonly type: 'dma-map-segment';
  readonly address: DmaAddr;
  readonly length: number;
}

/** A driver asked whether a mapping had failed (`dma_mapping_error`). */
export interface DmaMappingErrorEvent {
  readonly type: 'dma-mapping-error';
  readonly device: string;
  readonly address: DmaAddr;
}

/** A streaming mapping is about to change hands. */
export interface DmaSyncEvent {
  readonly type: 'dma-sync-for-cpu' | 'dma-sync-for-device';
  readonly device: string;
  readonly address: DmaAddr;
  readonly length: number;
  readonly direction: TraceDirection;
}

/** A driver said which addresses its device can emit. */
export interface DmaMaskEvent {
  readonly type: 'dma-mask';
  readonly device: string;
  readonly coherent: boolean;
  readonly mask: bigint;
}

/** Memory for DMA was allocated, or is about to be freed. */
export interface DmaAllocEvent {
  readonly type: 'dma-alloc' | 'dma-free';
  readonly device: string;
  /** Coherent memory, or pages that are synced like a streaming mapping, in one piece or scattered. */
  readonly kind: 'coherent' | 'pages' | 'scattered';
  /** What the device may do with it: both, if it is coherent. */
  readonly direction: TraceDirection;
  readonly cpu: VirtAddr;
  readonly address: DmaAddr;
  readonly length: number;
}

/** Memory of the kernel's allocators was handed out, or is about to be given back. */
export interface MemoryEvent {
  readonly type: 'memory-alloc' | 'memory-free';
  readonly what: 'kmalloc' | 'pages';
  readonly physical: PhysAddr;
  /** Bytes: as many as were asked for, all that go back. */
  readonly length: number;
  /** Handed out as zeroes. */
  readonly zeroed: boolean;
}

/** A device fetched a descriptor that it cannot work with. */
export interface DescriptorErrorEvent {
  readonly type: 'descriptor-error';
  readonly requester: number;
  /** Where the device fetched it. */
  readonly address: DmaAddr;
  /** What is wrong with it: the end of a sentence that begins with 'the descriptor'. */
  readonly what: string;
}

/** A buffer is about to be mapped by way of a bounce buffer. */
export interface SwiotlbBouncedEvent {
  readonly type: 'swiotlb-bounced';
  readonly device: string;
  readonly physical: PhysAddr;
  readonly length: number;
}

/**
 * Something happened to a line of the CPU's cache: it was filled from RAM; became dirty; was written back and stayed; was
 * written back if dirty and left; or left with what was dirty in it lost.
 */
export interface CacheLineEvent {
  readonly type: 'cache-fill' | 'cache-dirty' | 'cache-clean' | 'cache-evict' | 'cache-drop';
  /** The line's first byte. */
  readonly physical: PhysAddr;
  /** Whose doing: the CPU's loads and stores, its cache operations, a bus master that snoops, or the cache's own whim. */
  readonly cause: 'access' | 'operation' | 'snoop' | 'whim';
  /** Whether the line was dirty. */
  readonly dirty: boolean;
}

/** The kernel warned (`WARN_ON`, `dev_warn` of a misuse): the call goes on, the driver is wrong. */
export interface WarnEvent {
  readonly type: 'warn';
  /** The kernel function that warns. */
  readonly where: string;
  readonly message: string;
  /** `file:line` of the driver that called it, if the host tells; not part of the trace's hash. */
  readonly site: string | null;
}

/** A task of the kernel started, went to sleep, was woken or ended. */
export interface TaskEvent {
  readonly type: 'task-start' | 'task-sleep' | 'task-wake' | 'task-end';
  readonly task: string;
}

/** A remark of a scenario or a device of its own. */
export interface NoteEvent {
  readonly type: 'note';
  readonly text: string;
}

/** Any event of the trace. */
export type TraceEvent =
  | DmaAccessEvent
  | TranslateEvent
  | IommuFaultEvent
  | IommuCommandEvent
  | GateEvent
  | PrivateAccessEvent
  | InterruptLineEvent
  | InterruptHandlerEvent
  | UnimplementedEvent
  | DeviceEvent
  | DriverEvent
  | DmaMapEvent
  | DmaMapRefusedEvent
  | DmaMapEntryEvent
  | DmaMapSegmentEvent
  | DmaMappingErrorEvent
  | DmaMaskEvent
  | DmaSyncEvent
  | DmaAllocEvent
  | MemoryEvent
  | DescriptorErrorEvent
  | CacheLineEvent
  | SwiotlbBouncedEvent
  | WarnEvent
  | TaskEvent
  | NoteEvent;
