import { LabError } from '../errors';
import type { AnyLayout, LayoutType } from './layout';
import { BytesMemory } from './memory';

/** A value as bytes. A `LabError` with the path of the part that does not fit. */
export const encode = <L extends AnyLayout>(layout: L, value: LayoutType<L>): Uint8Array => {
  const memory = new BytesMemory(new Uint8Array(layout.size));
  layout.write(memory, 0, value);
  return memory.bytes;
};

/** The value that bytes hold from `at` on. A `LabError` if there are too few. */
export const decode = <L extends AnyLayout>(layout: L, bytes: Uint8Array, at = 0): LayoutType<L> => {
  if (!(Number.isInteger(at) && at >= 0 && at + layout.size <= bytes.length)) {
    throw new LabError(`A ${layout.typeName} takes ${layout.size} bytes; of ${bytes.length}, none begins at ${at}.`, {
      what: layout.typeName,
    });
  }
  return layout.read(new BytesMemory(bytes), at) as LayoutType<L>;
};
