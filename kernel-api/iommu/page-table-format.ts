import { EOPNOTSUPP } from '../../base/errno';
import { IOMMU_CACHE, IOMMU_MMIO, IOMMU_NOEXEC, IOMMU_READ, IOMMU_WRITE } from './iommu-domain';
import { NAPOT_PAGES, PTE_A, PTE_D, PTE_HIGH_IO, PTE_HIGH_NC, PTE_R, PTE_RWX, PTE_U, PTE_V, PTE_W, PTE_X } from './pte';

/** Pages that one entry of a level spans: level 0 is the last. */
export const LEVEL_PAGES: readonly number[] = [1, 512, 2 ** 18, 2 ** 27, 2 ** 36, 2 ** 45];

/** Which tables an IOMMU walks. */
export interface PageTableFormat {
  /** Levels of tables: 3 for Sv39, 4 for Sv48, 5 for Sv57. */
  readonly levels: 3 | 4 | 5;
  /** Whether entries have memory types (`capabilities.Svpbmt`). */
  readonly memoryTypes: boolean;
}

/** The leaf sizes of a format, one bit each (`pgsize_bitmap`). A leaf may not fill half of the address space. */
export const leafSizes = (levels: number): bigint => {
  let sizes = BigInt(NAPOT_PAGES * 4096);
  for (let level = 0; level < levels; level++) sizes |= 1n << BigInt(12 + 9 * level);
  return sizes & ((1n << BigInt(12 + 9 * levels - 1)) - 1n);
};

/**
 * The low bits of leaves with a protection. Accessed and dirty are set in advance: nobody looks at them, and an IOMMU
 * need not be able to set them. Writable implies readable, as the format has it; `-EOPNOTSUPP` for no access at all.
 */
export const leafBits = (prot: number): number => {
  let bits = PTE_V | PTE_A | PTE_U;
  if ((prot & IOMMU_WRITE) !== 0) bits |= PTE_W | PTE_R | PTE_D;
  if ((prot & IOMMU_READ) !== 0) bits |= PTE_R;
  if ((prot & IOMMU_NOEXEC) === 0) bits |= PTE_X;
  return (bits & PTE_RWX) === 0 ? -EOPNOTSUPP : bits;
};

/** The memory type of leaves with a protection, as bits of the high half. */
export const leafHighBits = (format: PageTableFormat, prot: number): number => {
  if (!format.memoryTypes) return 0;
  if ((prot & IOMMU_MMIO) !== 0) return PTE_HIGH_IO;
  return (prot & IOMMU_CACHE) === 0 ? PTE_HIGH_NC : 0;
};
