import { expect } from 'chai';
import { pvirtqDesc, pvirtqEventSuppress, virtioPacked } from '../../../devices/formats/virtio-packed';
import { canCompare, expectSameInC } from './compile';

const HEADER = '/usr/include/linux/virtio_ring.h';

describe('virtio packed rings, as data', () => {
  it('have the sizes, offsets and flags of linux/virtio_ring.h, as gcc sees them', function () {
    if (!canCompare(HEADER)) this.skip();
    expectSameInC(
      '#include <linux/virtio_ring.h>',
      virtioPacked.descriptors,
      [
        [pvirtqDesc, 'struct vring_packed_desc', { addr: 'addr', len: 'len', id: 'id', flags: 'flags' }],
        [pvirtqEventSuppress, 'struct vring_packed_desc_event', { desc: 'off_wrap', flags: 'flags' }],
      ],
      [
        ['PVIRTQ_DESC_NEXT_MASK', 'VRING_DESC_F_NEXT'],
        ['PVIRTQ_DESC_WRITE_MASK', 'VRING_DESC_F_WRITE'],
        ['PVIRTQ_DESC_INDIRECT_MASK', 'VRING_DESC_F_INDIRECT'],
        ['PVIRTQ_DESC_AVAIL_SHIFT', 'VRING_PACKED_DESC_F_AVAIL'],
        ['PVIRTQ_DESC_USED_SHIFT', 'VRING_PACKED_DESC_F_USED'],
        ['PVIRTQ_EVENT_SUPPRESS_DISABLE_MASK', 'VRING_PACKED_EVENT_FLAG_DISABLE'],
        ['PVIRTQ_EVENT_SUPPRESS_DESC_MASK', 'VRING_PACKED_EVENT_FLAG_DESC'],
        ['PVIRTQ_EVENT_SUPPRESS_DESC_EVENT_WRAP_SHIFT', 'VRING_PACKED_EVENT_F_WRAP_CTR'],
      ],
    );
  });

  it('have the sizes and alignments of virtio 1.3, section "Structure Size and Alignment"', () => {
    expect([pvirtqDesc, pvirtqEventSuppress].map(({ size, align }) => [size, align])).to.deep.equal([
      [16, 16],
      [4, 4],
    ]);
  });
});
