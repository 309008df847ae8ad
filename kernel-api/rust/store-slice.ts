import { u8, type AnyLayout, type ArrayValue, type LayoutType, type Slice } from '../../base/layout';
import type { Typed } from './elements';

/** Stores values over the whole of a slice of their number. A `LabError` if one does not fit; nothing is stored then. */
export const storeSlice = <L extends AnyLayout>(typed: Typed<Slice<L>>, data: ArrayLike<LayoutType<L>>): void => {
  const { allocation, layout } = typed;
  const { mm } = allocation.dev.kernel;
  if ((layout.element as AnyLayout) === u8 && data instanceof Uint8Array) mm.write(allocation.cpu, data);
  else layout.write(mm, allocation.cpu, data as ArrayValue<LayoutType<L>, number>);
};
