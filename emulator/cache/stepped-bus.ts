import type { PhysicalBus } from '../bus/physical-bus';
import type { CacheAdversary } from './adversary';
import { ObservedBus } from './observed-bus';

/** The bus of a bus master on a machine with an adversarial cache: each access is an occasion for mischief. */
export class SteppedBus extends ObservedBus {
  private readonly adversary: CacheAdversary;

  constructor(bus: PhysicalBus, adversary: CacheAdversary) {
    super(bus);
    this.adversary = adversary;
  }

  protected beforeRead(_address: number, length: number): void {
    this.adversary.deviceAccess(length);
  }

  protected beforeWrite(_address: number, length: number): void {
    this.adversary.deviceAccess(length);
  }
}
