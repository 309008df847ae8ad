import { DMA_BIT_MASK, dma_get_required_mask, dma_set_mask } from '../../kernel-api';
import type { MaskCase } from '../answers';
import type { Subject } from '../subject';
import { compare, type Verdict } from '../verdict';

/** One `dma_set_mask`, and which mask the device would need for all of RAM. */
export const replayMask = ({ dev }: Subject, { bits, ret, required }: MaskCase): Verdict => {
  const found = dma_set_mask(dev, DMA_BIT_MASK(bits));
  return compare({ bits }, { ret, required }, { ret: found, required: dma_get_required_mask(dev).toString(16) });
};
