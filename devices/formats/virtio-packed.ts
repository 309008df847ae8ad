import {
  addressOf,
  bits,
  counts,
  descriptor,
  flag,
  format,
  lengthIn,
  marks,
  ring,
  word16,
  word32,
  word64,
} from '../../base/descriptor';

/**
 * The packed virtqueue of virtio 1.3, section 2.8: one ring in which the driver makes buffers available, and the device
 * writes over them what it has used.
 */

/** The largest queue: section "Packed Virtqueues". It need be no power of two. */
export const MAX_PACKED_QUEUE = 32_768;

/** Section "The Virtqueue Descriptor Table". */
export const pvirtqDesc = descriptor(
  'pvirtq_desc',
  {
    addr: word64(addressOf('data'), 'address of the element, or of the indirect table'),
    len: word32(lengthIn(1), 'of the element; when used, the bytes written'),
    id: word16(counts('id'), 'buffer id, in the last descriptor of a list'),
    flags: word16({
      NEXT: flag(0, marks('more'), 'the list goes on with the next descriptor'),
      WRITE: flag(1, marks('device-writes')),
      INDIRECT: flag(2, marks('indirect')),
      AVAIL: flag(7, marks('phase'), "the driver's wrap counter"),
      USED: flag(15, marks('used-phase'), "the device's wrap counter when used, the inverse while available"),
    }),
  },
  { align: 16, size: 16, doc: 'a descriptor of the packed ring and of indirect tables' },
);

/** Section "Event Suppression Structure Format": the driver's and the device's. */
export const pvirtqEventSuppress = descriptor(
  'pvirtq_event_suppress',
  {
    desc: word16({
      DESC_EVENT_OFF: bits(14, 0, counts('event'), 'index of the descriptor'),
      DESC_EVENT_WRAP: flag(15, marks('event-phase'), 'wrap counter of the lap'),
    }),
    flags: word16({
      DISABLE: flag(0, marks('no-event'), 'no notifications'),
      DESC: flag(1, marks('by-event'), 'only for the descriptor of DESC_EVENT_OFF and DESC_EVENT_WRAP'),
    }),
  },
  { align: 4, size: 4, doc: 'when to notify' },
);

/** The whole of it, with indirect tables (section "Indirect Flag: Scatter-Gather Support"). */
export const virtioPacked = format({
  name: 'virtio-packed',
  doc: 'virtio 1.3, section 2.8',
  entry: pvirtqDesc,
  follow: ring(),
  pieces: { kind: 'chain', next: 'consecutive', limit: MAX_PACKED_QUEUE, order: 'readable-first' },
  indirect: true,
  ownership: { kind: 'phase' },
  completion: { kind: 'in-ring' },
  doorbell: { register: 'QueueNotify', value: 'notify' },
  events: { flags: pvirtqEventSuppress },
});
