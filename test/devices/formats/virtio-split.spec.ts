import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { cHeader, type AnyDescriptor } from '../../../base/descriptor';
import {
  virtioSplit,
  virtqAvail,
  virtqAvailElem,
  virtqDesc,
  virtqUsed,
  virtqUsedElem,
} from '../../../devices/formats/virtio-split';

const HEADER = '/usr/include/linux/virtio_ring.h';

/** Our struct and member beside the kernel's. */
const SAME: readonly (readonly [ours: AnyDescriptor, theirs: string, members: Readonly<Record<string, string>>])[] = [
  [virtqDesc, 'struct vring_desc', { addr: 'addr', len: 'len', flags: 'flags', next: 'next' }],
  [virtqUsedElem, 'struct vring_used_elem', { id: 'id', len: 'len' }],
];

const program = (): string => {
  const same = SAME.flatMap(([{ typeName, size }, theirs, members]) => [
    `_Static_assert(sizeof(struct ${typeName}) == sizeof(${theirs}) && sizeof(${theirs}) == ${size}, "size");`,
    ...Object.entries(members).map(
      ([our, their]) =>
        `_Static_assert(offsetof(struct ${typeName}, ${our}) == offsetof(${theirs}, ${their}), "${our}");`,
    ),
  ]);
  const flags: readonly (readonly [ours: string, theirs: string])[] = [
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
  ];
  const sameFlags = flags.map(([our, their]) => `_Static_assert(${our} == ${their}, "${their}");`);
  const header = cHeader('virtio_split', virtioSplit.descriptors);
  return ['#include <stddef.h>', '#include <linux/virtio_ring.h>', header, ...same, ...sameFlags, ''].join('\n');
};

describe('virtio split rings, as data', () => {
  it('have the sizes, offsets and flags of linux/virtio_ring.h, as gcc sees them', function () {
    if (!existsSync(HEADER) || spawnSync('gcc', ['--version']).status !== 0) this.skip();
    const folder = mkdtempSync(join(tmpdir(), 'virtio-'));
    try {
      writeFileSync(join(folder, 'same.c'), program());
      const args = ['-std=gnu11', '-Wall', '-Werror', '-fsyntax-only', 'same.c'];
      expect(spawnSync('gcc', args, { cwd: folder, encoding: 'utf8' }).stderr).to.equal('');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('have the sizes of virtio 1.3, section 2.7', () => {
    const sizes = [virtqDesc, virtqAvail, virtqAvailElem, virtqUsed, virtqUsedElem].map(({ size }) => size);
    expect(sizes).to.deep.equal([16, 4, 2, 4, 8]);
    expect(virtioSplit.descriptors).to.have.length(5);
  });
});
