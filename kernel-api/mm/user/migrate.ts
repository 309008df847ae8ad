import { PAGE_SIZE, physAddr } from '../../../base/address';
import { EAGAIN, ENOENT, ENOMEM } from '../../../base/errno';
import { GFP_KERNEL } from '../../gfp';
import { page_ref_count, pfn_to_page } from '../page-alloc';
import type { MmStruct } from './mm-struct';
import { putRefs } from './page-refs';

/**
 * Moves the page at a user address elsewhere in memory, as compaction does at any time (`mm/migrate.c`). Only a page that
 * nobody but the page table holds can be moved; a driver that let a device have a page without holding it loses it so.
 *
 * @returns 0; -ENOENT where there is no page to move; -EAGAIN for one that is held, pinned or shared; -ENOMEM
 */
export const migrateUserPage = (mm: MmStruct, address: number): number => {
  const { kernel, table } = mm;
  const pte = table.at(address);
  if (pte === undefined || !pte.anonymous) return -ENOENT;
  const page = pfn_to_page(kernel, pte.pfn);
  if (page_ref_count(page) !== 1) return -EAGAIN;
  const pfn = kernel.mm.allocPfn(GFP_KERNEL, 0);
  if (pfn < 0) return -ENOMEM;
  kernel.cpu.copyBytes(physAddr(pfn * PAGE_SIZE), physAddr(pte.pfn * PAGE_SIZE), PAGE_SIZE);
  table.set(address, { ...pte, pfn });
  putRefs(page, 1);
  return 0;
};
