import { physAddr, type PhysAddr } from '../../../base/address';
import { u64 } from '../../../base/u64';
import type { StructDevice } from '../../base/struct-device';
import { ANY_PSCID } from './command-queue';
import {
  DC_FSC,
  DC_TA,
  DC_TA_PSCID_SHIFT,
  DC_TC,
  DC_TC_V,
  FSC_HI_MODE_SHIFT,
  FSC_MODE_BARE,
  FSC_MODE_SV39,
  PSCID_MAX,
} from './regs';
import type { RiscvIommu } from './riscv-iommu';

/** What a device context says about a device's accesses. */
export interface ContextSetting {
  readonly valid: boolean;
  /** Page frame of the first-stage root table; unused with `levels` 0. */
  readonly rootPfn: number;
  /** Levels of the first stage; 0: the device uses physical addresses. */
  readonly levels: 0 | 3 | 4 | 5;
  readonly pscid: number;
}

/** Every access is answered with an error and a fault record (cause 258). */
export const CONTEXT_BLOCKED: ContextSetting = { valid: false, rootPfn: 0, levels: 0, pscid: 0 };
/** The device uses physical addresses. */
export const CONTEXT_IDENTITY: ContextSetting = { valid: true, rootPfn: 0, levels: 0, pscid: 0 };

/**
 * Changes the contexts of all ids of a device (specification, "Changing device directory table entry"): a context that
 * was valid is first made invalid, and the hardware is made to forget it, so that it never sees half of the old one and
 * half of the new. The valid bit is written last. Afterwards the hardware knows the new contexts and nothing else.
 *
 * Between the two the device's accesses fault. 0, or the error of the command queue.
 */
export const updateDeviceContexts = (iommu: RiscvIommu, dev: StructDevice, setting: ContextSetting): number => {
  const ids = dev.iommu?.ids ?? [];
  let changed = false;
  for (const id of ids) changed = invalidate(iommu, id) || changed;
  const error = changed ? iommu.commands.sync() : 0;
  for (const id of ids) write(iommu, id, setting);
  return iommu.commands.sync() || error;
};

/** Makes a valid context invalid; whether it was valid. */
const invalidate = (iommu: RiscvIommu, id: number): boolean => {
  const dc = iommu.directory.context(id);
  if (dc < 0) return false;
  const { cpu } = iommu.kernel;
  const tc = u64();
  cpu.load64(physAddr(dc + DC_TC), tc);
  if ((tc.lo & DC_TC_V) === 0) return false;
  cpu.store64(physAddr(dc + DC_TC), (tc.lo & ~DC_TC_V) >>> 0, tc.hi);
  forget(iommu, id, dc as PhysAddr);
  return true;
};

const write = (iommu: RiscvIommu, id: number, setting: ContextSetting): void => {
  const dc = iommu.directory.context(id);
  if (dc < 0) return;
  const { cpu } = iommu.kernel;
  const { rootPfn, levels, pscid, valid } = setting;
  const mode = levels === 0 ? FSC_MODE_BARE : FSC_MODE_SV39 + (levels - 3);
  const fscHigh = ((mode << FSC_HI_MODE_SHIFT) | Math.floor(rootPfn / 2 ** 32)) >>> 0;
  const tc = u64();
  cpu.load64(physAddr(dc + DC_TC), tc);
  cpu.store64(physAddr(dc + DC_FSC), rootPfn >>> 0, fscHigh);
  cpu.store64(physAddr(dc + DC_TA), (pscid << DC_TA_PSCID_SHIFT) >>> 0, 0);
  cpu.orderStores();
  cpu.store64(physAddr(dc + DC_TC), valid ? (tc.lo | DC_TC_V) >>> 0 : tc.lo, tc.hi);
  forget(iommu, id, dc as PhysAddr);
};

/** Queues the invalidations for a changed context: itself, and the translations of its address space. */
const forget = (iommu: RiscvIommu, id: number, dc: PhysAddr): void => {
  const { cpu } = iommu.kernel;
  const word = u64();
  cpu.load64(physAddr(dc + DC_FSC), word);
  const bare = word.hi >>> FSC_HI_MODE_SHIFT === FSC_MODE_BARE;
  cpu.load64(physAddr(dc + DC_TA), word);
  iommu.commands.invalidateContext(id);
  iommu.commands.invalidateSpace(bare ? ANY_PSCID : (word.lo >>> DC_TA_PSCID_SHIFT) & PSCID_MAX);
};
