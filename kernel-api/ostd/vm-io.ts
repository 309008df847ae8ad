import { ArrayLayout, type AnyLayout, type LayoutType } from '../../base/layout';
import { Owner } from '../rust/owner';
import { OstdError } from './error';
import { VmReader, VmWriter, type PodOnceLayout } from './vm-reader-writer';
import type { VmSpan } from './vm-span';

/** Throws unless `length` bytes at an offset lie within `size`. */
const checkRange = (offset: number, length: number, size: number): void => {
  if (offset + length > Number.MAX_SAFE_INTEGER) throw new OstdError('Overflow', `${offset} + ${length}`);
  if (!(Number.isInteger(offset) && offset >= 0 && offset + length <= size)) {
    throw new OstdError('InvalidArgs', `${length} bytes at ${offset} of ${size}`);
  }
};

/**
 * Memory that its owner reads and writes at offsets (`VmIo`, `VmIoFill`, `VmIoOnce`, by way of `HasVmReaderWriter`). `R` and
 * `W` tell whether the CPU may read and write; what it may not does not compile, and is `AccessDenied` where it is done
 * all the same.
 */
export abstract class VmIo<R extends boolean, W extends boolean> extends Owner {
  abstract readonly isReadable: R;
  abstract readonly isWritable: W;

  /** The memory as the CPU is to use it. */
  protected abstract span(): VmSpan;

  /** Bytes. */
  abstract size(): number;

  /** Reads it from its start. @throws OstdError `AccessDenied` */
  reader(this: VmIo<true, boolean>): VmReader {
    return this.#reader();
  }

  /** Writes it from its start. @throws OstdError `AccessDenied` */
  writer(this: VmIo<boolean, true>): VmWriter {
    return this.#writer();
  }

  #reader(): VmReader {
    this.checkAlive();
    if (!this.isReadable) throw new OstdError('AccessDenied', `${this.describe()} cannot be read by the CPU`);
    return new VmReader(this.span());
  }

  #writer(): VmWriter {
    this.checkAlive();
    if (!this.isWritable) throw new OstdError('AccessDenied', `${this.describe()} cannot be written by the CPU`);
    return new VmWriter(this.span());
  }

  #readerAt(offset: number, length: number): VmReader {
    const reader = this.#reader();
    checkRange(offset, length, reader.remain());
    return reader.skip(offset);
  }

  #writerAt(offset: number, length: number): VmWriter {
    const writer = this.#writer();
    checkRange(offset, length, writer.avail());
    return writer.skip(offset);
  }

  /** Fills a writer from an offset on. @throws OstdError `AccessDenied`; `InvalidArgs`, `Overflow`: the range */
  read(this: VmIo<true, boolean>, offset: number, writer: VmWriter): void {
    this.#readerAt(offset, writer.avail()).read(writer);
  }

  /** Fills an array of bytes. As `read`. */
  readBytes(this: VmIo<true, boolean>, offset: number, into: Uint8Array): void {
    this.#readerAt(offset, into.length).read(VmWriter.from(into));
  }

  /** Reads a value. As `read`. */
  readVal<L extends AnyLayout>(this: VmIo<true, boolean>, offset: number, layout: L): LayoutType<L> {
    return this.#readerAt(offset, layout.size).readVal(layout);
  }

  /** Reads `length` values that follow each other. As `read`. */
  readSlice<L extends AnyLayout>(
    this: VmIo<true, boolean>,
    offset: number,
    layout: L,
    length: number,
  ): LayoutType<L>[] {
    if (!(Number.isInteger(length) && length >= 0)) throw new OstdError('InvalidArgs', `${length} values`);
    const reader = this.#readerAt(offset, layout.size * length);
    return Array.from({ length }, () => reader.readVal(layout));
  }

  /** Writes all that a reader has. As `read`. */
  write(this: VmIo<boolean, true>, offset: number, reader: VmReader): void {
    this.#writerAt(offset, reader.remain()).write(reader);
  }

  /** Writes bytes. As `read`. */
  writeBytes(this: VmIo<boolean, true>, offset: number, bytes: Uint8Array): void {
    this.#writerAt(offset, bytes.length).write(VmReader.from(bytes));
  }

  /** Writes a value. As `read`. */
  writeVal<L extends AnyLayout>(this: VmIo<boolean, true>, offset: number, layout: L, value: LayoutType<L>): void {
    this.#writerAt(offset, layout.size).writeVal(layout, value);
  }

  /** Writes values one after the other. As `read`. */
  writeSlice<L extends AnyLayout>(
    this: VmIo<boolean, true>,
    offset: number,
    layout: L,
    values: readonly LayoutType<L>[],
  ): void {
    const whole = new ArrayLayout(layout, values.length);
    const writer = this.#writerAt(offset, whole.size);
    for (const value of values) writer.writeVal(layout, value);
  }

  /**
   * Writes zeroes. @throws OstdError `AccessDenied`; `InvalidArgs` if they do not all fit: what fits was written, and
   * `error.done` tells how much
   */
  fillZeros(this: VmIo<boolean, true>, offset: number, length: number): void {
    const done = this.#writerAt(offset, 0).fillZeros(length);
    if (done !== length) throw new OstdError('InvalidArgs', `${length} zeroes at ${offset} of ${this.size()}`, done);
  }

  /** Reads an integer with one load. As `read`; an offset that is not aligned stops the kernel. */
  readOnce<L extends PodOnceLayout>(this: VmIo<true, boolean>, offset: number, layout: L): LayoutType<L> {
    return this.#readerAt(offset, layout.size).readOnce(layout);
  }

  /** Writes an integer with one store. As `readOnce`. */
  writeOnce<L extends PodOnceLayout>(this: VmIo<boolean, true>, offset: number, layout: L, value: LayoutType<L>): void {
    this.#writerAt(offset, layout.size).writeOnce(layout, value);
  }
}
