import {
  for_each_sgtable_sg,
  GFP_KERNEL,
  nth_page,
  page_to_pfn,
  sg_alloc_table_from_pages_segment,
  sg_free_table,
  sg_page,
  SgTable,
} from '../../kernel-api';
import type { Entry, FromPagesCase } from '../answers';
import type { Subject } from '../subject';
import { compare, type Verdict } from '../verdict';

type Answer = Pick<FromPagesCase, 'ret' | 'orig_nents' | 'out'>;

const ask = ({ kernel, block }: Subject, { max_segment, offset, size, pfns }: FromPagesCase): Answer => {
  const table = new SgTable(kernel);
  const pages = pfns.map((pfn) => nth_page(block, pfn));
  const ret = sg_alloc_table_from_pages_segment(table, pages, pages.length, offset, size, max_segment, GFP_KERNEL);
  if (ret !== 0) return { ret, orig_nents: null, out: null };
  const { orig_nents } = table;
  const out = Array.from(for_each_sgtable_sg(table), (sg): Entry => {
    return [page_to_pfn(sg_page(sg)) - block.pfn, sg.offset, sg.length];
  });
  sg_free_table(table);
  return { ret, orig_nents, out };
};

/** One `sg_alloc_table_from_pages_segment`. */
export const replayFromPages = (subject: Subject, each: FromPagesCase): Verdict => {
  const { max_segment, offset, size, pfns, ret, orig_nents, out } = each;
  return compare({ max_segment, offset, size, pfns }, { ret, orig_nents, out }, ask(subject, each));
};
