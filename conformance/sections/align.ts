import {
  DMA_BIDIRECTIONAL,
  dma_map_page,
  dma_mapping_error,
  dma_max_mapping_size,
  dma_set_min_align_mask,
  dma_unmap_page,
} from '../../kernel-api';
import type { AlignCase } from '../answers';
import type { Subject } from '../subject';
import { compare, type Verdict } from '../verdict';
import { bouncedBits } from './addresses';
import { sizeText } from './info';

const PAGE = 4096;

/** The bits of an address that follow from the buffer: the others are up to whatever is free. */
const determined = ({ mode }: Subject, { offset, len, min_align_mask }: AlignCase): number => {
  if (mode === 'swiotlb-force') return bouncedBits(-1) | min_align_mask;
  // Mappings of several pages are aligned to their size, so that the bit above the page is known as well.
  return (offset % PAGE) + len > PAGE ? 2 * PAGE - 1 : PAGE - 1;
};

/** One `dma_map_page` under an alignment mask, and its undoing. */
export const replayAlign = (subject: Subject, each: AlignCase): Verdict => {
  const { dev, block } = subject;
  const { min_align_mask, offset, len, low13 } = each;
  dma_set_min_align_mask(dev, min_align_mask);
  const address = dma_map_page(dev, block, offset, len, DMA_BIDIRECTIONAL);
  const error = dma_mapping_error(dev, address);
  if (error === 0) dma_unmap_page(dev, address, len, DMA_BIDIRECTIONAL);
  const bits = determined(subject, each) & (2 * PAGE - 1);
  const low = (known: number, failed: number): object => (failed === 0 ? { low13: known & bits } : {});
  return compare(
    { min_align_mask, offset, len },
    { error: each.error, ...low(low13, each.error), max_mapping: each.max_mapping },
    { error, ...low(Number(address & 0x1fffn), error), max_mapping: sizeText(dma_max_mapping_size(dev)) },
  );
};
