import { scenario } from 'dmalab';
import { copyScattered } from './lib/scattered-copy';

export default scenario({
  name: 'sg-copy-direct',
  description: 'scatter-gather copy without an IOMMU',
  machine: { iommu: false, nodes: [{ label: 'copier', compatible: ['dmalab,sg-copier'] }] },
  matrix: {
    // For a device that is not trusted the IOMMU's back end bounces, and maps each entry by itself.
    translation: ['direct', 'untrusted', 'passthrough', 'swiotlb', 'restricted', 'confidential'],
    coherency: 'all',
    mask: 'all',
    cache: 'all',
  },
  async run(lab) {
    const { mapped, original } = await copyScattered(lab);
    lab.equal(mapped, original, 'mapped entries where nothing is merged');
    lab.note(`${original} scattered entries, as many descriptors`);
  },
});
