import { scenario } from 'dmalab';
import { unbindMidCopy } from './lib/unbind-mid-copy';

export default scenario({
  name: 'unbind-careful',
  description: 'a driver that cleans up is unbound in the middle of a transfer, as on Linux',
  machine: { nodes: [{ label: 'copier', compatible: ['dmalab,copier'] }] },
  matrix: { translation: 'all', coherency: 'all', mask: 'all', cache: 'all', revocation: 'all' },
  async run(lab) {
    lab.equal(await unbindMidCopy(lab, 'client', true), 0, 'bytes changed after unbind');
    lab.equal(
      lab.kernel.iommu.faults.length,
      0,
      'fault records: the device was stopped before its memory was unmapped',
    );
  },
});
