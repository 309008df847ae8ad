/** What a report of one kind says to whoever reads it for the first time. */
export interface ReportKind {
  /** The mistake, in a few words. */
  readonly title: string;
  /** The usual way to put it right, with the calls that it takes. */
  readonly fix: string;
}

/**
 * Everything that the sanitizer reports, by its stable id. `docs/reports.md` has a section for each; a test compares the
 * two.
 */
export const REPORT_KINDS = {
  'DMA-SYNC-MISSING-CPU': {
    title: 'the CPU reads what the device owns',
    fix: 'call dma_sync_single_for_cpu (or unmap) after the device is done and before the CPU reads',
  },
  'DMA-SYNC-MISSING-DEVICE': {
    title: 'the device reads what the CPU wrote without handing it over',
    fix: 'call dma_sync_single_for_device after the last write of the CPU and before the device is started',
  },
  'DMA-SYNC-WRONG-CALL': {
    title: 'for_device was called where for_cpu belongs',
    fix: 'dma_sync_*_for_cpu gives memory to the CPU, dma_sync_*_for_device to the device: name the one who gets it',
  },
  'DMA-SYNC-PARTIAL': {
    title: 'the CPU reads beyond the part that was synced',
    fix: 'sync all bytes that are read: dma_sync_single_range_for_cpu with the offset and length of what is used',
  },
  'DMA-SYNC-CLOBBER': {
    title: 'a sync or unmap takes back what the CPU has written meanwhile',
    fix: 'hand memory over once; after the CPU wrote to it, only for_device may follow, or unmap with DMA_ATTR_SKIP_CPU_SYNC',
  },
  'DMA-SYNC-RANGE': {
    title: 'a sync reaches past its mapping',
    fix: 'sync no more than was mapped, or map what is used',
  },
  'DMA-SYNC-DIRECTION': {
    title: 'a sync has another direction than its mapping',
    fix: 'pass the direction that the buffer was mapped with',
  },
  'DMA-SYNC-COHERENT': {
    title: 'coherent memory is synced',
    fix: 'leave the sync out: memory of dma_alloc_coherent needs barriers (dma_wmb, dma_rmb), no syncs',
  },
  'DMA-SYNC-UNKNOWN': {
    title: 'a sync of what is not mapped',
    fix: 'pass the address that dma_map_* returned, while the mapping lasts, with the device that it was made for',
  },
  'DMA-DEVICE-NOT-OWNER': {
    title: 'the device works on memory that the CPU owns',
    fix: 'hand the memory to the device (map, or for_device) before it is started, and take it back only when it is done',
  },
  'DMA-DIRTY-LINE': {
    title: 'the device writes under a dirty cache line',
    fix: 'do not write to a buffer after it was mapped; with DMA_ATTR_SKIP_CPU_SYNC call for_device before the device starts',
  },
  'DMA-LINE-SHARED': {
    title: 'data of the CPU shares a cache line with a DMA buffer',
    fix: 'give the buffer cache lines of its own: kmalloc it separately, or use __dma_from_device_group_begin/____cacheline_aligned',
  },
  'DMA-LINE-OVERLAP': {
    title: 'two mappings share a cache line',
    fix: 'align buffers that devices write to dma_get_cache_alignment()',
  },
  'DMA-STALE-READ': {
    title: 'the CPU reads an old cache line',
    fix: 'invalidate what the device wrote before it is read: unmap or for_cpu with the full length and the right direction',
  },
  'DMA-SHORT-WRITE': {
    title: 'the CPU reads bytes that the device never wrote',
    fix: 'read only as many bytes as the device says that it wrote',
  },
  'DMA-UNINITIALISED': {
    title: 'the device reads memory that nobody has written',
    fix: 'initialise the buffer (kzalloc, memset), or map no more of it than was written',
  },
  'DMA-DIRECTION': {
    title: 'the device does not do what the direction of its mapping says',
    fix: 'map with the direction of the transfer: DMA_TO_DEVICE is read by the device, DMA_FROM_DEVICE written, DMA_BIDIRECTIONAL both',
  },
  'DMA-DESC-UNTERMINATED': {
    title: 'a list, chain or frame of descriptors does not end',
    fix: 'mark the last entry, or end its link, before the device is told; with a tail, ring for entries that are linked already',
  },
  'DMA-DESC-LOOP': {
    title: 'a chain of descriptors leads back into itself',
    fix: 'link each entry to the next free one, and take an entry out of the chain before it is used again',
  },
  'DMA-DESC-EARLY': {
    title: 'a descriptor is given away before all of it is there',
    fix: 'write the owner or phase bit last, after dma_wmb(); keep descriptors in memory of dma_alloc_coherent, or sync them for the device',
  },
  'DMA-DESC-OWNED': {
    title: 'the CPU changes a descriptor that the device has',
    fix: 'leave an entry alone until its completion has been seen; to take it back, stop the queue first',
  },
  'DMA-DESC-UNMAPPED': {
    title: 'a descriptor leads the device to where nothing is mapped',
    fix: 'put the address that dma_map_* returned into the descriptor, with no more than the mapped length, and keep the mapping until the completion',
  },
  'DMA-DESC-OVERLAP': {
    title: 'descriptors let the device write the same bytes twice, or write over descriptors',
    fix: 'give each entry a buffer of its own, and no entry an address within the ring',
  },
  'DMA-DESC-ALIGN': {
    title: 'an address in a descriptor is misaligned, or its data crosses a boundary',
    fix: 'say so before mapping (dma_set_min_align_mask, dma_set_seg_boundary), or allocate buffers that are aligned',
  },
  'DMA-DESC-LENGTH': {
    title: 'a length in a descriptor is none that the device can move',
    fix: 'cut transfers at the limit (dma_set_max_seg_size), and make tables large enough for what the request moves',
  },
  'DMA-DESC-INVALID': {
    title: 'a descriptor has bits that the format does not allow',
    fix: 'clear entries before they are filled in, and set no more than the format names',
  },
  'DMA-UNMAP-UNKNOWN': {
    title: 'an unmap of what is not mapped',
    fix: 'unmap the address that dma_map_* returned, once, with the device that it was made for',
  },
  'DMA-UNMAP-SIZE': {
    title: 'an unmap with another size than the mapping',
    fix: 'remember the size with the address (DEFINE_DMA_UNMAP_LEN) and pass it unchanged',
  },
  'DMA-UNMAP-KIND': {
    title: 'an unmap by another family of calls than the mapping',
    fix: 'undo dma_map_single by dma_unmap_single, dma_map_sg by dma_unmap_sg, dma_alloc_* by its dma_free_*',
  },
  'DMA-UNMAP-DIRECTION': {
    title: 'an unmap with another direction than the mapping',
    fix: 'pass the direction that the buffer was mapped with',
  },
  'DMA-UNMAP-ENTRIES': {
    title: 'a list is unmapped with another number of entries',
    fix: 'pass orig_nents, what dma_map_sg was given, not what it returned; or use dma_unmap_sgtable',
  },
  'DMA-MAP-UNCHECKED': {
    title: 'nobody asked whether the mapping had failed',
    fix: 'ask dma_mapping_error(dev, address) after each dma_map_single or dma_map_page',
  },
  'DMA-MAP-FAILED-USED': {
    title: 'a mapping that failed is used',
    fix: 'check dma_mapping_error(), and that dma_map_sg did not return 0 (it is never negative), before the device is started',
  },
  'DMA-MAP-STACK': {
    title: 'a buffer on the stack is mapped',
    fix: 'allocate buffers for DMA with kmalloc',
  },
  'DMA-MAP-VMALLOC': {
    title: 'memory of the vmalloc area is mapped as if it were contiguous',
    fix: 'allocate with kmalloc, or map the pages of vmalloc_to_page one by one in a list',
  },
  'DMA-MAP-TEXT': {
    title: 'memory of the kernel image is mapped',
    fix: 'copy static data to a buffer of kmalloc first',
  },
  'DMA-MAP-TOO-LARGE': {
    title: 'a mapping larger than can be bounced',
    fix: 'keep segments below dma_max_mapping_size(dev), as block and SPI core do',
  },
  'DMA-MASK': {
    title: 'the device has fewer address wires than its mask says',
    fix: 'set the mask that the hardware has: dma_set_mask_and_coherent(dev, DMA_BIT_MASK(n))',
  },
  'DMA-ALIGN-LOST': {
    title: 'the bounce buffer has another offset in its page than the buffer',
    fix: 'tell which address bits the device relies on: dma_set_min_align_mask(dev, PAGE_SIZE - 1)',
  },
  'DMA-SEGMENT-LENGTH': {
    title: 'a segment is longer than the device can take',
    fix: 'set dma_set_max_seg_size to what the hardware can take, before lists are built',
  },
  'DMA-SEGMENT-BOUNDARY': {
    title: "a segment crosses the device's boundary",
    fix: 'set dma_set_seg_boundary to what the hardware needs, and build lists that keep to it',
  },
  'DMA-LEAK': {
    title: 'a mapping outlives its driver',
    fix: 'unmap and free in remove() and on every error path, or use the managed calls (dmam_*)',
  },
  'DMA-OVERLAP': {
    title: 'the same bytes are mapped twice, and the device may write them',
    fix: 'map a buffer once per transfer; share it read-only (DMA_TO_DEVICE) if it has to be shared',
  },
  'DMA-FREE-MAPPED': {
    title: 'memory is freed while it is mapped',
    fix: 'unmap before kfree or __free_pages',
  },
  'DMA-WRONG-DEVICE': {
    title: 'a device uses what was mapped for another',
    fix: 'map with the struct device that does the DMA: of a DMA channel it is chan->device->dev, of a USB device the host controller',
  },
  'DMA-OUTSIDE-MAPPING': {
    title: 'the device goes where nothing is mapped for it',
    fix: 'build descriptors from sg_dma_address and sg_dma_len of the nents entries that dma_map_sg returned',
  },
  'DMA-SUB-PAGE': {
    title: "the device reaches other data on its buffer's page",
    fix: 'give buffers for devices that are not trusted pages of their own',
  },
  'DMA-USE-AFTER-UNMAP': {
    title: 'the device uses memory that was unmapped',
    fix: 'stop the device, and wait until it has stopped, before its memory is unmapped',
  },
  'DMA-STALE-IOTLB': {
    title: 'the IOMMU lets an access through by an old translation',
    fix: 'stop the device before unmapping; with lazy invalidation memory may be reached until the next flush',
  },
  'DMA-AFTER-UNBIND': {
    title: 'a device without a driver accesses memory',
    fix: 'stop the device in remove(): reset it, and wait until it has answered',
  },
  'DMA-BARRIER': {
    title: 'the device sees stores in another order than they were made',
    fix: 'dma_wmb() between the parts of a descriptor and its owner bit; writel(), not writel_relaxed(), for the doorbell',
  },
  'DMA-CHAIN': {
    title: 'the device runs into a descriptor that is none',
    fix: 'end the chain: last bit or next pointer of the last descriptor, and write it before the device is started',
  },
} as const satisfies Readonly<Record<string, ReportKind>>;

/** The id of a kind of report. */
export type ReportId = keyof typeof REPORT_KINDS;

/** All ids, in the order of the catalogue. */
export const REPORT_IDS = Object.keys(REPORT_KINDS) as readonly ReportId[];

/** Whether a text is the id of a kind of report. */
export const isReportId = (text: string): text is ReportId => Object.hasOwn(REPORT_KINDS, text);
