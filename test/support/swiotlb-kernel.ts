import { physAddr } from '../../base/address';
import type { StructDevice } from '../../kernel-api/base/struct-device';
import { IO_TLB_SIZE } from '../../kernel-api/dma/swiotlb';
import type { IoTlbPool } from '../../kernel-api/dma/swiotlb/io-tlb-pool';
import { makeDmaDevice, makeDmaKernel } from './dma-device';
import { DEFAULT_BANKS } from './fake-cpu-port';
import type { FakeKernel, FakeKernelOptions } from './fake-kernel';

/** The default pool of a fake kernel. */
export interface FakePoolOptions extends FakeKernelOptions {
  /** Slots. Default 2048: 4 MiB. */
  readonly nslabs?: number;
  readonly nareas?: number;
  readonly force?: boolean;
}

/** A fake kernel with a default pool at the end of its first bank, and a device. */
export const makeSwiotlb = (
  options: FakePoolOptions = {},
): { kernel: FakeKernel; dev: StructDevice; pool: IoTlbPool } => {
  const { nslabs = 2048, nareas = 1, force = false, ...rest } = options;
  const { base, size } = (options.banks ?? DEFAULT_BANKS)[0]!;
  const start = base + size - nslabs * IO_TLB_SIZE;
  const reserved = [...(options.reserved ?? []), { base: physAddr(start), size: nslabs * IO_TLB_SIZE }];
  const kernel = makeDmaKernel({ ...rest, reserved });
  kernel.dma.swiotlb.init({ base: start, nslabs, nareas, force });
  return { kernel, dev: makeDmaDevice(kernel), pool: kernel.dma.swiotlb.defaultMem.defpool! };
};
