import { EINVAL, ENODEV, ENOMEM } from '../../../base/errno';
import type { StructDevice } from '../../base/struct-device';
import {
  devm_platform_ioremap_resource,
  platform_get_drvdata,
  platform_get_irq,
  platform_irq_count,
  platform_set_drvdata,
  type PlatformDevice,
  type PlatformDriver,
} from '../../base/platform';
import { DMA_BIT_MASK, dma_set_mask_and_coherent, dma_set_max_seg_size } from '../../dma/mapping';
import { dmaenginem_async_device_register } from '../../dmaengine/dmaengine';
import { of_dma_controller_free, of_dma_controller_register } from '../../dmaengine/of-dma';
import { dma_get_any_slave_channel } from '../../dmaengine/dmaengine';
import { dma_cookie_status } from '../../dmaengine/cookie';
import {
  DMA_COMPLETE,
  DMA_CYCLIC,
  DMA_DEV_TO_MEM,
  DMA_MEMCPY,
  DMA_MEM_TO_DEV,
  DMA_MEM_TO_MEM,
  DMA_PAUSED,
  DMA_SLAVE,
  type DmaChan,
  type DmaCookie,
  type DmaDevice,
  type DmaStatus,
  type DmaTxState,
} from '../../dmaengine/types';
import { vchan_find_desc, vchan_issue_pending, vchan_synchronize, withChannelLock } from '../../dmaengine/virt-dma';
import { IS_ERR, out } from '../../err';
import { IRQF_SHARED, devm_request_irq } from '../../irq/request-irq';
import { of_property_read_u32, of_property_read_u32_array } from '../../of/property';
import { AxiDmaChan, toAxiDmaChan } from './chan';
import { AxiDmaChip, type HwConfig } from './chip';
import { toAxiDmaDesc } from './desc';
import { handleInterrupt } from './interrupt';
import { prepCyclic, prepMemcpy, prepSlaveSg } from './prep';
import { DMAC_MAX_CHANNELS, LAST_HANDSHAKE, TRANS_WIDTH_MAX } from './regs';

const MAX_MASTERS = 2;
/** The largest value of `snps,block-size` that the binding allows. */
const MAX_BLOCK_SIZE = 0x20_0000;
const MAX_BURST = 256;
/** The driver cuts entries into blocks itself, so a client's entries may be as long as they like. */
const MAX_SEGMENT = 0xffff_ffff;
/** Bus widths of 1 to 64 bytes, as bits. In a double: the bit of 64 bytes does not fit 32-bit operators. */
const BUS_WIDTHS = [1, 2, 4, 8, 16, 32, 64].reduce((bits, bytes) => bits + 2 ** bytes, 0);

/** Reads the binding's properties. A missing or impossible one is `-EINVAL`. */
const readConfig = (dev: StructDevice): HwConfig | number => {
  const np = dev.of_node;
  if (np === null) return -ENODEV;
  const number = (name: string, least: number, most: number): number => {
    const value = out(0);
    if (of_property_read_u32(np, name, value) !== 0) return -EINVAL;
    return value.value >= least && value.value <= most ? value.value : -EINVAL;
  };
  const nrChannels = number('dma-channels', 1, DMAC_MAX_CHANNELS);
  const nrMasters = number('snps,dma-masters', 1, MAX_MASTERS);
  const dataWidth = number('snps,data-width', 0, TRANS_WIDTH_MAX);
  if (nrChannels < 0 || nrMasters < 0 || dataWidth < 0) return -EINVAL;
  const blockSize = new Array<number>(nrChannels).fill(0);
  const priority = new Array<number>(nrChannels).fill(0);
  if (of_property_read_u32_array(np, 'snps,block-size', blockSize, nrChannels) !== 0) return -EINVAL;
  if (of_property_read_u32_array(np, 'snps,priority', priority, nrChannels) !== 0) return -EINVAL;
  if (blockSize.some((size) => size < 1 || size > MAX_BLOCK_SIZE)) return -EINVAL;
  if (priority.some((value) => value >= nrChannels)) return -EINVAL;
  const burst = out(0);
  const restricted = of_property_read_u32(np, 'snps,axi-max-burst-len', burst) === 0;
  if (restricted && (burst.value < 1 || burst.value > MAX_BURST)) return -EINVAL;
  return { nrChannels, nrMasters, dataWidth, blockSize, priority, maxBurst: restricted ? burst.value : null };
};

const txStatus = (dchan: DmaChan, cookie: DmaCookie, state: DmaTxState | null): DmaStatus => {
  const chan = toAxiDmaChan(dchan);
  const status = dma_cookie_status(chan, cookie, state);
  if (status === DMA_COMPLETE) return status;
  withChannelLock(chan, () => {
    const desc = vchan_find_desc(chan, cookie) ?? chan.desc_submitted.find((queued) => queued.cookie === cookie);
    if (state !== null && desc !== undefined) state.residue = toAxiDmaDesc(desc).residue();
  });
  return chan.isPaused ? DMA_PAUSED : status;
};

const issuePending = (dchan: DmaChan): void => {
  const chan = toAxiDmaChan(dchan);
  withChannelLock(chan, () => {
    if (vchan_issue_pending(chan)) chan.startNext();
  });
};

/** What dmaengine sees of the controller. */
const createDmaDevice = (chip: AxiDmaChip): DmaDevice => ({
  dev: chip.dev,
  cap_mask: DMA_MEMCPY | DMA_SLAVE | DMA_CYCLIC,
  channels: [],
  directions: (1 << DMA_MEM_TO_MEM) | (1 << DMA_MEM_TO_DEV) | (1 << DMA_DEV_TO_MEM),
  src_addr_widths: BUS_WIDTHS,
  dst_addr_widths: BUS_WIDTHS,
  max_burst: chip.config.maxBurst ?? MAX_BURST,
  descriptor_reuse: true,
  dev_id: 0,
  privatecnt: 0,
  device_alloc_chan_resources: (chan) => (toAxiDmaChan(chan).allocate() ? 0 : -ENOMEM),
  device_free_chan_resources: (chan) => toAxiDmaChan(chan).freeResources(),
  device_prep_dma_memcpy: (chan, dest, src, len, flags) => prepMemcpy(toAxiDmaChan(chan), dest, src, len, flags),
  device_prep_slave_sg: (chan, sgl, count, direction, flags) =>
    prepSlaveSg(toAxiDmaChan(chan), sgl, count, direction, flags),
  device_prep_dma_cyclic: (chan, buffer, length, period, direction, flags) =>
    prepCyclic(toAxiDmaChan(chan), buffer, length, period, direction, flags),
  device_config: (chan, config) => {
    toAxiDmaChan(chan).config = { ...config };
    return 0;
  },
  device_pause: (chan) => toAxiDmaChan(chan).pause(),
  device_resume: (chan) => toAxiDmaChan(chan).resume(),
  device_terminate_all: (chan) => toAxiDmaChan(chan).terminate(),
  device_synchronize: (chan) => vchan_synchronize(toAxiDmaChan(chan)),
  device_tx_status: txStatus,
  device_issue_pending: issuePending,
});

/** The bound instance. */
interface Instance {
  readonly chip: AxiDmaChip;
  readonly channels: readonly AxiDmaChan[];
}

const requestInterrupts = (pdev: PlatformDevice, channels: readonly AxiDmaChan[]): number => {
  const count = platform_irq_count(pdev);
  if (count < 0) return count;
  for (let index = 0; index < count; index++) {
    const irq = platform_get_irq(pdev, index);
    if (irq < 0) return irq;
    const handler = (): ReturnType<typeof handleInterrupt> => handleInterrupt(channels);
    const error = devm_request_irq(pdev.dev, irq, handler, IRQF_SHARED, 'dw_axi_dmac_platform', channels);
    if (error !== 0) return error;
  }
  return 0;
};

const probe = (pdev: PlatformDevice): number => {
  const { dev } = pdev;
  const regs = devm_platform_ioremap_resource(pdev, 0);
  if (IS_ERR(regs)) return regs;
  const config = readConfig(dev);
  if (IS_ERR(config)) return config;
  const chip = new AxiDmaChip(dev, regs, config);
  const device = createDmaDevice(chip);
  const channels = config.blockSize.map((_, id) => new AxiDmaChan(chip, device, id));
  for (const chan of channels) chan.quiesce();
  let error = requestInterrupts(pdev, channels);
  if (error !== 0) return error;
  error = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
  if (error !== 0) return error;
  dma_set_max_seg_size(dev, MAX_SEGMENT);
  platform_set_drvdata(pdev, { chip, channels } satisfies Instance);
  chip.enable();
  chip.irqEnable();
  error = dmaenginem_async_device_register(device);
  if (error !== 0) {
    chip.irqDisable();
    chip.disable();
    return error;
  }
  of_dma_controller_register(dev.kernel, dev.of_node!, ([handshake = 0]) => {
    if (handshake > LAST_HANDSHAKE) return null;
    const chan = dma_get_any_slave_channel(device);
    if (chan !== null) toAxiDmaChan(chan).handshake = handshake;
    return chan;
  });
  dev.kernel.log.info({ device: dev.name }, `DesignWare AXI DMA Controller, ${config.nrChannels} channels`);
  return 0;
};

/**
 * Takes the controller out of use. Clients may still hold channels: what runs is stopped, what they queued is dropped, and
 * from here on their channels refuse work, without a register being touched.
 */
const remove = (pdev: PlatformDevice): void => {
  const { chip, channels } = platform_get_drvdata<Instance>(pdev);
  of_dma_controller_free(chip.dev.kernel, chip.dev.of_node!);
  chip.irqDisable();
  for (const chan of channels) {
    chan.terminate();
    chan.maskInterrupts();
  }
  chip.disable();
  chip.gone = true;
  for (const chan of channels) {
    vchan_synchronize(chan);
    if (chan.client_count > 0) chan.freeResources();
  }
};

/** The driver of the DesignWare AXI DMA controller (`drivers/dma/dw-axi-dmac/` in Linux). */
export const dwAxiDmacDriver = (): PlatformDriver => ({
  driver: { name: 'dw_axi_dmac_platform', of_match_table: [{ compatible: 'snps,axi-dma-1.01a' }] },
  probe,
  remove,
});
