import { pageAlign, pageOf, physAddr } from '../../../base/address';
import { hex } from '../../../base/u64';
import type { Kernel } from '../../kernel';
import { CC_ATTR_MEM_ENCRYPT, cc_platform_has, set_memory_decrypted } from '../../mm/confidential';
import { phys_to_virt } from '../../mm/layout';
import type { OfNode } from '../../of/of-node';
import { IoTlbMem } from './io-tlb-mem';
import { IoTlbPool, SlotRequest } from './io-tlb-pool';
import { RateLimit } from './rate-limit';
import type { DefaultPool } from './default-pool';
import { IO_TLB_SIZE } from './slots';

/** Everything that swiotlb keeps for a kernel. */
export class Swiotlb {
  /** What devices use that have no restricted pool (`io_tlb_default_mem`). */
  readonly defaultMem = new IoTlbMem();
  /** The memory of restricted pools, by node; made when the first device is assigned to one. */
  readonly restricted = new Map<OfNode, IoTlbMem>();
  /** The request under way. */
  readonly request = new SlotRequest();
  /** Of the message that a pool is full, and of the one that there is none. */
  readonly fullLimit = new RateLimit();
  readonly absentLimit = new RateLimit();
  /** Memory is private to the guest, all but the pools. */
  private encrypted = false;
  private encryptionTold = false;
  private readonly kernel: Kernel;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** Takes over the pool that boot code set apart, if any (`swiotlb_init_remap`). Its memory is untouched: all zeroes. */
  init({ base, nslabs, nareas, force }: DefaultPool): void {
    if (base < 0) return;
    this.defaultMem.force_bounce = force;
    this.defaultMem.add(new IoTlbPool(base, nslabs, nareas));
    const end = base + nslabs * IO_TLB_SIZE;
    const megabytes = Math.floor((nslabs * IO_TLB_SIZE) / 2 ** 20);
    this.kernel.log.debug({}, `software IO TLB: mapped [mem ${hex(base)}-${hex(end)}] (${megabytes}MB)`);
  }

  /** In a confidential guest: shares the pool with devices, and bounces everything (`swiotlb_update_mem_attributes`). */
  updateMemAttributes(): void {
    const { kernel, defaultMem } = this;
    this.encrypted = cc_platform_has(kernel, CC_ATTR_MEM_ENCRYPT);
    if (!this.encrypted || defaultMem.defpool === null) return;
    const { start, end } = defaultMem.defpool;
    defaultMem.force_bounce = true;
    set_memory_decrypted(kernel, phys_to_virt(physAddr(start)), pageOf(pageAlign(end - start)));
  }

  /** Says once that bouncing in a confidential guest costs time. */
  tellEncryption(): void {
    if (!this.encrypted || this.encryptionTold) return;
    this.encryptionTold = true;
    this.kernel.log.warn({}, 'memory is private, so that all DMA goes through bounce buffers');
  }
}
