import {
  DMA_BIDIRECTIONAL,
  dma_get_max_seg_size,
  dma_get_seg_boundary,
  dma_map_sgtable,
  dma_set_max_seg_size,
  dma_set_seg_boundary,
  dma_unmap_sgtable,
  for_each_sgtable_dma_sg,
  for_each_sgtable_sg,
  GFP_KERNEL,
  nth_page,
  sg_alloc_table,
  sg_dma_address,
  sg_dma_len,
  sg_free_table,
  sg_set_page,
  SgTable,
} from '../../kernel-api';
import type { Entry, MapSgCase } from '../answers';
import type { Subject } from '../subject';
import { compare, type Verdict } from '../verdict';
import { bouncedBits, widen } from './addresses';

type Answer = Pick<MapSgCase, 'ret' | 'nents' | 'orig_nents' | 'out'>;

const buildTable = ({ kernel, block }: Subject, entries: readonly Entry[]): SgTable => {
  const table = new SgTable(kernel);
  sg_alloc_table(table, entries.length, GFP_KERNEL);
  let index = 0;
  for (const sg of for_each_sgtable_sg(table)) {
    const [page, offset, length] = entries[index++]!;
    sg_set_page(sg, nth_page(block, page), length, offset);
  }
  return table;
};

const segmentsOf = (table: SgTable): [number, number][] => {
  const first = sg_dma_address(table.sgl!) & ~0xfffn;
  return Array.from(for_each_sgtable_dma_sg(table), (sg) => [Number(sg_dma_address(sg) - first), sg_dma_len(sg)]);
};

const ask = (subject: Subject, { max_seg, boundary_mask, in: entries }: MapSgCase): Answer => {
  const { dev } = subject;
  dma_set_max_seg_size(dev, max_seg);
  dma_set_seg_boundary(dev, widen(boundary_mask));
  const table = buildTable(subject, entries);
  const ret = dma_map_sgtable(dev, table, DMA_BIDIRECTIONAL);
  const { nents, orig_nents } = table;
  const out = ret === 0 ? segmentsOf(table) : [];
  if (ret === 0) dma_unmap_sgtable(dev, table, DMA_BIDIRECTIONAL);
  sg_free_table(table);
  return { ret, nents, orig_nents, out };
};

/** Under swiotlb the address also tells where slots were free: only its place in the slot is an answer. */
const comparable = ({ mode }: Subject, { ret, nents, orig_nents, out }: Answer): Answer => ({
  ret,
  nents,
  orig_nents,
  out: (out ?? []).map(([address, length]) => [mode === 'swiotlb-force' ? bouncedBits(address) : address, length]),
});

/** One `dma_map_sgtable`, and its undoing; the device's limits are what they were before, as they were in the measurement. */
export const replayMapSg = (subject: Subject, each: MapSgCase): Verdict => {
  const { dev } = subject;
  const { max_seg, boundary_mask, in: entries } = each;
  const before = [dma_get_max_seg_size(dev), dma_get_seg_boundary(dev)] as const;
  try {
    const found = comparable(subject, ask(subject, each));
    return compare({ max_seg, boundary_mask, in: entries }, comparable(subject, each), found);
  } finally {
    dma_set_max_seg_size(dev, before[0]);
    dma_set_seg_boundary(dev, before[1]);
  }
};
