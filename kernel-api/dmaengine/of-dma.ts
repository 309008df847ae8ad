import { ENODEV, EPROBE_DEFER } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import { IS_ERR } from '../err';
import type { Kernel } from '../kernel';
import type { OfNode } from '../of/of-node';
import { of_parse_phandle_with_args, of_property_read_string_list } from '../of/property';
import type { DmaChan } from './types';

/**
 * DMA channels by device tree (`drivers/dma/of-dma.c`): a client's `dmas` names a controller and the cells that the
 * controller's driver understands.
 */

/** `struct of_dma`: a controller that translates `dmas` specifiers. */
export interface OfDma {
  readonly of_node: OfNode;
  /** The channel for the specifier's cells, taken for the client; NULL if there is none. */
  readonly of_dma_xlate: (args: readonly number[]) => DmaChan | null;
}

/** Makes a controller known. */
export const of_dma_controller_register = (
  kernel: Kernel,
  of_node: OfNode,
  of_dma_xlate: OfDma['of_dma_xlate'],
): number => {
  kernel.dmaengine.ofControllers.push({ of_node, of_dma_xlate });
  return 0;
};

/** Forgets a controller. */
export const of_dma_controller_free = (kernel: Kernel, of_node: OfNode): void => {
  const { ofControllers } = kernel.dmaengine;
  const index = ofControllers.findIndex((controller) => controller.of_node === of_node);
  if (index >= 0) ofControllers.splice(index, 1);
};

/** The channel that `dma-names` calls `name`. `-ENODEV` if there is none, `-EPROBE_DEFER` while its controller is unknown. */
export const of_dma_request_slave_channel = (dev: StructDevice, name: string): DmaChan | number => {
  const np = dev.of_node;
  if (np === null) return -ENODEV;
  const names = of_property_read_string_list(np, 'dma-names');
  if (IS_ERR(names)) return -ENODEV;
  let result = -ENODEV;
  for (const [index, candidate] of names.entries()) {
    if (candidate !== name) continue;
    const specifier = of_parse_phandle_with_args(np, 'dmas', '#dma-cells', index);
    if (IS_ERR(specifier)) continue;
    const controller = dev.kernel.dmaengine.ofControllers.find((entry) => entry.of_node === specifier.np);
    if (controller === undefined) {
      result = -EPROBE_DEFER;
      continue;
    }
    const chan = controller.of_dma_xlate(specifier.args);
    if (chan !== null) return chan;
  }
  return result;
};
