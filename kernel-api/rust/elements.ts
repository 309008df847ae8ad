import { EINVAL, ENOMEM } from '../../base/errno';
import { LabError } from '../../base/errors';
import { ArrayLayout, Layout, PaddingLayout, type AnyLayout, type Slice } from '../../base/layout';
import { DMA_ATTR_NO_KERNEL_MAPPING } from '../dma/attrs';
import type { Gfp } from '../gfp';
import type { Attrs } from './attrs';
import { CoherentAllocation } from './coherent-allocation';
import type { Bound, Device } from './device';
import { KernelError } from './kernel-error';

/** Coherent memory together with the layout of what is in it. */
export interface Typed<L extends AnyLayout> {
  readonly allocation: CoherentAllocation;
  readonly layout: L;
}

/** Refuses what would give the CPU a type to look through at memory that it has no mapping of. */
const checkMapped = (attrs: Attrs): void => {
  if ((attrs.asRaw() & DMA_ATTR_NO_KERNEL_MAPPING) !== 0) {
    throw new KernelError(EINVAL, 'memory without a kernel mapping is a CoherentHandle');
  }
};

/** Refuses a layout that code without types let through. */
const checkLayout = (layout: unknown): void => {
  if (!(layout instanceof Layout) || layout instanceof PaddingLayout) {
    throw new LabError('Coherent memory takes a layout of base/layout.');
  }
};

/** Memory for one value. @throws KernelError `ENOMEM` */
export const allocateOne = <L extends AnyLayout>(dev: Device<Bound>, layout: L, gfp: Gfp, attrs: Attrs): Typed<L> => {
  checkLayout(layout);
  checkMapped(attrs);
  return { allocation: CoherentAllocation.allocate(dev, layout.size, gfp, attrs), layout };
};

/** Memory for `len` values. @throws KernelError `EINVAL` for none, `ENOMEM` also where the size overflows */
export const allocateSlice = <L extends AnyLayout>(
  dev: Device<Bound>,
  element: L,
  len: number,
  gfp: Gfp,
  attrs: Attrs,
): Typed<Slice<L>> => {
  checkLayout(element);
  checkMapped(attrs);
  if (!(Number.isInteger(len) && len >= 0)) throw new LabError(`${len} is no number of elements.`);
  if (len === 0) throw new KernelError(EINVAL, 'no elements');
  const size = element.size * len;
  if (!Number.isSafeInteger(size)) throw new KernelError(ENOMEM, `${len} elements overflow`);
  const allocation = CoherentAllocation.allocate(dev, size, gfp, attrs);
  return { allocation, layout: new ArrayLayout<L>(element, len) };
};
