import { scenario } from 'dmalab';
import { copyScattered } from './lib/scattered-copy';

export default scenario({
  name: 'sg-copy-iommu',
  description: 'scatter-gather copy through the IOMMU',
  machine: { nodes: [{ label: 'copier', compatible: ['dmalab,sg-copier'] }] },
  matrix: { translation: ['strict', 'lazy'], coherency: 'all', mask: 'all', cache: 'all' },
  async run(lab) {
    const { mapped, original } = await copyScattered(lab);
    lab.check(
      mapped < original,
      `behind an IOMMU ${original} scattered pages should map to fewer entries, not ${mapped}`,
    );
    lab.note(`${original} scattered entries became ${mapped} contiguous to the controller`);
  },
});
