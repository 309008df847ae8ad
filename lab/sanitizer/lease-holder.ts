import type { StructDevice } from '../../kernel-api/base/struct-device';
import type { Moment } from './recorder';

/** Who has leases: what reports need to know about a device. */
export interface LeaseHolder {
  readonly dev: StructDevice;
  readonly name: string;
  /** Address bits that leave it. */
  readonly addressWires: number;
  /** Where its driver said last which addresses it can emit. */
  readonly masked: Moment | null;
  /** The last write to its registers: where its DMA was started. */
  readonly started: Moment | null;
}
