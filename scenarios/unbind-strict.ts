import { scenario } from 'dmalab';
import { unbindMidCopy } from './lib/unbind-mid-copy';

export default scenario({
  name: 'unbind-strict',
  description: 'a driver that cleans up nothing is unbound mid-transfer under strict revocation',
  machine: { revocation: 'strict', nodes: [{ label: 'copier', compatible: ['dmalab,copier'] }] },
  async run(lab) {
    lab.equal(await unbindMidCopy(lab, 'client', false), 0, 'bytes changed after unbind');
  },
});
