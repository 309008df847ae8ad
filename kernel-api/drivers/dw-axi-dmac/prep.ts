import { dmaAddr, type DmaAddr } from '../../../base/address';
import {
  DMA_MEM_TO_DEV,
  DMA_MEM_TO_MEM,
  is_slave_direction,
  type DmaAsyncTxDescriptor,
  type DmaTransferDirection,
} from '../../dmaengine/types';
import { vchan_tx_prep } from '../../dmaengine/virt-dma';
import { for_each_sg, type Scatterlist } from '../../scatterlist/scatterlist';
import type { AxiDmaChan } from './chan';
import { AxiDmaDesc, type CyclicState } from './desc';
import { HwDesc, type BlockPlan } from './hw-desc';
import {
  CH_CTL_H_ARLEN_EN,
  CH_CTL_H_ARLEN_POS,
  CH_CTL_H_AWLEN_EN,
  CH_CTL_H_AWLEN_POS,
  CH_CTL_L_DST_INC_POS,
  CH_CTL_L_DST_MSIZE_POS,
  CH_CTL_L_DST_WIDTH_POS,
  CH_CTL_L_NOINC,
  CH_CTL_L_SRC_INC_POS,
  CH_CTL_L_SRC_MSIZE_POS,
  CH_CTL_L_SRC_WIDTH_POS,
} from './regs';

/** Burst lengths in items, by their encoding in `SRC_MSIZE` and `DST_MSIZE`. */
const BURST_ITEMS = [1, 4, 8, 16, 32, 64, 128, 256, 512, 1024] as const;
/** What memory-to-memory transfers use, and peripherals that ask for nothing. */
const DEFAULT_BURST = 4;

/** The encoding of the largest burst that is no longer than `items`. */
const burstEncoding = (items: number): number => {
  const longer = BURST_ITEMS.findIndex((length) => length > items);
  return longer < 0 ? BURST_ITEMS.length - 1 : Math.max(longer - 1, 0);
};

/** The most items of a transaction; it bounds the work of a single call. */
const MAX_ITEMS = 1 << 17;

/** log2 of the widest access that an address and a length allow, up to the data bus. */
const alignedWidth = (chan: AxiDmaChan, ...values: bigint[]): number => {
  const { dataWidth } = chan.chip.config;
  const combined = values.reduce((all, value) => all | value, 1n << BigInt(dataWidth));
  let width = 0;
  while (((combined >> BigInt(width)) & 1n) === 0n) width++;
  return width;
};

const burstLimit = (chan: AxiDmaChan): number => {
  const { maxBurst } = chan.chip.config;
  if (maxBurst === null) return 0;
  const beats = maxBurst - 1;
  return CH_CTL_H_ARLEN_EN | (beats << CH_CTL_H_ARLEN_POS) | CH_CTL_H_AWLEN_EN | (beats << CH_CTL_H_AWLEN_POS);
};

/** Makes the linked list of a transaction; NULL, with nothing taken, if memory is short or the list gets too long. */
const buildItems = (chan: AxiDmaChan, plans: Iterable<BlockPlan>): HwDesc[] | null => {
  const items: HwDesc[] = [];
  const { pool } = chan;
  if (pool === null || chan.chip.gone) return null;
  for (const plan of plans) {
    const item = items.length < MAX_ITEMS ? HwDesc.create(chan.chip.dev.kernel, pool, plan) : null;
    if (item === null) {
      for (const taken of items) taken.free(pool);
      return null;
    }
    items.at(-1)?.link(item);
    items.push(item);
  }
  return items.length > 0 ? items : null;
};

const submitable = (
  chan: AxiDmaChan,
  flags: number,
  direction: DmaTransferDirection,
  items: readonly HwDesc[],
  cyclic: CyclicState | null,
): DmaAsyncTxDescriptor => vchan_tx_prep(chan, new AxiDmaDesc(chan, flags, direction, items, cyclic));

function* memcpyPlans(chan: AxiDmaChan, dest: DmaAddr, src: DmaAddr, len: number): Generator<BlockPlan> {
  const burst = burstEncoding(DEFAULT_BURST);
  const maxItems = chan.chip.config.blockSize[chan.id]!;
  for (let at = 0; at < len;) {
    const sar = dmaAddr(src + BigInt(at));
    const dar = dmaAddr(dest + BigInt(at));
    const width = alignedWidth(chan, sar, dar, BigInt(len - at));
    const items = Math.min((len - at) / 2 ** width, maxItems);
    yield {
      sar,
      dar,
      items,
      bytes: items * 2 ** width,
      ctlLo:
        (width << CH_CTL_L_SRC_WIDTH_POS) |
        (width << CH_CTL_L_DST_WIDTH_POS) |
        (burst << CH_CTL_L_SRC_MSIZE_POS) |
        (burst << CH_CTL_L_DST_MSIZE_POS),
      ctlHi: burstLimit(chan),
    };
    at += items * 2 ** width;
  }
}

/** `device_prep_dma_memcpy`. */
export const prepMemcpy = (
  chan: AxiDmaChan,
  dest: DmaAddr,
  src: DmaAddr,
  len: number,
  flags: number,
): DmaAsyncTxDescriptor | null => {
  if (!Number.isSafeInteger(len) || len <= 0) return null;
  const items = buildItems(chan, memcpyPlans(chan, dest, src, len));
  if (items === null) return null;
  items.at(-1)!.setLast();
  return submitable(chan, flags, DMA_MEM_TO_MEM, items, null);
};

/** The peripheral's end of a slave transfer. */
interface Peripheral {
  readonly address: DmaAddr;
  /** log2 of the width of its data register. */
  readonly width: number;
  readonly burst: number;
}

const peripheralOf = (chan: AxiDmaChan, direction: DmaTransferDirection): Peripheral | null => {
  const { config } = chan;
  const toDevice = direction === DMA_MEM_TO_DEV;
  const physical = toDevice ? config.dst_addr : config.src_addr;
  const bytes = (toDevice ? config.dst_addr_width : config.src_addr_width) ?? 0;
  const burst = (toDevice ? config.dst_maxburst : config.src_maxburst) ?? DEFAULT_BURST;
  const width = Math.log2(bytes);
  if (physical === undefined || !Number.isInteger(width) || width < 0 || width > chan.chip.config.dataWidth)
    return null;
  const address = chan.peripheral.resolve(physical, bytes);
  return address === null ? null : { address, width, burst: burstEncoding(burst) };
};

/**
 * Blocks of one stretch of memory to or from the peripheral. None is longer than `maxBytes`, and each holds whole items of
 * both ends.
 */
function* slavePlans(
  chan: AxiDmaChan,
  peripheral: Peripheral,
  memory: DmaAddr,
  bytes: number,
  direction: DmaTransferDirection,
): Generator<BlockPlan> {
  const toDevice = direction === DMA_MEM_TO_DEV;
  const memoryWidth = alignedWidth(chan, memory, BigInt(bytes));
  const sourceWidth = toDevice ? memoryWidth : peripheral.width;
  const granule = 2 ** Math.max(memoryWidth, peripheral.width);
  const maxItems = chan.chip.config.blockSize[chan.id]!;
  const maxBytes = Math.max(Math.floor((maxItems * 2 ** sourceWidth) / granule), 1) * granule;
  const memoryBurst = burstEncoding(DEFAULT_BURST);
  const ctlLo = toDevice
    ? (CH_CTL_L_NOINC << CH_CTL_L_DST_INC_POS) |
      (memoryWidth << CH_CTL_L_SRC_WIDTH_POS) |
      (peripheral.width << CH_CTL_L_DST_WIDTH_POS) |
      (memoryBurst << CH_CTL_L_SRC_MSIZE_POS) |
      (peripheral.burst << CH_CTL_L_DST_MSIZE_POS)
    : (CH_CTL_L_NOINC << CH_CTL_L_SRC_INC_POS) |
      (peripheral.width << CH_CTL_L_SRC_WIDTH_POS) |
      (memoryWidth << CH_CTL_L_DST_WIDTH_POS) |
      (peripheral.burst << CH_CTL_L_SRC_MSIZE_POS) |
      (memoryBurst << CH_CTL_L_DST_MSIZE_POS);
  for (let at = 0; at < bytes;) {
    const length = Math.min(bytes - at, maxBytes);
    const address = dmaAddr(memory + BigInt(at));
    yield {
      sar: toDevice ? address : peripheral.address,
      dar: toDevice ? peripheral.address : address,
      items: length / 2 ** sourceWidth,
      bytes: length,
      ctlLo,
      ctlHi: burstLimit(chan),
    };
    at += length;
  }
}

const wholeItems = (peripheral: Peripheral, bytes: number): boolean => bytes > 0 && bytes % 2 ** peripheral.width === 0;

/**
 * `device_prep_slave_sg`. NULL if the peripheral is not configured, or an entry is not made of whole items of its data
 * register. Memory may have any alignment; a bad one costs narrow accesses.
 */
export const prepSlaveSg = (
  chan: AxiDmaChan,
  sgl: Scatterlist,
  sg_len: number,
  direction: DmaTransferDirection,
  flags: number,
): DmaAsyncTxDescriptor | null => {
  if (!is_slave_direction(direction) || sg_len <= 0) return null;
  const peripheral = peripheralOf(chan, direction);
  if (peripheral === null) return null;
  const stretches = [...for_each_sg(sgl, sg_len)].map((sg) => ({ address: sg.dma_address, bytes: sg.dma_length }));
  if (!stretches.every(({ bytes }) => wholeItems(peripheral, bytes))) return null;
  const plans = function* (): Generator<BlockPlan> {
    for (const { address, bytes } of stretches) yield* slavePlans(chan, peripheral, address, bytes, direction);
  };
  const items = buildItems(chan, plans());
  if (items === null) return null;
  items.at(-1)!.setLast();
  return submitable(chan, flags, direction, items, null);
};

/**
 * `device_prep_dma_cyclic`: a ring of items without an end. Each period's last item interrupts; the interrupt handler
 * hands finished items back to the controller, so the transfer runs on without a gap.
 */
export const prepCyclic = (
  chan: AxiDmaChan,
  buffer: DmaAddr,
  bufferLength: number,
  periodLength: number,
  direction: DmaTransferDirection,
  flags: number,
): DmaAsyncTxDescriptor | null => {
  if (
    !is_slave_direction(direction) ||
    !(periodLength > 0) ||
    bufferLength % periodLength !== 0 ||
    bufferLength === 0
  ) {
    return null;
  }
  const peripheral = peripheralOf(chan, direction);
  if (peripheral === null || !wholeItems(peripheral, periodLength)) return null;
  const plans = function* (): Generator<BlockPlan> {
    for (let at = 0; at < bufferLength; at += periodLength) {
      yield* slavePlans(chan, peripheral, dmaAddr(buffer + BigInt(at)), periodLength, direction);
    }
  };
  const items = buildItems(chan, plans());
  if (items === null) return null;
  items.at(-1)!.link(items[0]!);
  const itemsPerPeriod = (items.length * periodLength) / bufferLength;
  for (let last = itemsPerPeriod - 1; last < items.length; last += itemsPerPeriod) items[last]!.setInterrupt();
  return submitable(chan, flags, direction, items, { itemsPerPeriod, next: 0, recycled: false });
};
