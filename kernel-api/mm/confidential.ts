import { EINVAL, EIO } from '../../base/errno';
import { PAGE_SIZE, type VirtAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { IoMem } from '../io/io-mem';
import { ioremap } from '../io/ioremap';
import type { Kernel } from '../kernel';
import { of_address_to_resource, resource_size } from '../of/address';
import { of_find_compatible_node } from '../of/device-tree';
import {
  GUARD_COMMAND,
  GUARD_COMMAND_SHARE,
  GUARD_COMMAND_UNSHARE,
  GUARD_COUNT,
  GUARD_FIRST,
  GUARD_ID,
  GUARD_ID_VALUE,
  GUARD_MAJOR,
  GUARD_SIZE,
  GUARD_STATUS,
  GUARD_STATUS_FAILED,
  GUARD_VERSION,
  GUARD_VERSION_MAJOR_SHIFT,
} from './confidential-regs';

/**
 * What makes the kernel a confidential guest: a memory guard in the device tree. All memory is private then, which means
 * that devices cannot use it, until it is shared. On real platforms a security monitor is called for that.
 */
export class ConfidentialPlatform {
  /** The guard's registers; null on an ordinary machine. */
  private readonly io: IoMem | null;
  /** Pages that are shared at the moment. */
  private shared = 0;

  constructor(kernel: Kernel) {
    this.io = findGuard(kernel);
  }

  /** Whether the kernel is a confidential guest. */
  get active(): boolean {
    return this.io !== null;
  }

  /** How many pages devices can use: as many after something as before it, where nothing leaks. */
  get sharedPages(): number {
    return this.shared;
  }

  /** Shares page frames with devices, or makes them private again. Their contents are lost. 0 or `-EIO`. */
  convert(firstPfn: number, count: number, share: boolean): number {
    const { io } = this;
    if (io === null || count === 0) return 0;
    io.writeq(GUARD_FIRST, BigInt(firstPfn));
    io.writel(GUARD_COUNT, count);
    io.writel(GUARD_STATUS, GUARD_STATUS_FAILED);
    io.writel(GUARD_COMMAND, share ? GUARD_COMMAND_SHARE : GUARD_COMMAND_UNSHARE);
    if ((io.readl(GUARD_STATUS) & GUARD_STATUS_FAILED) !== 0) return -EIO;
    this.shared += share ? count : -count;
    return 0;
  }
}

const findGuard = (kernel: Kernel): IoMem | null => {
  const node = of_find_compatible_node(kernel, null, 'dmalab,memory-guard');
  const resource = node === null ? -EINVAL : of_address_to_resource(node, 0);
  if (typeof resource === 'number' || resource_size(resource) < GUARD_SIZE) return null;
  const io = ioremap(kernel, resource.start, GUARD_SIZE);
  const known =
    io?.readl(GUARD_ID) === GUARD_ID_VALUE && io.readl(GUARD_VERSION) >>> GUARD_VERSION_MAJOR_SHIFT === GUARD_MAJOR;
  if (known) return io;
  kernel.log.error({}, 'the memory guard is none that this kernel knows');
  return null;
};

/** Attributes of a confidential platform (`include/linux/cc_platform.h`). */
export const CC_ATTR_MEM_ENCRYPT = 0;
/** Memory of this guest is private. */
export const CC_ATTR_GUEST_MEM_ENCRYPT = 2;

/** Whether the platform has an attribute (`cc_platform_has`). */
export const cc_platform_has = (kernel: Kernel, attribute: number): boolean =>
  kernel.confidential.active && (attribute === CC_ATTR_MEM_ENCRYPT || attribute === CC_ATTR_GUEST_MEM_ENCRYPT);

const convertPages = (kernel: Kernel, address: VirtAddr, numpages: number, share: boolean): number => {
  const physical = kernel.mm.translate(address);
  if (physical < 0 || physical % PAGE_SIZE !== 0) return -EINVAL;
  return kernel.confidential.convert(physical / PAGE_SIZE, numpages, share);
};

/**
 * Shares pages of the linear map with devices; nothing happens where memory is not private. What they hold is lost.
 * @returns 0, `-EINVAL` for an address that is no page of the kernel's, `-EIO` if the platform refuses
 */
export const set_memory_decrypted = (kernel: Kernel, address: VirtAddr, numpages: number): number =>
  convertPages(kernel, address, numpages, true);

/** Makes pages private again. As `set_memory_decrypted`. */
export const set_memory_encrypted = (kernel: Kernel, address: VirtAddr, numpages: number): number =>
  convertPages(kernel, address, numpages, false);

/** Whether memory that the device shall use has to be shared (`force_dma_unencrypted`): no device here is trusted by the guest. */
export const force_dma_unencrypted = (dev: StructDevice): boolean => dev.kernel.confidential.active;
