import type { PhysAddr } from '../../base/address';
import { LabError } from '../../base/errors';
import type { TraceRecord } from '../../base/trace';
import type { CacheLineEvent } from '../../base/trace-events';
import type { MemoryWatch } from '../../emulator/bus/memory-watch';
import { PageFlags } from '../../emulator/bus/page-flags';
import type { Machine } from '../machine';
import type { ReportId } from './catalogue';
import { Recorder, type SiteProbe, type WantedLines } from './recorder';
import type { SanitizerReport } from './report';
import { AllocationRules } from './rules/allocation';
import { BindingRules } from './rules/binding';
import { CacheRules } from './rules/cache';
import { CpuRules } from './rules/cpu';
import { DescriptorRules } from './rules/descriptors';
import { DeviceRules } from './rules/device';
import { MapRules } from './rules/map';
import { SyncRules } from './rules/sync';
import { UnmapRules } from './rules/unmap';
import { SanitizerState } from './state';

/** How to watch a run. */
export interface SanitizerOptions extends WantedLines {
  readonly site: SiteProbe;
}

/**
 * The DMA sanitizer: follows the DMA API on the trace and every byte through the ports, and finds what a driver does wrong.
 *
 * It has to be there before the machine: as its `watch`, and then attached to it before it boots. It never changes what the
 * machine does.
 */
export class Sanitizer implements MemoryWatch {
  readonly pages = new PageFlags();
  private readonly options: SanitizerOptions;
  private recorder: Recorder | undefined;
  private rules: Rules | undefined;

  constructor(options: SanitizerOptions) {
    this.options = options;
  }

  /** Begins to follow a machine, which was built with this as its `watch`. Once. */
  attach(machine: Machine): void {
    if (this.rules !== undefined) throw new LabError('a sanitizer follows one machine only');
    const recorder = new Recorder(machine.clock, this.options.site, this.options);
    this.recorder = recorder;
    this.rules = makeRules(new SanitizerState(machine, recorder, this.pages));
    machine.trace.subscribe(
      (record) => this.follow(record),
      (_ordinal, _time, type, physical, _cause, dirty) => this.followCacheLine(type, physical, dirty),
    );
  }

  cpuRead(address: number, length: number, uncached: boolean): void {
    this.rules?.cpu.read(address, length, uncached);
  }

  cpuWrite(address: number, length: number, uncached: boolean): void {
    this.rules?.descriptors.settle(true);
    this.rules?.cpu.write(address, length, uncached);
  }

  cpuCopy(from: number, to: number, length: number, uncached: boolean): void {
    this.rules?.descriptors.settle(true);
    this.rules?.cpu.copy(from, to, length, uncached);
  }

  deviceRead(requester: number, address: number, length: number): void {
    this.rules?.descriptors.settle(true);
    this.rules?.device.piece(requester, address, length, false);
  }

  deviceWrite(requester: number, address: number, length: number): void {
    this.rules?.descriptors.settle(true);
    this.rules?.device.piece(requester, address, length, true);
  }

  /** Somebody wants to know at once when something is found. They must not act on the machine. */
  onReport(listen: (id: ReportId) => void): void {
    if (this.recorder !== undefined) this.recorder.listen = listen;
  }

  /** What was found so far. */
  get reports(): SanitizerReport[] {
    this.rules?.descriptors.settle(true);
    return this.recorder?.reports() ?? [];
  }

  /** The moments for which another run should tell lines, ascending; none if all lines are known. */
  get ticksOfInterest(): number[] {
    this.rules?.descriptors.settle(true);
    return this.recorder?.ticksOfInterest() ?? [];
  }

  private follow({ event }: TraceRecord): void {
    const { rules } = this;
    // What a device says may be a part of what the CPU has begun.
    rules?.descriptors.settle(event.type !== 'device');
    this.recorder!.step();
    if (rules !== undefined) dispatch(rules, event);
  }

  /** May be a part of what the CPU has begun, which is not settled by it. */
  private followCacheLine(type: CacheLineEvent['type'], physical: PhysAddr, dirty: boolean): void {
    this.recorder!.step();
    this.rules?.cache.changed(type, physical, dirty);
  }
}

interface Rules {
  readonly state: SanitizerState;
  readonly descriptors: DescriptorRules;
  readonly map: MapRules;
  readonly unmap: UnmapRules;
  readonly sync: SyncRules;
  readonly allocation: AllocationRules;
  readonly cpu: CpuRules;
  readonly device: DeviceRules;
  readonly cache: CacheRules;
  readonly binding: BindingRules;
}

const makeRules = (state: SanitizerState): Rules => {
  const descriptors = new DescriptorRules(state);
  return {
    state,
    descriptors,
    map: new MapRules(state),
    unmap: new UnmapRules(state),
    sync: new SyncRules(state),
    allocation: new AllocationRules(state),
    cpu: new CpuRules(state, descriptors),
    device: new DeviceRules(state),
    cache: new CacheRules(state),
    binding: new BindingRules(state),
  };
};

/** Hands an event to the rules that it matters to. */
const dispatch = (rules: Rules, event: TraceRecord['event']): void => {
  switch (event.type) {
    case 'dma-read':
    case 'dma-write':
      rules.device.accessed(event);
      break;
    case 'dma-map':
      rules.map.mapped(event);
      break;
    case 'dma-map-entry':
      rules.map.list.addEntry(event);
      break;
    case 'dma-map-segment':
      rules.map.list.addSegment(event);
      break;
    case 'dma-map-refused':
      rules.map.refused(event);
      break;
    case 'dma-mask':
      rules.map.masked(event);
      break;
    case 'dma-mapping-error':
      rules.map.checked(event);
      break;
    case 'dma-unmap':
      rules.map.list.take();
      rules.unmap.unmapped(event);
      break;
    case 'dma-sync-for-cpu':
    case 'dma-sync-for-device':
      rules.sync.synced(event);
      break;
    case 'swiotlb-bounced':
      rules.state.devices.named(event.device)?.bouncing.add(event.physical);
      break;
    case 'descriptor-error':
      rules.device.badDescriptor(event);
      break;
    case 'bind':
      rules.binding.bound(event);
      break;
    case 'unbind':
      rules.binding.unbound(event);
      break;
    default:
      dispatchOthers(rules, event);
  }
};

const dispatchOthers = (rules: Rules, event: TraceRecord['event']): void => {
  switch (event.type) {
    case 'dma-alloc':
      rules.allocation.allocated(event);
      break;
    case 'dma-free':
      rules.allocation.freed(event);
      break;
    case 'memory-alloc':
      rules.allocation.handedOut(event);
      break;
    case 'memory-free':
      rules.allocation.givenBack(event);
      break;
    default:
  }
};
