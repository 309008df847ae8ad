import {
  addressOf,
  counts,
  descriptor,
  flag,
  format,
  heads,
  lengthIn,
  marks,
  word16,
  word32,
  word64,
} from '../../base/descriptor';

/**
 * The split virtqueue of virtio 1.3, section 2.7: a table of buffers, a ring of the heads of chains that the driver made
 * available, and a ring of those that the device has used.
 */

/** The largest queue: section 2.7. */
export const MAX_QUEUE = 32_768;

/** Section 2.7.5. */
export const virtqDesc = descriptor(
  'virtq_desc',
  {
    addr: word64(addressOf('data'), 'address of the buffer, or of the indirect table'),
    len: word32(lengthIn(1)),
    flags: word16({
      NEXT: flag(0, marks('more')),
      WRITE: flag(1, marks('device-writes')),
      INDIRECT: flag(2, marks('indirect')),
    }),
    next: word16(counts('next-index')),
  },
  { align: 16, size: 16, doc: 'an element of the descriptor table' },
);

/** What precedes the ring of heads: section 2.7.6. */
export const virtqAvail = descriptor(
  'virtq_avail',
  {
    flags: word16({ NO_INTERRUPT: flag(0, marks('no-event')) }),
    idx: word16(counts('index'), 'counts all heads ever, modulo 65536'),
  },
  { align: 2, size: 4, doc: 'the start of the available ring' },
);

/** An element of the ring of heads. */
export const virtqAvailElem = descriptor(
  'virtq_avail_elem',
  { id: word16(counts('id'), 'index of the head of a chain') },
  { align: 2, size: 2, doc: 'an element of the available ring' },
);

/** What follows the ring of heads with `VIRTIO_F_EVENT_IDX`: section 2.7.10. */
export const virtqUsedEvent = descriptor(
  'virtq_used_event',
  { used_event: word16(counts('event'), 'interrupt when the used element of this number is there') },
  { align: 2, size: 2, doc: 'the end of the available ring' },
);

/** What precedes the ring of used chains: section 2.7.8. */
export const virtqUsed = descriptor(
  'virtq_used',
  { flags: word16({ NO_NOTIFY: flag(0) }), idx: word16(counts('index'), 'counts all used chains ever, modulo 65536') },
  { align: 4, size: 4, doc: 'the start of the used ring' },
);

/** An element of the ring of used chains. */
export const virtqUsedElem = descriptor(
  'virtq_used_elem',
  { id: word32(counts('id'), 'index of the head of the chain'), len: word32(counts('written'), 'bytes written') },
  { align: 4, size: 8, doc: 'an element of the used ring' },
);

/** Both of it together, with indirect tables (section 2.7.5.3). */
export const virtioSplit = format({
  name: 'virtio-split',
  doc: 'virtio 1.3, section 2.7',
  entry: virtqDesc,
  follow: heads(virtqAvail, virtqAvailElem),
  pieces: { kind: 'chain', next: 'index', limit: MAX_QUEUE, order: 'readable-first' },
  indirect: true,
  ownership: { kind: 'indices' },
  completion: { kind: 'used-ring', header: virtqUsed, element: virtqUsedElem },
  doorbell: { register: 'QueueNotify', value: 'notify' },
  events: { flags: virtqAvail, index: virtqUsedEvent },
});
