import type { IotlbGather } from '../iotlb-gather';
import { CAP_HI_NL, CAP_HI_S } from './regs';
import type { RiscvIommu } from './riscv-iommu';

/** With more pages than this the whole address space is invalidated instead. */
const MAX_SINGLE = 512;
const LEVEL_BITS = 9;
/** A range of 2^52 pages is every address. */
const ALL_PAGES_LOG2 = 52;

/** Sends the invalidations for what was gathered of an address space to one IOMMU; the fence is the caller's. */
export const invalidateGathered = (iommu: RiscvIommu, pscid: number, gather: IotlbGather): void => {
  const { commands, capHi } = iommu;
  const levels = gather.leafLevels | gather.tableLevels;
  const tables = gather.tableLevels !== 0;
  if (levels === 0 || (tables && (capHi & CAP_HI_NL) === 0)) {
    commands.invalidateSpace(pscid);
    return;
  }
  const log2Pages = enclosingLog2(gather.start, gather.end);
  if ((capHi & CAP_HI_S) !== 0 && log2Pages >= 1 && log2Pages < ALL_PAGES_LOG2) {
    const pages = 2 ** log2Pages;
    commands.invalidateRange(pscid, gather.start - (gather.start % pages), log2Pages, tables);
    return;
  }
  const stride = 2 ** (LEVEL_BITS * lowestLevel(levels));
  const count = Math.floor((gather.end - gather.start + 1) / stride);
  if (count < 1 || count > MAX_SINGLE) {
    commands.invalidateSpace(pscid);
    return;
  }
  commands.invalidatePages(pscid, gather.start, stride, count, tables);
};

const lowestLevel = (levels: number): number => 31 - Math.clz32(levels & -levels);

/** log2 of the smallest naturally aligned power of two of pages that holds both ends. */
const enclosingLog2 = (first: number, last: number): number => {
  let log2 = 0;
  let low = first;
  let high = last;
  while (low !== high) {
    low = Math.floor(low / 2);
    high = Math.floor(high / 2);
    log2++;
  }
  return log2;
};
