import { virtAddr, type VirtAddr } from '../../base/address';
import { EFAULT, EINVAL, ERANGE } from '../../base/errno';
import type { Out } from '../err';
import type { Kernel } from '../kernel';
import { copy_to_user } from '../mm/user/uaccess';
import { KernelError } from './kernel-error';

/** What a file of debugfs can show as bytes (`debugfs::BinaryWriter`). */
export interface BinaryWriter {
  /**
   * Writes bytes from `offset` on to user memory, and moves `offset` behind them.
   * @returns how many: at most what the writer has room for, 0 from the end on
   */
  writeToSlice(writer: UserSliceWriter, offset: Out<number>): number;
}

/** Memory that a `UserSliceWriter` can copy from. */
interface Source {
  size(): number;
  asPtr(): VirtAddr;
}

/** A range of user memory that is written from its start to its end (`uaccess::UserSliceWriter`). */
export class UserSliceWriter {
  readonly #kernel: Kernel;
  #to: number;
  #left: number;

  constructor(kernel: Kernel, to: VirtAddr, length: number) {
    this.#kernel = kernel;
    this.#to = to;
    this.#left = length;
  }

  /** How many bytes there is room for. */
  len(): number {
    return this.#left;
  }

  /**
   * Copies `count` bytes of coherent memory from `offset` on.
   * @throws KernelError `ERANGE` if there are not so many, here or there; `EFAULT`
   */
  writeDma(source: Source, offset: number, count: number): void {
    if (offset + count > source.size() || count > this.#left) throw new KernelError(ERANGE, `${count} bytes`);
    const from = virtAddr(source.asPtr() + offset);
    if (copy_to_user(this.#kernel, virtAddr(this.#to), from, count) !== 0) throw new KernelError(EFAULT);
    this.#to += count;
    this.#left -= count;
  }
}

/** `BinaryWriter.writeToSlice` of coherent memory. */
export const writeToSlice = (source: Source, writer: UserSliceWriter, offset: Out<number>): number => {
  const size = source.size();
  if (offset.value < 0) throw new KernelError(EINVAL, `offset ${offset.value}`);
  if (offset.value >= size) return 0;
  const count = Math.min(size - offset.value, writer.len());
  writer.writeDma(source, offset.value, count);
  offset.value += count;
  return count;
};
