import type { VirtAddr } from '../../base/address';
import { LabError } from '../../base/errors';
import type { Kernel } from '../kernel';

/** `include/linux/string.h`, by virtual address. Each returns what its C original returns. */

/** Copies memory. Here the ranges may overlap. */
export const memcpy = (kernel: Kernel, to: VirtAddr, from: VirtAddr, length: number): VirtAddr => {
  kernel.mm.copy(to, from, length);
  return to;
};

/** Copies memory; the ranges may overlap. */
export const memmove = memcpy;

/** Fills memory with a byte. */
export const memset = (kernel: Kernel, address: VirtAddr, value: number, length: number): VirtAddr => {
  kernel.mm.fill(address, value, length);
  return address;
};

/** Compares memory: negative, zero or positive, as the first byte that differs. */
export const memcmp = (kernel: Kernel, a: VirtAddr, b: VirtAddr, length: number): number => {
  const left = kernel.mm.read(a, length);
  const right = kernel.mm.read(b, length);
  const index = left.findIndex((byte, at) => byte !== right[at]);
  return index < 0 ? 0 : left[index]! - right[index]!;
};

/** Places static data in the kernel image, aligned to 8 bytes. A `LabError` if the image has no room for it. */
export const kernel_data = (kernel: Kernel, bytes: Uint8Array): VirtAddr => {
  const address = kernel.mm.image.placeData(bytes.length);
  if (address === 0) throw new LabError(`The kernel image has no room for ${bytes.length} bytes of static data.`);
  kernel.mm.write(address, bytes);
  return address;
};

/** Whether an address is in the kernel's text. */
export const is_kernel_text = (kernel: Kernel, address: VirtAddr): boolean => kernel.mm.image.isText(address);
