import { BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import type { U64 } from '../../base/u64';
import type { PhysicalBus } from '../bus/physical-bus';
import type { AccessKind } from '../bus/translator';
import { DeviceContext } from './caches/context-cache';
import { DeviceDirectory, type DirectoryBus } from './directory';
import type { IommuCapabilities } from './options';
import { FirstStageWalker, type TableBus } from './walker';

/** Tables in memory, looked at without a trace: nothing is cached, cleaned or marked on the way. */
class QuietBus implements DirectoryBus, TableBus {
  private readonly bus: Pick<PhysicalBus, 'peek'>;
  private readonly bytes = new Uint8Array(8);
  private readonly view = new DataView(this.bytes.buffer);

  constructor(bus: Pick<PhysicalBus, 'peek'>) {
    this.bus = bus;
  }

  load64(address: number, into: U64): BusOutcome {
    const outcome = this.bus.peek(address, this.bytes, 0, 8);
    if (outcome !== BUS_OK) return outcome;
    into.lo = this.view.getUint32(0, true);
    into.hi = this.view.getUint32(4, true);
    return BUS_OK;
  }

  /** A and D bits are set by who accesses, not by who looks. */
  store64(): BusOutcome {
    return BUS_OK;
  }

  /** There is no quick way. */
  descend(): number {
    return -1;
  }

  entryLow(): number {
    return 0;
  }

  entryHigh(): number {
    return 0;
  }
}

/** Directory and page tables as they are in memory, for who looks and must not be noticed. */
export class QuietWalk {
  private readonly directory: DeviceDirectory;
  private readonly walker: FirstStageWalker;
  private readonly context = new DeviceContext();

  /** @param bus where tables lie */
  constructor(bus: Pick<PhysicalBus, 'peek'>, capabilities: IommuCapabilities) {
    const quiet = new QuietBus(bus);
    this.directory = new DeviceDirectory(quiet, capabilities);
    this.walker = new FirstStageWalker(quiet, capabilities);
  }

  /** The context of a device, good until the next call; undefined if there is none that is valid. See `DeviceDirectory.locate`. */
  locate(root: number, levels: number, deviceId: number): DeviceContext | undefined {
    if (this.directory.locate(root, levels, deviceId) !== 0) return undefined;
    this.directory.decode(this.context);
    return this.context;
  }

  /** The physical page number; negative if the access would fault. */
  walk(context: DeviceContext, page: number, kind: AccessKind): number {
    return this.walker.walkAnyhow(context, page, kind);
  }
}
