import { DMA_ATTR_SKIP_CPU_SYNC } from '../../../kernel-api/dma/attrs';
import type { Lease } from '../lease';
import { drawBytes } from '../picture';
import type { SanitizerState } from '../state';

/**
 * The CPU is about to get bytes of a lease as the device left them. What it has stored there itself meanwhile is lost then:
 * copied over from a bounce buffer, or forgotten with its cache lines.
 */
export const checkClobber = (state: SanitizerState, lease: Lease, at: number, length: number, what: string): void => {
  const lost = lease.deviceWrites && !lease.isShared ? lease.pending.firstWithin(at, at + length) : null;
  if (lost === null || lease.terms.kind === 'stream' || (lease.terms.attrs & DMA_ATTR_SKIP_CPU_SYNC) !== 0) return;
  const { recorder } = state;
  const [start, end] = lost;
  recorder.report({
    id: 'DMA-SYNC-CLOBBER',
    device: lease.device.name,
    harm: lease.terms.bounced
      ? 'happened'
      : state.isDirty(lease, start, end)
        ? 'happened'
        : lease.needsSync
          ? 'possible'
          : 'none',
    message: `bytes ${start} to ${end - 1} of ${lease.name} were taken back from ${lease.device.name}, on top of what the CPU had written there`,
    places: [
      ['mapped', lease.mapped],
      ['taken back before', lease.forCpu],
      ['written by the CPU', lease.cpuWrote],
      [what, recorder.now],
    ],
    picture: drawBytes(lease.length, [
      { name: 'the CPU wrote', mark: 'w', ranges: lease.pending.ranges() },
      { name: what, mark: '#', ranges: [[at, at + length]] },
    ]),
    shape: lease.shape,
  });
};
