import {
  Completion,
  DMA_CTRL_ACK,
  DMA_MEMCPY,
  DMA_PREP_INTERRUPT,
  DMA_TO_DEVICE,
  DMA_TRANS_NOERROR,
  GFP_KERNEL,
  PAGE_SIZE,
  complete,
  dmaAddr,
  dma_async_issue_pending,
  dma_map_single,
  dma_mapping_error,
  dma_release_channel,
  dma_request_chan_by_mask,
  dma_unmap_single,
  dmaengine_prep_dma_memcpy,
  dmaengine_submit,
  fillPattern,
  hex,
  kfree,
  kmalloc,
  msleep,
  scenario,
  wait_for_completion,
} from 'dmalab';

/** An address that nobody mapped; the offset shows that the fault record keeps every bit. */
const NOWHERE = dmaAddr(0x12_3456_7890n);
/** One that leaves a bus of 32 bits. */
const NOWHERE_NEAR = dmaAddr(0x3456_7890n);

export default scenario({
  name: 'unmapped-access',
  description: 'a device writes to an address that is not mapped: the IOMMU reports it',
  matrix: { translation: ['strict', 'lazy', 'untrusted'], coherency: 'all', mask: 'all', cache: 'all' },
  reports: { expect: ['DMA-OUTSIDE-MAPPING'] },
  async run(lab) {
    const { kernel } = lab;
    const nowhere = lab.case.mask === '32' ? NOWHERE_NEAR : NOWHERE;
    const chan = lab.ok(dma_request_chan_by_mask(kernel, DMA_MEMCPY), 'dma_request_chan_by_mask');
    const { dev } = chan.device;
    const buffer = kmalloc(kernel, PAGE_SIZE, GFP_KERNEL);
    fillPattern(kernel, buffer, PAGE_SIZE, 1);
    const source = dma_map_single(dev, buffer, PAGE_SIZE, DMA_TO_DEVICE);
    lab.ok(dma_mapping_error(dev, source), 'mapping the source');

    const done = new Completion(kernel);
    let result = DMA_TRANS_NOERROR;
    const flags = DMA_PREP_INTERRUPT | DMA_CTRL_ACK;
    const desc = lab.ok(dmaengine_prep_dma_memcpy(chan, nowhere, source, PAGE_SIZE, flags), 'preparing the copy');
    desc.callback_result = (_param, outcome) => {
      ({ result } = outcome);
      complete(done);
    };
    dmaengine_submit(desc);
    dma_async_issue_pending(chan);
    await wait_for_completion(done);
    await msleep(kernel, 1);

    lab.check(result !== DMA_TRANS_NOERROR, 'the controller should have reported an error');
    const fault = lab.ok(kernel.iommu.faults[0] ?? null, 'the list of drained fault records');
    lab.equal(fault.device, dev.name, 'the device in the fault record');
    lab.equal(fault.iova, nowhere, 'the address in the fault record');
    lab.check(fault.write, 'the fault record should say that it was a write');
    lab.note(
      `fault record: ${fault.causeName} (cause ${fault.cause}), ${fault.ttypName} at ${hex(fault.iova)} ` +
        `by device ${fault.deviceId} (${dev.name})`,
    );

    dma_unmap_single(dev, source, PAGE_SIZE, DMA_TO_DEVICE);
    dma_release_channel(chan);
    kfree(kernel, buffer);
  },
});
