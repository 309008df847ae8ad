import {
  GFP_KERNEL,
  StreamFifo,
  expectBytes,
  fillPattern,
  fifoPatternBytes,
  kfree,
  kmalloc,
  patternBytes,
  scenario,
  sg_free_table,
} from 'dmalab';
import { listOfBuffer } from './lib/list-of-buffer';
import { streamPort } from './lib/stream-port';

/**
 * Pieces that meet at a page boundary become one behind an IOMMU, so that fewer are mapped than there were. Each has its cache
 * lines for itself: where devices do not snoop, unmapping one piece would spoil what was received in its neighbour.
 */
const LENGTHS = [64, 192, 3840, 4096, 1024, 2944];
const TOTAL = LENGTHS.reduce((sum, length) => sum + length, 0);
const SEED = 0xf1f0;

export default scenario({
  name: 'slave-transfers',
  description: 'memory to a peripheral and back, at the pace of its FIFO',
  // A peripheral's register is no memory: where everything is bounced, a controller cannot be given its address.
  matrix: {
    translation: ['direct', 'strict', 'lazy', 'untrusted', 'passthrough'],
    coherency: 'all',
    mask: 'all',
    cache: 'all',
  },
  async run(lab) {
    const { kernel } = lab;
    const port = streamPort(lab);
    const buffer = kmalloc(kernel, TOTAL, GFP_KERNEL);
    const list = listOfBuffer(lab, buffer, LENGTHS);

    fillPattern(kernel, buffer, TOTAL, SEED);
    port.start(SEED);
    lab.ok(await port.transmit(list), 'transmit');
    const fifo = lab.machine.hardware.device('fifo', StreamFifo);
    expectBytes(fifo.received().slice(0, TOTAL), patternBytes(SEED, 0, TOTAL), 'what the sink received');

    port.start(SEED);
    lab.ok(await port.receive(list), 'receive');
    const expected = fifoPatternBytes(SEED, 0, TOTAL / port.width, port.width);
    expectBytes(kernel.mm.read(buffer, TOTAL), expected, 'what was received from the source');

    port.stop();
    sg_free_table(list);
    kfree(kernel, buffer);
    lab.note(`${TOTAL} bytes each way in ${LENGTHS.length} pieces`);
  },
});
