import { scenario } from 'dmalab';
import { unbindMidCopy } from './lib/unbind-mid-copy';

export default scenario({
  name: 'unbind-strict',
  description: 'a driver that cleans up nothing is unbound mid-transfer under strict revocation',
  machine: { revocation: 'strict', nodes: [{ label: 'copier', compatible: ['dmalab,copier'] }] },
  // Not where everything is bounced: what the device does is looked for in the buffer itself.
  matrix: {
    translation: ['direct', 'strict', 'lazy', 'untrusted', 'passthrough'],
    coherency: 'all',
    mask: 'all',
    cache: 'all',
  },
  // The driver's mappings stay when it is gone, and the scenario then frees the memory.
  // It also looks at what the device has written without taking it back: harmless where it snoops.
  reports: { expect: ['DMA-LEAK', 'DMA-FREE-MAPPED'], allow: ['DMA-SYNC-MISSING-CPU'] },
  async run(lab) {
    lab.equal(await unbindMidCopy(lab, 'client', false), 0, 'bytes changed after unbind');
  },
});
