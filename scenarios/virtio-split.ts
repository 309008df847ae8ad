import { formats, scenario } from 'dmalab';
import { engineNode } from './lib/prototype-port';
import { virtioLoop } from './lib/virtio-loop';

export default scenario({
  name: 'virtio-split',
  description: 'packets through split virtqueues with indirect tables, sent by one and received by another',
  machine: { nodes: [engineNode('nic', formats.virtioSplit)] },
  matrix: { translation: 'all', coherency: 'all', mask: 'all', cache: 'all' },
  run: (lab) => virtioLoop(lab, 'nic', formats.virtioSplit),
});
