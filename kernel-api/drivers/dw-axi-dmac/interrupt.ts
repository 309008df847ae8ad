import { IRQ_HANDLED, IRQ_NONE, type IrqReturn } from '../../irq/request-irq';
import { dma_chan_name } from '../../dmaengine/dmaengine';
import { DMA_TRANS_READ_FAILED, DMA_TRANS_WRITE_FAILED } from '../../dmaengine/types';
import { vchan_cookie_complete, vchan_cyclic_callback, withChannelLock } from '../../dmaengine/virt-dma';
import type { AxiDmaChan } from './chan';
import type { AxiDmaDesc } from './desc';
import { IRQ_ALL_ERR, IRQ_BLOCK_TRF, IRQ_DMA_TRF, IRQ_INVALID_ERR, IRQ_READ_ERR, describeErrors } from './regs';

/** The interrupt handler of a controller: looks at every channel. */
export const handleInterrupt = (channels: readonly AxiDmaChan[]): IrqReturn => {
  let handled = false;
  for (const chan of channels) {
    const status = chan.takeInterrupts();
    if (status === 0) continue;
    handled = true;
    withChannelLock(chan, () => handleChannel(chan, status));
  }
  return handled ? IRQ_HANDLED : IRQ_NONE;
};

const handleChannel = (chan: AxiDmaChan, status: number): void => {
  const desc = chan.firstIssued();
  if (desc?.started !== true) {
    chan.chip.dev.kernel.log.debug({ chan: dma_chan_name(chan), status }, 'interrupt of an idle DMA channel');
    return;
  }
  if (desc.cyclic !== null) handleCyclic(chan, desc, status);
  else if ((status & IRQ_ALL_ERR) !== 0) failTransaction(chan, desc, status);
  else if ((status & IRQ_DMA_TRF) !== 0) {
    vchan_cookie_complete(desc);
    chan.startNext();
  }
};

/** The controller has stopped by itself; the client is told, and what is queued behind goes on. */
const failTransaction = (chan: AxiDmaChan, desc: AxiDmaDesc, status: number): void => {
  const { kernel } = chan.chip.dev;
  desc.tx_result.residue = desc.residue();
  desc.tx_result.result = (status & IRQ_READ_ERR) !== 0 ? DMA_TRANS_READ_FAILED : DMA_TRANS_WRITE_FAILED;
  kernel.log.error(
    { chan: dma_chan_name(chan), cookie: desc.cookie, status, time: kernel.cpu.now },
    `DMA transfer failed: ${describeErrors(status)}`,
  );
  if (chan.enabled) chan.stop();
  vchan_cookie_complete(desc);
  chan.startNext();
};

const handleCyclic = (chan: AxiDmaChan, desc: AxiDmaDesc, status: number): void => {
  const fatal = status & IRQ_ALL_ERR & ~IRQ_INVALID_ERR;
  if (fatal !== 0) {
    failTransaction(chan, desc, fatal);
    return;
  }
  if ((status & (IRQ_BLOCK_TRF | IRQ_INVALID_ERR)) === 0) return;
  if (recycleItems(desc)) vchan_cyclic_callback(desc);
  // The controller came round to an item before it was handed back: it waits for us.
  if ((status & IRQ_INVALID_ERR) !== 0) chan.resumeAtItem();
};

/** Hands finished items back to the controller; true if that completes a period. */
const recycleItems = (desc: AxiDmaDesc): boolean => {
  const { cyclic, items } = desc;
  if (cyclic === null) return false;
  let period = false;
  for (let seen = 0; seen < items.length && items[cyclic.next]!.consumed; seen++) {
    items[cyclic.next]!.release();
    cyclic.recycled = true;
    if ((cyclic.next + 1) % cyclic.itemsPerPeriod === 0) period = true;
    cyclic.next = (cyclic.next + 1) % items.length;
  }
  return period;
};
