import { expect } from 'chai';
import {
  virtioSplit,
  virtqAvail,
  virtqAvailElem,
  virtqDesc,
  virtqUsed,
  virtqUsedElem,
} from '../../../devices/formats/virtio-split';
import { canCompare, expectSameInC } from './compile';

const HEADER = '/usr/include/linux/virtio_ring.h';

describe('virtio split rings, as data', () => {
  it('have the sizes, offsets and flags of linux/virtio_ring.h, as gcc sees them', function () {
    if (!canCompare(HEADER)) this.skip();
    expectSameInC(
      '#include <linux/virtio_ring.h>',
      virtioSplit.descriptors,
      [
        [virtqDesc, 'struct vring_desc', { addr: 'addr', len: 'len', flags: 'flags', next: 'next' }],
        [virtqUsedElem, 'struct vring_used_elem', { id: 'id', len: 'len' }],
      ],
      [
        ['VIRTQ_DESC_NEXT_MASK', 'VRING_DESC_F_NEXT'],
        ['VIRTQ_DESC_WRITE_MASK', 'VRING_DESC_F_WRITE'],
        ['VIRTQ_DESC_INDIRECT_MASK', 'VRING_DESC_F_INDIRECT'],
        ['VIRTQ_AVAIL_NO_INTERRUPT_MASK', 'VRING_AVAIL_F_NO_INTERRUPT'],
        ['VIRTQ_USED_NO_NOTIFY_MASK', 'VRING_USED_F_NO_NOTIFY'],
        ['offsetof(struct virtq_avail, idx)', 'offsetof(struct vring_avail, idx)'],
        ['sizeof(struct virtq_avail)', 'offsetof(struct vring_avail, ring)'],
        ['sizeof(struct virtq_avail_elem)', 'sizeof(((struct vring_avail *)0)->ring[0])'],
        ['offsetof(struct virtq_used, idx)', 'offsetof(struct vring_used, idx)'],
        ['sizeof(struct virtq_used)', 'offsetof(struct vring_used, ring)'],
        ['__alignof__(struct virtq_desc)', 'VRING_DESC_ALIGN_SIZE'],
        ['__alignof__(struct virtq_avail)', 'VRING_AVAIL_ALIGN_SIZE'],
        ['__alignof__(struct virtq_used)', 'VRING_USED_ALIGN_SIZE'],
      ],
    );
  });

  it('have the sizes of virtio 1.3, section 2.7', () => {
    const sizes = [virtqDesc, virtqAvail, virtqAvailElem, virtqUsed, virtqUsedElem].map(({ size }) => size);
    expect(sizes).to.deep.equal([16, 4, 2, 4, 8]);
    expect(virtioSplit.descriptors).to.have.length(6);
  });
});
