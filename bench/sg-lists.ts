import { PAGE_SIZE } from '../base/address';
import type { Kernel } from '../kernel-api/kernel';
import { GFP_KERNEL } from '../kernel-api/gfp';
import type { Page } from '../kernel-api/mm/page';
import { __free_page, alloc_page } from '../kernel-api/mm/page-alloc';
import { sg_set_page } from '../kernel-api/scatterlist/scatterlist';
import { SgTable, for_each_sgtable_sg, sg_alloc_table } from '../kernel-api/scatterlist/sg-table';
import { Prng } from '../base/prng';

/** Pages in an order that has nothing to do with their addresses, and no two neighbours. */
export const scatteredPages = (kernel: Kernel, count: number): Page[] => {
  const all = Array.from({ length: 2 * count }, () => alloc_page(kernel, GFP_KERNEL)!);
  const pages = all.filter((_, index) => index % 2 === 0);
  all.forEach((page, index) => {
    if (index % 2 === 1) __free_page(page);
  });
  const rng = new Prng(3);
  for (let i = pages.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    [pages[i], pages[j]] = [pages[j]!, pages[i]!];
  }
  return pages;
};

/** A table of whole pages. */
export const tableOf = (kernel: Kernel, pages: readonly Page[]): SgTable => {
  const sgt = new SgTable(kernel);
  if (sg_alloc_table(sgt, pages.length, GFP_KERNEL) !== 0) throw new Error('no memory for the list');
  let index = 0;
  for (const sg of for_each_sgtable_sg(sgt)) sg_set_page(sg, pages[index++]!, PAGE_SIZE, 0);
  return sgt;
};
