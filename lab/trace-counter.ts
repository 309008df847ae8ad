import { BUS_OK } from '../base/bus-outcome';
import type { CacheLineSubscriber, TraceRecord } from '../base/trace';

/** Counts on the trace what every report shows. */
export class TraceCounter {
  warnings = 0;
  faults = 0;
  bytesRead = 0;
  bytesWritten = 0;
  interrupts = 0;

  /** To be subscribed: `trace.subscribe(counter.add, counter.ignoreCacheLine)`. */
  readonly add = ({ event }: TraceRecord): void => {
    switch (event.type) {
      case 'warn':
        this.warnings++;
        break;
      case 'iommu-fault':
        this.faults++;
        break;
      case 'irq-enter':
        this.interrupts++;
        break;
      case 'dma-read':
        if (event.outcome === BUS_OK) this.bytesRead += event.length;
        break;
      case 'dma-write':
        if (event.outcome === BUS_OK) this.bytesWritten += event.length;
        break;
      default:
        break;
    }
  };

  /** Nothing of what happens to cache lines is counted. */
  readonly ignoreCacheLine: CacheLineSubscriber = () => undefined;
}
