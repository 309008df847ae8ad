import { PAGE_SIZE, type PhysAddr } from '../../../base/address';
import type { CacheLineEvent } from '../../../base/trace-events';
import { hex } from '../../../base/u64';
import { LINE_SIZE } from '../../../emulator/cache/options';
import { isEmptyMask, overlaps, type LineStory } from '../cache-lines';
import type { Lease } from '../lease';
import type { SanitizerState } from '../state';
import { faultOfDirtyLine } from './device';

/** What the CPU's cache does to lines that devices have to do with. */
export class CacheRules {
  private readonly state: SanitizerState;

  constructor(state: SanitizerState) {
    this.state = state;
  }

  changed(type: CacheLineEvent['type'], physical: PhysAddr, dirty: boolean): void {
    const { lines } = this.state;
    if (lines === undefined || type === 'cache-fill' || type === 'cache-dirty') return;
    const line = Math.floor(physical / LINE_SIZE);
    const story = lines.story(line);
    if (story === undefined) return;
    if (dirty && type === 'cache-drop') this.lostStores(physical, story);
    else if (dirty) this.wroteBack(physical, story);
    if (type === 'cache-clean') lines.cleaned(line);
    else lines.forget(line);
  }

  /** A dirty line was written back over bytes that a device had written meanwhile. */
  private wroteBack(physical: number, story: LineStory): void {
    const { recorder } = this.state;
    const { lease } = story;
    if (lease === null || isEmptyMask(story.overtaken)) return;
    const isOwn = isEmptyMask(story.soiled) || overlaps(story.soiled, story.overtaken);
    recorder.report({
      id: isOwn ? 'DMA-DIRTY-LINE' : 'DMA-LINE-SHARED',
      device: lease.device.name,
      harm: 'happened',
      message: `a dirty cache line at physical ${hex(physical)} was written back on top of what ${lease.device.name} had written there`,
      places: [
        ['mapped', lease.mapped],
        ['written by the CPU', story.soiledAt],
        ['written back', recorder.now],
      ],
      fault: faultOfDirtyLine(lease, story),
      shape: lease.shape,
    });
  }

  /** A dirty line was invalidated: what the CPU stored beside a buffer went with it. */
  private lostStores(physical: number, story: LineStory): void {
    const lease = this.leaseOn(physical);
    if (lease === null || !isBeside(lease, physical, story)) return;
    const { recorder } = this.state;
    recorder.report({
      id: 'DMA-LINE-SHARED',
      device: lease.device.name,
      harm: 'happened',
      message: `what the CPU had stored at physical ${hex(physical)}, in a cache line that ${lease.name} shares, was lost when the line was invalidated for it`,
      places: [
        ['mapped', lease.mapped],
        ['written by the CPU', story.soiledAt],
        ['invalidated', recorder.now],
      ],
      fault: 'written by the CPU',
      shape: lease.shape,
    });
  }

  /** A lease on a line, live or just over: an unmap is told of before the cache is worked on. */
  private leaseOn(physical: number): Lease | null {
    const isOn = ({ terms }: Lease): boolean =>
      !terms.bounced &&
      terms.memoryPieces.some(
        (piece) => piece.physical < physical + LINE_SIZE && physical < piece.physical + piece.length,
      );
    const live = this.state.lent.on(Math.floor(physical / PAGE_SIZE))?.find((lease) => !lease.isShared && isOn(lease));
    if (live !== undefined) return live;
    for (const { past } of this.state.devices.all) {
      const last = past.at(-1);
      if (last !== undefined && isOn(last)) return last;
    }
    return null;
  }
}

/** Whether the CPU's stores to a line are not all within the lease. */
const isBeside = (lease: Lease, physical: number, { soiled }: LineStory): boolean => {
  for (let byte = 0; byte < LINE_SIZE; byte++) {
    const stored = byte < 32 ? (soiled.low >>> byte) & 1 : (soiled.high >>> (byte - 32)) & 1;
    if (stored === 0) continue;
    const at = physical + byte;
    if (!lease.terms.memoryPieces.some((piece) => at >= piece.physical && at < piece.physical + piece.length))
      return true;
  }
  return false;
};
