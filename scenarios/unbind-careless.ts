import { scenario } from 'dmalab';
import { unbindMidCopy } from './lib/unbind-mid-copy';

export default scenario({
  name: 'unbind-careless',
  description: 'the same driver as on Linux: the device writes on, into memory that is no longer its own',
  machine: { revocation: 'linux', nodes: [{ label: 'copier', compatible: ['dmalab,copier'] }] },
  // Not where everything is bounced: what the device does is looked for in the buffer itself.
  matrix: {
    translation: ['direct', 'strict', 'lazy', 'untrusted', 'passthrough'],
    coherency: 'all',
    mask: 'all',
    cache: 'all',
  },
  // It looks at what the device has written without taking it back: harmless where it snoops.
  reports: { expect: ['DMA-LEAK'], allow: ['DMA-SYNC-MISSING-CPU'] },
  async run(lab) {
    const changed = await unbindMidCopy(lab, 'client', false);
    lab.check(changed > 0, 'under linux revocation a driver that stops nothing should have done harm');
  },
});
