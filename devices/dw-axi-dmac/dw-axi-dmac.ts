import type { Device, DeviceHost } from '../../emulator/device';
import type { Register, RegisterHooks } from '../../emulator/registers/register';
import { RegisterBlock } from '../../emulator/registers/register-block';
import { Channel } from './channel';
import { channelRegisters } from './channel-registers';
import { Engine } from './engine';
import { InterruptGroup, InterruptOutputs } from './interrupts';
import { dmacParameters, type DmacParameters, type DwAxiDmacOptions } from './options';
import { SlaveInterface, type SlaveError } from './slave-interface';
import {
  CFG_DMAC_EN,
  CFG_INT_EN,
  CH_INT,
  CHEN_ABORT,
  CHEN_ABORT_WE,
  CHEN_EN,
  CHEN_EN_WE,
  CHEN_SUSP,
  CHEN_SUSP_WE,
  COMMON_INT,
  CTL_HI_VALID,
  dmacBlock,
  MULTBLK_SHADOW,
  type DmacBlockSpec,
} from './spec';

/** `CH_INTSTATUS` bit of a wrong access to a channel's registers. */
const CHANNEL_ERROR: Readonly<Record<SlaveError, number>> = {
  undefined: CH_INT.SLVIF_DEC_ERR,
  'write-to-read-only': CH_INT.SLVIF_WR2RO_ERR,
  'read-of-write-only': CH_INT.SLVIF_RD2RWO_ERR,
};

/** `DMAC_COMMON_INTSTATUS` bit of a wrong access elsewhere. */
const COMMON_ERROR: Readonly<Record<SlaveError, number>> = {
  undefined: COMMON_INT.SLVIF_UNDEFINEDREG_DEC_ERR,
  'write-to-read-only': COMMON_INT.SLVIF_WR2RO_ERR,
  'read-of-write-only': COMMON_INT.SLVIF_RD2WO_ERR,
};

/**
 * The Synopsys DesignWare AXI DMA controller (DW_axi_dmac) with up to eight channels.
 *
 * This class is its register side: it turns what software writes into requests to the channels and to the engine that runs
 * them. All of its accesses to memory and to peripherals go through the device port.
 */
export class DwAxiDmac implements Device {
  readonly name: string;
  readonly mmio: readonly [SlaveInterface];
  readonly interruptCount: number;
  readonly busMaster = true;
  readonly parameters: DmacParameters;

  private readonly block: RegisterBlock<DmacBlockSpec>;
  private readonly cfg: Register;
  private readonly chen: Register;
  private channels: readonly Channel[] = [];
  private common!: InterruptGroup;
  private outputs!: InterruptOutputs;
  private engine!: Engine;
  /** Software has cleared `DMAC_EN`, and channels are still stopping. */
  private stopping = false;

  /** @param name the device's name on the board. An option out of range is a `LabError`. */
  constructor(name: string, options: DwAxiDmacOptions = {}) {
    this.name = name;
    this.parameters = dmacParameters(options);
    this.block = new RegisterBlock(dmacBlock(this.parameters.channels), name);
    this.mmio = [new SlaveInterface(this.block)];
    this.interruptCount = this.parameters.interrupts === 'combined' ? 1 : this.parameters.channels;
    this.cfg = this.block.register('DMAC_CFG');
    this.chen = this.block.register('DMAC_CHEN');
  }

  connect(host: DeviceHost): void {
    const { block, parameters } = this;
    block.connectTrace(host.trace);
    this.outputs = new InterruptOutputs(host.interrupts, parameters.interrupts === 'per-channel');
    const { update } = this.outputs;
    const group = (status: Register, statusEnable: Register, signalEnable: Register): InterruptGroup =>
      new InterruptGroup(status, statusEnable, signalEnable, update);
    this.common = group(
      block.register('DMAC_COMMON_INTSTATUS'),
      block.register('DMAC_COMMON_INTSTATUS_ENA'),
      block.register('DMAC_COMMON_INTSIGNAL_ENA'),
    );
    const channelHost = {
      device: this.name,
      trace: host.trace,
      port: host.dma,
      parameters,
      requests: host.dmaRequests,
    };
    this.channels = Array.from({ length: parameters.channels }, (_, i) => {
      const interrupts = group(
        block.register('CH_INTSTATUS', i),
        block.register('CH_INTSTATUS_ENA', i),
        block.register('CH_INTSIGNAL_ENA', i),
      );
      return new Channel(i, channelRegisters(block, i), interrupts, channelHost);
    });
    this.outputs.observe({
      groups: this.channels.map((channel) => channel.interrupts),
      common: this.common,
      cfg: this.cfg,
      intStatus: block.register('DMAC_INTSTATUS'),
    });
    this.engine = new Engine(host.clock, this.name, this.channels, parameters.startNs, {
      reset: () => this.resetState(),
      settled: () => this.settle(),
    });
    for (const line of host.dmaRequests) line?.listen(() => this.requestChanged());
    this.mmio[0].observe({
      refresh: (channel) => this.channels[channel]?.publish(),
      error: (channel, error) => this.slaveError(channel, error),
    });
    this.hookCommonRegisters();
    this.hookChannelRegisters();
  }

  reset(): void {
    this.engine.reset();
    this.resetState();
  }

  private resetState(): void {
    for (const channel of this.channels) channel.reset();
    this.stopping = false;
    this.block.reset();
    this.outputs.update();
  }

  private requestChanged(): void {
    if ((this.chen.lo & 0xff) !== 0) this.engine.kick();
  }

  private slaveError(channel: number | undefined, error: SlaveError): void {
    const owner = channel === undefined ? undefined : this.channels[channel];
    if (owner === undefined) this.common.raise(COMMON_ERROR[error]);
    else owner.interrupts.raise(CHANNEL_ERROR[error]);
  }

  /** `DMAC_CHEN` and `DMAC_CFG.DMAC_EN` show what the channels do. */
  private settle(): void {
    let lo = 0;
    let hi = 0;
    for (const channel of this.channels) {
      if (!channel.enabled) continue;
      lo |= (1 << (CHEN_EN + channel.index)) | (channel.suspendRequested ? 1 << (CHEN_SUSP + channel.index) : 0);
      if (channel.abortRequested) hi |= 1 << (CHEN_ABORT + channel.index);
    }
    this.chen.set(lo, hi);
    if (!this.stopping || (lo & 0xff) !== 0) return;
    this.stopping = false;
    this.cfg.lo &= ~CFG_DMAC_EN;
  }

  private hookCommonRegisters(): void {
    const { block } = this;
    const hook = (name: Parameters<typeof block.hook>[0], write: (lo: number, hi: number) => void): void =>
      block.hook(name, {
        acceptWrite: (_, lo, hi, maskLo, maskHi) => {
          write(lo & maskLo, hi & maskHi);
          return false;
        },
      });
    block.hook('DMAC_CFG', {
      acceptWrite: (_, lo, _hi, maskLo) => {
        if ((maskLo & CFG_DMAC_EN) !== 0) this.writeCfg(lo);
        return false;
      },
    });
    hook('DMAC_CHEN', (lo, hi) => this.writeChen(lo, hi));
    hook('DMAC_COMMON_INTCLEAR', (lo) => this.common.clear(lo));
    hook('DMAC_RESET', (lo) => {
      if ((lo & 1) === 0) return;
      block.register('DMAC_RESET').lo = 1;
      this.engine.requestReset();
    });
    block.hook('DMAC_COMMON_INTSIGNAL_ENA', { afterWrite: () => this.outputs.update() });
  }

  private writeCfg(lo: number): void {
    const stop = (lo & CFG_DMAC_EN) === 0 && (this.cfg.lo & CFG_DMAC_EN) !== 0;
    this.cfg.lo = lo & (CFG_DMAC_EN | CFG_INT_EN);
    if (stop) {
      for (const channel of this.channels) channel.disableRequested = channel.enabled;
      this.cfg.lo |= CFG_DMAC_EN;
      this.engine.kick();
    }
    this.stopping = stop;
    this.settle();
    this.outputs.update();
  }

  private writeChen(lo: number, hi: number): void {
    if ((this.cfg.lo & CFG_DMAC_EN) === 0 || this.stopping) return;
    for (const channel of this.channels) {
      const bit = (position: number): number => 1 << (position + channel.index);
      if ((lo & bit(CHEN_EN_WE)) !== 0) this.enableChannel(channel, (lo & bit(CHEN_EN)) !== 0);
      if ((lo & bit(CHEN_SUSP_WE)) !== 0) channel.requestSuspend((lo & bit(CHEN_SUSP)) !== 0);
      if ((hi & bit(CHEN_ABORT_WE)) !== 0 && (hi & bit(CHEN_ABORT)) !== 0) channel.abortRequested = channel.enabled;
    }
    this.settle();
    this.engine.kick();
  }

  private enableChannel(channel: Channel, enable: boolean): void {
    if (!enable) channel.disableRequested = channel.enabled;
    else if (!channel.enabled) channel.enable();
  }

  private hookChannelRegisters(): void {
    const { block } = this;
    const channelOf = (register: Register): Channel => this.channels[register.index]!;
    const guarded: RegisterHooks = {
      acceptWrite: (register) => this.acceptsWhileEnabled(channelOf(register)),
    };
    block.hook('CH_CFG', guarded);
    block.hook('CH_LLP', guarded);
    block.hook('CH_AXI_ID', guarded);
    block.hook(
      'CH_SAR',
      this.shadowed((channel) => channel.registers.cfg.field('SRC_MULTBLK_TYPE') === MULTBLK_SHADOW),
    );
    block.hook(
      'CH_DAR',
      this.shadowed((channel) => channel.registers.cfg.field('DST_MULTBLK_TYPE') === MULTBLK_SHADOW),
    );
    const either = this.shadowed(usesShadow);
    block.hook('CH_BLOCK_TS', either);
    block.hook('CH_CTL', either);
    const command = (name: Parameters<typeof block.hook>[0], write: (channel: Channel, bits: number) => void): void =>
      block.hook(name, {
        acceptWrite: (register, lo, _hi, maskLo) => {
          write(channelOf(register), lo & maskLo);
          return false;
        },
      });
    command('CH_INTCLEAR', (channel, bits) => channel.interrupts.clear(bits));
    command('CH_SWHSSRC', (channel, bits) => {
      channel.srcRequest.write(bits);
      this.engine.kick();
    });
    command('CH_SWHSDST', (channel, bits) => {
      channel.dstRequest.write(bits);
      this.engine.kick();
    });
    command('CH_BLK_TFR_RESUMEREQ', (channel) => {
      channel.resume();
      this.engine.kick();
    });
    block.hook('CH_INTSIGNAL_ENA', { afterWrite: () => this.outputs.update() });
  }

  private acceptsWhileEnabled(channel: Channel): boolean {
    if (!channel.enabled) return true;
    channel.interrupts.raise(CH_INT.SLVIF_WRONCHEN_ERR);
    return false;
  }

  /** Shadow registers may be written during a transfer, but not while what they hold is waiting to be used. */
  private shadowed(isShadow: (channel: Channel) => boolean): RegisterHooks {
    return {
      acceptWrite: (register) => {
        const channel = this.channels[register.index]!;
        if (!isShadow(channel)) return this.acceptsWhileEnabled(channel);
        if (!channel.enabled || (channel.registers.ctl.hi & CTL_HI_VALID) === 0) return true;
        channel.interrupts.raise(CH_INT.SLVIF_SHADOWREG_WRON_VALID_ERR);
        return false;
      },
    };
  }
}

const usesShadow = (channel: Channel): boolean => {
  const { cfg } = channel.registers;
  return cfg.field('SRC_MULTBLK_TYPE') === MULTBLK_SHADOW || cfg.field('DST_MULTBLK_TYPE') === MULTBLK_SHADOW;
};
