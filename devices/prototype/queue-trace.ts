import type { DmaAddr } from '../../base/address';
import type { Trace } from '../../base/trace';
import type { DevicePort } from '../../emulator/bus/device-port';
import type { RequestEnd } from './complete/request-end';
import type { Failure } from './failure';

/** Whose trace it is, and for whom. */
interface TraceParts {
  readonly device: string;
  readonly trace: Trace;
  readonly port: DevicePort;
}

/** What a queue tells the trace. */
export class QueueTrace {
  private readonly trace: Trace;
  private readonly device: string;
  private readonly requester: number;
  private readonly index: number;

  constructor({ device, trace, port }: TraceParts, index: number) {
    this.trace = trace;
    this.device = device;
    this.requester = port.requesterId;
    this.index = index;
  }

  /** Something happened to the queue. */
  tell(what: string, value: number): void {
    const { trace, device } = this;
    if (trace.active) trace.emit({ type: 'device', device, what: `queue ${this.index} ${what}`, value });
  }

  /** Something is wrong with a descriptor: where it failed, or else the last one of a request. */
  descriptor(what: string, { lastPage, lastOffset }: RequestEnd, failure?: Failure): void {
    const { trace, requester } = this;
    if (!trace.active) return;
    const address = (failure?.at.bigint ?? (BigInt(lastPage) << 12n) + BigInt(lastOffset)) as DmaAddr;
    trace.emit({ type: 'descriptor-error', requester, address, what });
  }
}
