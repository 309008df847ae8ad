import { expect } from 'chai';
import { PAGE_SIZE, dmaOffsetOf, dmaPageOf, type DmaAddr } from '../../base/address';
import { BUS_ACCESS_FAULT, BUS_OK } from '../../base/bus-outcome';
import { TraceHasher } from '../../base/trace';
import { ACCESS_READ, ACCESS_WRITE } from '../../emulator/bus/translator';
import { nvmeIo } from '../../devices/formats';
import { dma_alloc_coherent, dma_free_coherent } from '../../kernel-api/dma/coherent';
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../kernel-api/dma/direction';
import { dma_map_single, dma_unmap_single } from '../../kernel-api/dma/mapping';
import { out } from '../../kernel-api/err';
import { GFP_KERNEL } from '../../kernel-api/gfp';
import { kmalloc } from '../../kernel-api/mm/kmalloc';
import { dma_request_chan_by_mask } from '../../kernel-api/dmaengine/dmaengine';
import { DMA_MEMCPY } from '../../kernel-api/dmaengine/types';
import type { BootedKernel } from '../../kernel-api/boot/boot';
import { DescriptorWatches } from '../../lab/descriptor-watches';
import type { Machine } from '../../lab/machine';
import type { MachineOptions } from '../../lab/machine-options';
import { hashOfRam } from '../support/hash-of-ram';
import { onMachine } from '../support/on-machine';

const MACHINES: Readonly<Record<string, MachineOptions>> = {
  'behind an IOMMU': { coherent: true, cache: {} },
  'without one': { iommu: false },
  'not coherent, in adverse circumstances': { coherent: false, cache: { adversarial: true } },
};

const device = (kernel: BootedKernel) => {
  const chan = dma_request_chan_by_mask(kernel, DMA_MEMCPY);
  return (chan as Exclude<typeof chan, number>).device.dev;
};

/** Work that fills caches, faults and takes time; between its steps somebody may look. */
const work = (kernel: BootedKernel, machine: Machine, look: (at: bigint) => void): void => {
  const dev = device(kernel);
  const handle = out<bigint>(0n);
  const cpu = dma_alloc_coherent(dev, 2 * PAGE_SIZE, handle as never, GFP_KERNEL);
  const port = machine.hardware.port('dmac');
  const words = new Int32Array(16);
  const buffer = kmalloc(kernel, 512, GFP_KERNEL);
  for (let i = 0; i < 6; i++) {
    kernel.mm.fill(cpu, i, 128);
    look(handle.value);
    look(0x7000_0000_0000n + BigInt(i) * 64n);
    const at = dma_map_single(dev, buffer, 512, DMA_TO_DEVICE);
    look(at);
    port.readWords(dmaPageOf(at), dmaOffsetOf(at), words, 0, 16);
    if (i % 2 === 0) port.readWords(0x7000 + i, 0, words, 0, 4);
    dma_unmap_single(dev, at, 512, DMA_TO_DEVICE);
    look(at);
  }
  dma_free_coherent(dev, 2 * PAGE_SIZE, cpu, handle.value as never);
  look(handle.value);
};

const traceOf = (options: MachineOptions, isLooking: boolean): Promise<object> =>
  onMachine(options, (kernel, machine) => {
    const hasher = new TraceHasher();
    machine.trace.subscribe(hasher.add);
    let dumped = 0;
    const watches = new DescriptorWatches(machine.hardware);
    const place = { at: 0n, entries: 3 };
    for (const name of ['dmac', undefined]) {
      watches.watch(`as ${name ?? 'the CPU'} sees it`, nvmeIo, {
        ...(name === undefined ? {} : { device: name }),
        start: () => ({ ...place, count: 3 }),
      });
    }
    work(kernel, machine, (at) => {
      place.at = at;
      if (isLooking) dumped += watches.dump().length;
    });
    expect(dumped > 0).to.equal(isLooking);
    return {
      digest: hasher.digest(),
      events: hasher.count,
      time: machine.clock.now,
      ram: hashOfRam(machine),
      lost: machine.hardware.iommu?.lostFaults ?? 0,
    };
  });

describe('looking at memory as a device sees it', () => {
  for (const [name, options] of Object.entries(MACHINES)) {
    it(`changes nothing: ${name}`, async () => {
      expect(await traceOf(options, true)).to.deep.equal(await traceOf(options, false));
    });
  }

  it('shows what the device would read: the same bytes, the same pages refused, the IOTLB included', () =>
    onMachine({ bootargs: 'iommu.strict=0' }, (kernel, machine) => {
      const dev = device(kernel);
      const { iommu } = machine.hardware;
      const seen = machine.hardware.seenBy('dmac');
      const port = machine.hardware.port('dmac');
      const buffer = kmalloc(kernel, 64, GFP_KERNEL);
      kernel.mm.fill(buffer, 0x5a, 64);
      const words = new Int32Array(4);
      for (const direction of [DMA_TO_DEVICE, DMA_FROM_DEVICE] as const) {
        const at = dma_map_single(dev, buffer, 64, direction);
        const page = dmaPageOf(at);
        const readable = direction === DMA_TO_DEVICE;
        const frame = iommu!.wouldTranslate(port.requesterId, page, readable ? ACCESS_READ : ACCESS_WRITE);
        expect(frame, 'a translation').to.be.above(0);
        expect(seen.readWords(page, dmaOffsetOf(at), words, 0, 4)).to.equal(BUS_OK);
        if (readable) expect([...words]).to.deep.equal([0x5a5a_5a5a, 0x5a5a_5a5a, 0x5a5a_5a5a, 0x5a5a_5a5a]);
        expect(port.readWords(page, dmaOffsetOf(at), new Int32Array(4), 0, 4)).to.equal(BUS_OK);
        dma_unmap_single(dev, at, 64, direction);
        // The IOTLB still knows what the device has read before; the flush queue has not been worked off.
        expect(seen.readWords(page, dmaOffsetOf(at), words, 0, 4)).to.equal(
          port.readWords(page, dmaOffsetOf(at), new Int32Array(4), 0, 4),
        );
      }
      expect(seen.readWords(0x7000, 0, words, 0, 4)).to.equal(BUS_ACCESS_FAULT);
    }));

  it('shows what the IOMMU still answers though its IOTLB has evicted it', () =>
    onMachine({ bootargs: 'iommu.strict=0', iommu: { iotlb: { sets: 1, ways: 1 } } }, (kernel, machine) => {
      const dev = device(kernel);
      const port = machine.hardware.port('dmac');
      const words = new Int32Array(1);
      const read = (at: DmaAddr) => port.readWords(dmaPageOf(at), dmaOffsetOf(at), words, 0, 1);
      const at = dma_map_single(dev, kmalloc(kernel, PAGE_SIZE, GFP_KERNEL), PAGE_SIZE, DMA_TO_DEVICE);
      // So much that its first page is in another line of the table: a walk brings along what is in its own.
      const far = dma_map_single(dev, kmalloc(kernel, 16 * PAGE_SIZE, GFP_KERNEL), 16 * PAGE_SIZE, DMA_TO_DEVICE);
      expect([read(at), read(far)]).to.deep.equal([BUS_OK, BUS_OK]);
      // Lazy: no page table knows it any more, and nothing has been invalidated.
      dma_unmap_single(dev, at, PAGE_SIZE, DMA_TO_DEVICE);
      const seen = machine.hardware.seenBy('dmac');
      expect(seen.readWords(dmaPageOf(at), dmaOffsetOf(at), words, 0, 1)).to.equal(BUS_OK);
      expect(read(at)).to.equal(BUS_OK);
    }));

  it('shows a device that does not snoop what is in RAM, and the CPU what it has stored itself', () =>
    onMachine({ coherent: false, iommu: false, cache: {} }, (kernel, machine) => {
      const buffer = kmalloc(kernel, 64, GFP_KERNEL);
      const at = dma_map_single(device(kernel), buffer, 64, DMA_TO_DEVICE);
      kernel.mm.fill(buffer, 0x77, 64);
      const words = new Int32Array(1);
      const { hardware } = machine;
      const page = dmaPageOf(at);
      expect(hardware.seenBy('dmac').readWords(page, dmaOffsetOf(at), words, 0, 1)).to.equal(BUS_OK);
      expect(words[0]).to.not.equal(0x7777_7777);
      expect(hardware.seenBy().readWords(page, dmaOffsetOf(at), words, 0, 1)).to.equal(BUS_OK);
      expect(words[0]).to.equal(0x7777_7777);
    }));
});
