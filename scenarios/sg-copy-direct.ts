import { scenario } from 'dmalab';
import { copyScattered } from './lib/scattered-copy';

export default scenario({
  name: 'sg-copy-direct',
  description: 'scatter-gather copy without an IOMMU',
  machine: { iommu: false, nodes: [{ label: 'copier', compatible: ['dmalab,sg-copier'] }] },
  async run(lab) {
    const { mapped, original } = await copyScattered(lab);
    lab.equal(mapped, original, 'mapped entries without an IOMMU');
    lab.note(`${original} scattered entries, as many descriptors`);
  },
});
