import { PAGE_SHIFT, PAGE_SIZE, physAddr, type PhysAddr } from '../../../base/address';
import { EBUSY, EINVAL, ENOMEM } from '../../../base/errno';
import { u64, type U64 } from '../../../base/u64';
import { ANY_PSCID } from './command-queue';
import { pollUntil } from './poll';
import {
  CAP_MSI_FLAT,
  DC_BYTES_BASE,
  DC_BYTES_EXTENDED,
  DDTE_V,
  DDTP_BUSY,
  DDTP_MODE,
  DEVICE_ID_BITS,
  MODE_1LVL,
  MODE_BARE,
  PPN_SHIFT,
  REG_DDTP,
} from './regs';
import type { RiscvIommu } from './riscv-iommu';

const DDTP_TIMEOUT_US = 10_000_000;
const TABLE_INDEX_BITS = 9;

/** The device directory: a tree of tables by device id, with the device contexts as leaves. */
export class DeviceDirectory {
  /** `ddtp.iommu_mode` as the hardware took it. */
  mode = 0;
  private readonly iommu: RiscvIommu;
  private rootPfn = 0;

  constructor(iommu: RiscvIommu) {
    this.iommu = iommu;
  }

  /** Bytes of a device context: with an MSI page table (extended format), or without. */
  get contextBytes(): number {
    return (this.iommu.capLo & CAP_MSI_FLAT) === 0 ? DC_BYTES_BASE : DC_BYTES_EXTENDED;
  }

  private get leafIndexBits(): number {
    return Math.log2(PAGE_SIZE / this.contextBytes);
  }

  /** How many bits of a device id the directory covers in its present mode. */
  private get idBits(): number {
    return Math.min(DEVICE_ID_BITS, this.leafIndexBits + TABLE_INDEX_BITS * (this.mode - MODE_1LVL));
  }

  private readIdle(): U64 {
    const { iommu } = this;
    const ddtp = u64();
    pollUntil(iommu.kernel, DDTP_TIMEOUT_US, () => {
      iommu.regs.readq(REG_DDTP, ddtp);
      return (ddtp.lo & DDTP_BUSY) === 0;
    });
    return ddtp;
  }

  /**
   * Finds out whether the hardware has a place of its own for the root table, or allocates one.
   * 0, `-EBUSY` (the hardware does not come to rest), `-ENOMEM`.
   */
  alloc(): number {
    const { iommu } = this;
    let ddtp = this.readIdle();
    if ((ddtp.lo & DDTP_BUSY) !== 0) return -EBUSY;
    iommu.regs.writeq(REG_DDTP, ddtp.lo & DDTP_MODE, 0);
    ddtp = this.readIdle();
    if ((ddtp.lo & DDTP_BUSY) !== 0) return -EBUSY;
    this.rootPfn = pfnOf(ddtp.lo, ddtp.hi);
    if (this.rootPfn !== 0) {
      iommu.kernel.cpu.fillBytes(physAddr(this.rootPfn * PAGE_SIZE), 0, PAGE_SIZE);
      return 0;
    }
    this.rootPfn = iommu.allocPages(0);
    return this.rootPfn < 0 ? -ENOMEM : 0;
  }

  /**
   * Sets the mode, or, of the modes with a directory, the deepest one up to it that the hardware takes (the field is
   * WARL); then lets the hardware forget everything it has cached.
   * 0, `-EBUSY` (the hardware does not come to rest), `-EINVAL` (from one directory to another, or refused).
   */
  setMode(wanted: number): number {
    const { iommu } = this;
    const before = this.readIdle();
    if ((before.lo & DDTP_BUSY) !== 0) return -EBUSY;
    if ((before.lo & DDTP_MODE) > MODE_BARE && wanted > MODE_BARE) return -EINVAL;
    for (let mode = wanted; ; mode--) {
      const root = mode > MODE_BARE ? this.rootPfn : 0;
      iommu.regs.writeq(REG_DDTP, ((root << PPN_SHIFT) | mode) >>> 0, Math.floor(root / 2 ** 22));
      const ddtp = this.readIdle();
      if ((ddtp.lo & DDTP_BUSY) !== 0) {
        iommu.error(`ddtp stays busy (mode: ${mode})`);
        return -EBUSY;
      }
      const taken = ddtp.lo & DDTP_MODE;
      if (taken === mode) break;
      if (mode <= MODE_1LVL || taken > MODE_BARE) {
        iommu.error(`DDTP hw mode ${taken}, failed to set ${wanted}`);
        return -EINVAL;
      }
    }
    this.mode = iommu.regs.readq(REG_DDTP).lo & DDTP_MODE;
    iommu.commands.invalidateAllContexts();
    iommu.commands.invalidateSpace(ANY_PSCID);
    iommu.commands.sync();
    return 0;
  }

  /**
   * The physical address of a device's context, with the tables on the way to it made if need be; -1 if the id is
   * too wide for the directory, there is no directory, or no memory.
   */
  context(deviceId: number): PhysAddr | -1 {
    if (this.mode < MODE_1LVL || deviceId >= 2 ** this.idBits) return -1;
    const { cpu } = this.iommu.kernel;
    const entry = u64();
    let table = this.rootPfn;
    for (let level = this.mode - MODE_1LVL; level > 0; level--) {
      const index = (deviceId >>> (this.leafIndexBits + TABLE_INDEX_BITS * (level - 1))) & 0x1ff;
      const at = physAddr(table * PAGE_SIZE + index * 8);
      cpu.load64(at, entry);
      if ((entry.lo & DDTE_V) === 0) {
        table = this.iommu.allocPages(0);
        if (table < 0) return -1;
        cpu.store64(at, ((table << PPN_SHIFT) | DDTE_V) >>> 0, Math.floor(table / 2 ** (32 - PPN_SHIFT)));
      } else {
        table = pfnOf(entry.lo, entry.hi);
      }
    }
    const slot = deviceId % 2 ** this.leafIndexBits;
    return physAddr(table * 2 ** PAGE_SHIFT + slot * this.contextBytes);
  }
}

const pfnOf = (lo: number, hi: number): number => (hi & 0x3f_ffff) * 2 ** 22 + (lo >>> PPN_SHIFT);
