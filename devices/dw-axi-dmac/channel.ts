import { BUS_NO_ADDRESS, BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import type { Trace } from '../../base/trace';
import type { DevicePort } from '../../emulator/bus/device-port';
import type { DmaRequestLine } from '../../emulator/dma-request';
import { BlockShape } from './block-shape';
import type { ChannelRegisters } from './channel-registers';
import { DataPath } from './data-path';
import { NO_REQUEST, SoftwareRequest } from './handshake';
import type { InterruptGroup } from './interrupts';
import { LinkedListItem } from './lli';
import type { DmacParameters } from './options';
import {
  CH_INT,
  CTL_HI_IOC_BLKTFR,
  CTL_HI_LAST,
  CTL_HI_VALID,
  LLI_BYTES,
  MULTBLK_CONTIGUOUS,
  MULTBLK_LINKED_LIST,
  MULTBLK_RELOAD,
  MULTBLK_SHADOW,
  TT_FC_LAST_DMAC,
} from './spec';

/** Where the parameters of the next block come from. */
type BlockSource = 'registers' | 'shadow' | 'list' | 'invalid';

/** Conditions that hold a channel until software asks it to resume, instead of disabling it. */
const HOLDING = CH_INT.SHADOWREG_OR_LLI_INVALID_ERR | CH_INT.SLVIF_MULTIBLKTYPE_ERR;

/** What a channel needs from the controller. */
export interface ChannelHost {
  readonly device: string;
  readonly trace: Trace;
  readonly port: DevicePort;
  readonly parameters: DmacParameters;
  readonly requests: readonly (DmaRequestLine | undefined)[];
}

/**
 * One channel. It works in steps: `step` does a bounded piece of work and says how long that takes; `retire`, called when
 * that time is over, draws the consequences (block done, transfer done, error). Requests by software (suspend, disable,
 * abort) take effect between steps.
 */
export class Channel {
  readonly index: number;
  readonly registers: ChannelRegisters;
  readonly interrupts: InterruptGroup;
  readonly srcRequest: SoftwareRequest;
  readonly dstRequest: SoftwareRequest;
  /** The `CH_EN` bit. */
  enabled = false;
  /** 0 to 7; 7 goes first. */
  priority = 0;
  /** The `CH_SUSP` and `CH_ABORT` bits, and a `CH_EN` bit that software has cleared. */
  suspendRequested = false;
  abortRequested = false;
  disableRequested = false;
  private suspended = false;
  /** Held until `CH_BLK_TFR_RESUMEREQ` is written. */
  private held = false;

  private readonly host: ChannelHost;
  private readonly shape: BlockShape;
  private readonly path: DataPath;
  private readonly item: LinkedListItem;
  private readonly maxItems: number;
  private readonly trace: Trace;
  private readonly latencyNs: number;
  /** How long it takes to fetch a list item. */
  private readonly fetchNs: number;
  private readonly writesBack: boolean;
  private source: BlockSource = 'registers';
  /** Where the next list item is. */
  private nextLo = 0;
  private nextHi = 0;
  /** The registers are to show what was fetched from the list. */
  private fetched = false;
  private ttFc = 0;
  private srcType = 0;
  private dstType = 0;
  /** Where a reloading side starts each block. */
  private srcStart = { lo: 0, hi: 0 };
  private dstStart = { lo: 0, hi: 0 };
  /** A block's parameters have been taken over and its bytes are moving. */
  private loaded = false;
  private firstBlock = true;
  private blockBytes = 0;
  private blockCtlHi = 0;
  /** The error of the step in flight, as bits of `CH_INTSTATUS`. */
  private failure = 0;

  constructor(index: number, registers: ChannelRegisters, interrupts: InterruptGroup, host: ChannelHost) {
    this.index = index;
    this.registers = registers;
    this.interrupts = interrupts;
    this.host = host;
    this.srcRequest = new SoftwareRequest(registers.swhsSrc);
    this.dstRequest = new SoftwareRequest(registers.swhsDst);
    this.shape = new BlockShape(host.parameters, registers.ctl);
    this.path = new DataPath(host.port, this.shape, host.parameters.chunkBytes);
    this.item = new LinkedListItem(host.port);
    const { parameters, trace } = host;
    this.maxItems = parameters.blockSize[index]!;
    this.trace = trace;
    this.latencyNs = parameters.latencyNs;
    this.fetchNs = parameters.latencyNs + LLI_BYTES / parameters.bytesPerNs;
    this.writesBack = parameters.lliWriteBack;
  }

  /** Power-on state; the registers are reset by their block. */
  reset(): void {
    this.enabled = false;
    this.clearRequests();
    this.held = false;
    this.loaded = false;
    this.failure = 0;
    this.path.clear();
  }

  /** Software enables the channel. Ignored if the peripheral were to control the flow, which is not implemented. */
  enable(): void {
    const { cfg, sar, dar, llp } = this.registers;
    this.ttFc = cfg.field('TT_FC');
    if (this.ttFc > TT_FC_LAST_DMAC) {
      this.refuseFlowController();
      return;
    }
    this.srcType = cfg.field('SRC_MULTBLK_TYPE');
    this.dstType = cfg.field('DST_MULTBLK_TYPE');
    this.priority = cfg.field('CH_PRIOR');
    this.source = blockSource(this.srcType, this.dstType);
    this.srcStart = { lo: sar.lo, hi: sar.hi };
    this.dstStart = { lo: dar.lo, hi: dar.hi };
    this.path.src.set(sar.lo, sar.hi);
    this.path.dst.set(dar.lo, dar.hi);
    this.nextLo = llp.lo | 0;
    this.nextHi = llp.hi | 0;
    this.fetched = false;
    this.path.clear();
    this.connectHandshakes();
    this.clearRequests();
    this.held = false;
    this.loaded = false;
    this.firstBlock = true;
    this.blockBytes = 0;
    this.failure = 0;
    this.enabled = true;
    this.tell('enabled', 0);
  }

  private refuseFlowController(): void {
    const { trace, device } = this.host;
    if (!trace.active) return;
    trace.emit({ type: 'unimplemented', block: device, register: `CH_CFG[${this.index}].TT_FC`, bits: this.ttFc });
  }

  private connectHandshakes(): void {
    const { cfg } = this.registers;
    const { requests } = this.host;
    if (cfg.field('HS_SEL_SRC') !== 0) this.path.srcHandshake.useSoftware(this.srcRequest);
    else this.path.srcHandshake.useHardware(requests[cfg.field('SRC_PER')] ?? NO_REQUEST);
    if (cfg.field('HS_SEL_DST') !== 0) this.path.dstHandshake.useSoftware(this.dstRequest);
    else this.path.dstHandshake.useHardware(requests[cfg.field('DST_PER')] ?? NO_REQUEST);
  }

  private clearRequests(): void {
    this.suspendRequested = false;
    this.disableRequested = false;
    this.abortRequested = false;
    this.suspended = false;
  }

  /** Whether a step would do something now. */
  get ready(): boolean {
    if (!this.enabled || this.suspended || this.held) return false;
    return !this.loaded || this.path.ready;
  }

  /** Software writes the `CH_SUSP` bit. A suspension waits for the step in flight, its end does not. */
  requestSuspend(suspend: boolean): void {
    if (!this.enabled) return;
    this.suspendRequested = suspend;
    if (suspend || !this.suspended) return;
    this.suspended = false;
    this.tell('resumed', 0);
  }

  /** Software says that a valid block has become available. */
  resume(): void {
    this.held = false;
  }

  /** One step of work. Returns its duration in nanoseconds, at least 1. */
  step(): number {
    let duration = this.latencyNs;
    this.path.completed = 0;
    if (!this.loaded) {
      this.failure = this.load();
      if (this.source === 'list') duration += this.fetchNs;
      if (this.failure !== 0) return duration;
      this.loaded = true;
      if (!this.path.ready) return duration;
    }
    this.failure = this.path.move();
    return duration + this.path.moved * this.shape.nsPerByte;
  }

  /** Takes over the parameters of the next block. Returns the error that prevents it, 0 if none does. */
  private load(): number {
    if (this.source === 'list') return this.loadFromList();
    if (this.source === 'invalid') return CH_INT.SLVIF_MULTIBLKTYPE_ERR;
    const { ctl, blockTs } = this.registers;
    if (this.source === 'shadow') {
      if ((ctl.hi & CTL_HI_VALID) === 0) return CH_INT.SHADOWREG_OR_LLI_INVALID_ERR;
      this.takeShadow();
    } else this.reloadSides();
    const ctlHi = ctl.hi | 0;
    if (this.source === 'shadow') ctl.hi = (ctl.hi & ~CTL_HI_VALID) >>> 0;
    return this.startBlock(ctl.lo | 0, ctlHi, blockTs.lo);
  }

  private takeShadow(): void {
    const { sar, dar } = this.registers;
    this.reloadSides();
    if (this.srcType === MULTBLK_SHADOW) this.path.src.set(sar.lo, sar.hi);
    if (this.dstType === MULTBLK_SHADOW) this.path.dst.set(dar.lo, dar.hi);
  }

  private loadFromList(): number {
    const { item, path } = this;
    const outcome = item.fetch(this.nextLo, this.nextHi);
    if (outcome !== BUS_OK) return listReadError(outcome);
    if (!item.valid) return CH_INT.SHADOWREG_OR_LLI_INVALID_ERR;
    this.reloadSides();
    if (this.srcType === MULTBLK_LINKED_LIST) path.src.set(item.sarLo, item.sarHi);
    if (this.dstType === MULTBLK_LINKED_LIST) path.dst.set(item.darLo, item.darHi);
    this.nextLo = item.llpLo;
    this.nextHi = item.llpHi;
    this.fetched = true;
    return this.startBlock(item.ctlLo, item.ctlHi, item.blockTs);
  }

  /** A reloading side goes back to where it began; a contiguous one goes on. */
  private reloadSides(): void {
    if (this.firstBlock) return;
    if (this.srcType === MULTBLK_RELOAD) this.path.src.set(this.srcStart.lo, this.srcStart.hi);
    if (this.dstType === MULTBLK_RELOAD) this.path.dst.set(this.dstStart.lo, this.dstStart.hi);
  }

  private startBlock(ctlLo: number, ctlHi: number, blockTs: number): number {
    const { shape } = this;
    this.firstBlock = false;
    this.blockCtlHi = ctlHi;
    this.blockBytes = 0;
    this.path.clear();
    shape.decode(ctlLo, ctlHi, this.ttFc);
    if (shape.refusal !== 0) return shape.refusal;
    if (blockTs >>> 0 >= this.maxItems) return CH_INT.SRC_SLV_ERR;
    this.blockBytes = (blockTs + 1) * shape.srcWidth;
    return this.path.start(this.blockBytes);
  }

  /** The time of the last step is over: its consequences become visible. */
  retire(): void {
    const { failure, path } = this;
    this.failure = 0;
    if (!this.enabled || this.abortRequested) return;
    if (path.completed !== 0) this.interrupts.raise(path.completed);
    if (failure === 0) {
      if (this.loaded && path.dstLeft === 0) this.completeBlock();
    } else if ((failure & HOLDING) !== 0) this.hold(failure);
    else this.fail(failure);
  }

  private hold(failure: number): void {
    this.held = true;
    this.tell('held', failure);
    this.interrupts.raise(failure);
  }

  private fail(failure: number): void {
    this.stop();
    this.tell('error', failure);
    this.interrupts.raise(failure);
  }

  private completeBlock(): void {
    let events = (this.blockCtlHi & CTL_HI_IOC_BLKTFR) !== 0 ? CH_INT.BLOCK_TFR_DONE : 0;
    const last = this.isLastBlock();
    if (last) events |= CH_INT.DMA_TFR_DONE;
    this.loaded = false;
    if (this.source === 'list' && this.writesBack) {
      const outcome = this.item.writeBack(this.interrupts.statusWith(events));
      if (outcome !== BUS_OK) {
        this.fail(listWriteError(outcome));
        return;
      }
    }
    this.tell('block done', this.blockBytes);
    if (last) {
      this.stop();
      this.tell('transfer done', 0);
    }
    if (events !== 0) this.interrupts.raise(events);
  }

  private isLastBlock(): boolean {
    if (this.source === 'registers') {
      return this.srcType === MULTBLK_CONTIGUOUS && this.dstType === MULTBLK_CONTIGUOUS;
    }
    return (this.blockCtlHi & CTL_HI_LAST) !== 0;
  }

  /** What software asked for takes effect. Called between steps. */
  obeyRequests(): void {
    if (!this.enabled) return;
    if (this.abortRequested) this.end('aborted', CH_INT.CH_ABORTED);
    else if (this.disableRequested) this.end('disabled', CH_INT.CH_DISABLED);
    else if (this.suspendRequested && !this.suspended) {
      this.suspended = true;
      this.tell('suspended', 0);
      this.interrupts.raise(CH_INT.CH_SRC_SUSPENDED | CH_INT.CH_SUSPENDED);
    }
  }

  private end(what: string, event: number): void {
    this.stop();
    this.tell(what, 0);
    this.interrupts.raise(event);
  }

  /** The channel is disabled; its registers keep where it got to. */
  private stop(): void {
    this.publish();
    this.enabled = false;
    this.loaded = false;
    this.held = false;
    this.failure = 0;
    this.path.clear();
    this.clearRequests();
  }

  /** Puts the current addresses, counts and list item into the registers, for whoever reads them. */
  publish(): void {
    if (!this.enabled) return;
    if (this.fetched) this.publishItem();
    const { sar, dar, status } = this.registers;
    const { src, dst } = this.path;
    if (this.srcType !== MULTBLK_SHADOW) sar.set(src.lo, src.hi);
    if (this.dstType !== MULTBLK_SHADOW) dar.set(dst.lo, dst.hi);
    const done = this.blockBytes - this.path.dstLeft;
    status.set(Math.floor(done / this.shape.srcWidth) & 0x3f_ffff, Math.min(this.path.buffered, 0x7fff));
  }

  private publishItem(): void {
    const { item } = this;
    const { llp, ctl, blockTs } = this.registers;
    llp.set((item.llpLo & ~0x3e) >>> 0, item.llpHi >>> 0);
    ctl.set(item.ctlLo >>> 0, item.ctlHi >>> 0);
    blockTs.set(item.blockTs & 0x3f_ffff);
  }

  private tell(what: string, value: number): void {
    const { trace } = this;
    if (trace.active)
      trace.emit({ type: 'device', device: this.host.device, what: `channel ${this.index} ${what}`, value });
  }
}

const listReadError = (outcome: BusOutcome): number =>
  outcome === BUS_NO_ADDRESS ? CH_INT.LLI_RD_DEC_ERR : CH_INT.LLI_RD_SLV_ERR;

const listWriteError = (outcome: BusOutcome): number =>
  outcome === BUS_NO_ADDRESS ? CH_INT.LLI_WR_DEC_ERR : CH_INT.LLI_WR_SLV_ERR;

/** A list on one side and shadow registers on the other is the combination that does not exist. */
const blockSource = (srcType: number, dstType: number): BlockSource => {
  const list = srcType === MULTBLK_LINKED_LIST || dstType === MULTBLK_LINKED_LIST;
  const shadow = srcType === MULTBLK_SHADOW || dstType === MULTBLK_SHADOW;
  if (list) return shadow ? 'invalid' : 'list';
  return shadow ? 'shadow' : 'registers';
};
