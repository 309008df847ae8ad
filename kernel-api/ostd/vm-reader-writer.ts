import type { AnyLayout, Integer64Layout, IntegerLayout, LayoutType } from '../../base/layout';
import type { VirtAddr } from '../../base/address';
import type { Kernel } from '../kernel';
import { KernelOops } from '../oops';
import { OstdError } from './error';
import { bytesSpan, copySpan, kernelSpan, type VmSpan } from './vm-span';

/** Integers, which one access loads or stores as a whole (`PodOnce`). */
export type PodOnceLayout = IntegerLayout | Integer64Layout;

/** A place in a span and what is left behind it: what readers and writers have in common. */
abstract class VmCursor {
  protected readonly span: VmSpan;
  protected position: number;
  protected end: number;

  constructor(span: VmSpan) {
    this.span = span;
    this.position = span.start;
    this.end = span.start + span.length;
  }

  /** Bytes from the cursor to the end. */
  protected get left(): number {
    this.span.check();
    return this.end - this.position;
  }

  /** The address of the next byte; in an array of bytes its index. */
  cursor(): VirtAddr {
    this.span.check();
    return this.position as VirtAddr;
  }

  /** Ends the range after `most` bytes, if it is longer than that. */
  limit(most: number): this {
    if (!(most >= 0)) throw new KernelOops(`limit(${most}) is no number of bytes`);
    if (most < this.left) this.end = this.position + most;
    return this;
  }

  /** Passes over `count` bytes. More than there are stop the kernel, as the assertion in the source does. */
  skip(count: number): this {
    const { left } = this;
    if (!(Number.isInteger(count) && count >= 0 && count <= left)) {
      throw new KernelOops(`assertion failed: skip(${count}) with ${left} bytes left`);
    }
    this.position += count;
    return this;
  }

  /** The address of a value that is about to be read or written; the cursor moves past it. */
  protected take(layout: AnyLayout): number {
    if (this.left < layout.size) {
      throw new OstdError('InvalidArgs', `a ${layout.typeName} of ${layout.size} bytes, ${this.left} bytes left`);
    }
    const { position } = this;
    this.position += layout.size;
    return position;
  }

  /** As `take`, for one access: an address that is not aligned stops the kernel, as in the source. */
  protected takeAligned(layout: PodOnceLayout): number {
    if (this.left >= layout.size && this.position % layout.size !== 0) {
      throw new KernelOops(`assertion failed: 0x${this.position.toString(16)} is not aligned to a ${layout.typeName}`);
    }
    return this.take(layout);
  }
}

/** Reads from a range of memory, from front to back (`VmReader`). */
export class VmReader extends VmCursor {
  /** Reads an array of bytes. */
  static from(bytes: Uint8Array): VmReader {
    return new VmReader(bytesSpan(bytes));
  }

  /** Reads kernel memory, which must stay mapped for as long as the reader is used. */
  static fromKernelSpace(kernel: Kernel, address: VirtAddr, length: number): VmReader {
    return new VmReader(kernelSpan(kernel, address, length, () => undefined));
  }

  /** Bytes that are left. */
  remain(): number {
    return this.left;
  }

  /** Whether bytes are left. */
  hasRemain(): boolean {
    return this.left > 0;
  }

  /** Copies to a writer until one of the two is at its end. @returns how many bytes */
  read(writer: VmWriter): number {
    return writer.write(this);
  }

  /** Reads a value. @throws OstdError `InvalidArgs` if fewer bytes are left */
  readVal<L extends AnyLayout>(layout: L): LayoutType<L> {
    return layout.read(this.span.memory, this.take(layout)) as LayoutType<L>;
  }

  /** Reads an integer with one load. @throws OstdError `InvalidArgs` if fewer bytes are left */
  readOnce<L extends PodOnceLayout>(layout: L): LayoutType<L> {
    return layout.read(this.span.memory, this.takeAligned(layout)) as LayoutType<L>;
  }

  /** Reads all that is left. */
  collect(): Uint8Array {
    const bytes = new Uint8Array(this.left);
    this.read(VmWriter.from(bytes));
    return bytes;
  }

  /** A second reader at the same place. */
  clone(): VmReader {
    const copy = new VmReader(this.span);
    copy.position = this.position;
    copy.end = this.end;
    return copy;
  }

  /** For `VmWriter.write`: hands the next `length` bytes over. */
  moveTo(to: VmSpan, address: number, length: number): void {
    if (length > 0) copySpan(to, address, this.span, this.position, length);
    this.position += length;
  }
}

/** Writes to a range of memory, from front to back (`VmWriter`). */
export class VmWriter extends VmCursor {
  /** Writes to an array of bytes. */
  static from(bytes: Uint8Array): VmWriter {
    return new VmWriter(bytesSpan(bytes));
  }

  /** Writes kernel memory, which must stay mapped for as long as the writer is used. */
  static fromKernelSpace(kernel: Kernel, address: VirtAddr, length: number): VmWriter {
    return new VmWriter(kernelSpan(kernel, address, length, () => undefined));
  }

  /** Bytes that there is room for. */
  avail(): number {
    return this.left;
  }

  /** Whether there is room. */
  hasAvail(): boolean {
    return this.left > 0;
  }

  /** Copies from a reader until one of the two is at its end. @returns how many bytes */
  write(reader: VmReader): number {
    const length = Math.min(this.left, reader.remain());
    reader.moveTo(this.span, this.position, length);
    this.position += length;
    return length;
  }

  /** Writes a value. @throws OstdError `InvalidArgs` if there is less room */
  writeVal<L extends AnyLayout>(layout: L, value: LayoutType<L>): void {
    layout.write(this.span.memory, this.take(layout), value);
  }

  /** Writes an integer with one store. @throws OstdError `InvalidArgs` if there is less room */
  writeOnce<L extends PodOnceLayout>(layout: L, value: LayoutType<L>): void {
    (layout as AnyLayout).write(this.span.memory, this.takeAligned(layout), value);
  }

  /** Writes zeroes, `length` at most. @returns how many */
  fillZeros(length: number): number {
    const count = Math.min(this.left, length);
    if (!(count > 0)) return 0;
    this.span.memory.fill(this.position, 0, count);
    this.position += count;
    return count;
  }
}
