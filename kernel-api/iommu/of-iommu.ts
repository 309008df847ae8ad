import type { StructDevice } from '../base/struct-device';
import type { OfNode } from '../of/of-node';
import { of_parse_phandle_with_args } from '../of/property';

/** One entry of an `iommus` property. */
export interface IommuSpecifier {
  readonly node: OfNode;
  readonly cells: readonly number[];
}

/** The entries of a device's `iommus` property (bindings/iommu/iommu.txt). What cannot be parsed ends the list. */
export const iommusOf = (dev: StructDevice): IommuSpecifier[] => {
  const specifiers: IommuSpecifier[] = [];
  if (dev.of_node === null) return specifiers;
  for (let index = 0; ; index++) {
    const entry = of_parse_phandle_with_args(dev.of_node, 'iommus', '#iommu-cells', index);
    if (typeof entry === 'number') return specifiers;
    specifiers.push({ node: entry.np, cells: entry.args });
  }
};
