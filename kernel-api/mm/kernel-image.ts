import { virtAddr, type PhysAddr, type VirtAddr } from '../../base/address';
import { KERNEL_LINK_ADDR } from './layout';

/** Bytes of kernel text. */
const TEXT_SIZE = 0x2_0000;
/** Bytes of the stack that code runs on which belongs to no task. */
const INIT_STACK_SIZE = 0x4000;
/** Bytes of memory that the kernel image takes: text, static data, the first stack. */
export const KERNEL_IMAGE_BYTES = 0x4_0000;

/**
 * The kernel image: text and static data, at addresses of its own (`kernel_map`). Its pages are reserved, like those
 * that a boot loader puts a kernel into. Nothing executes there; it is a place for addresses that no driver may hand to
 * a device.
 */
export class KernelImage {
  /** Where it lies in memory; undefined on a machine too small to have one. */
  readonly physical: PhysAddr | undefined;
  /** The stack of code that runs in no task (`init_stack`). */
  readonly initStack = virtAddr(KERNEL_LINK_ADDR + KERNEL_IMAGE_BYTES - INIT_STACK_SIZE);
  readonly initStackSize = INIT_STACK_SIZE;
  private used = TEXT_SIZE;

  constructor(physical: PhysAddr | undefined) {
    this.physical = physical;
  }

  /** The physical address behind an address of the image, or -1. */
  translate(address: number): number {
    const offset = address - KERNEL_LINK_ADDR;
    const isInside = this.physical !== undefined && offset >= 0 && offset < KERNEL_IMAGE_BYTES;
    return isInside ? this.physical + offset : -1;
  }

  /** How many bytes there are from an address of the image to its end. */
  bytesFrom(address: number): number {
    return KERNEL_LINK_ADDR + KERNEL_IMAGE_BYTES - address;
  }

  /** Whether an address is in the text. */
  isText(address: number): boolean {
    return address >= KERNEL_LINK_ADDR && address < KERNEL_LINK_ADDR + TEXT_SIZE;
  }

  /** Takes static data, aligned to 8 bytes. @returns its address, or 0 if the image is full */
  placeData(size: number): VirtAddr {
    const end = this.used + Math.ceil(size / 8) * 8;
    if (this.physical === undefined || end > KERNEL_IMAGE_BYTES - INIT_STACK_SIZE) return virtAddr(0);
    const address = virtAddr(KERNEL_LINK_ADDR + this.used);
    this.used = end;
    return address;
  }
}
