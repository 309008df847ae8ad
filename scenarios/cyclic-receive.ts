import {
  GFP_KERNEL,
  WaitQueueHead,
  dma_alloc_coherent,
  dma_free_coherent,
  expectBytes,
  fifoPatternBytes,
  out,
  scenario,
  virtAddr,
  wait_event_timeout,
  wake_up,
  msecs_to_jiffies,
  type DmaAddr,
} from 'dmalab';
import { streamPort } from './lib/stream-port';

const PERIOD = 512;
const PERIODS = 4;
const RING = PERIOD * PERIODS;
/** Three turns of the ring, and a bit. */
const WANTED = 14;
const SEED = 0xc1c;

export default scenario({
  name: 'cyclic-receive',
  description: 'an endless transfer into a ring of periods, as sound cards do it',
  machine: { fifo: { sourceNs: 100 }, timeLimit: 200 },
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
    const { dev } = port.rx.device;
    const handle = out(0n as DmaAddr);
    const ring = dma_alloc_coherent(dev, RING, handle, GFP_KERNEL);
    lab.check(ring !== 0, 'dma_alloc_coherent returned NULL');

    const arrived = new WaitQueueHead(kernel);
    let periods = 0;
    port.start(SEED);
    lab.ok(
      port.startCyclic(handle.value, RING, PERIOD, () => {
        periods++;
        wake_up(arrived);
      }),
      'startCyclic',
    );
    for (let period = 0; period < WANTED; period++) {
      const left = await wait_event_timeout(arrived, () => periods > period, msecs_to_jiffies(100));
      lab.check(left > 0, `period ${period} did not arrive within 100 ms`);
      const items = PERIOD / port.width;
      const at = virtAddr(ring + (period % PERIODS) * PERIOD);
      const expected = fifoPatternBytes(SEED, period * items, items, port.width);
      expectBytes(kernel.mm.read(at, PERIOD), expected, `period ${period}`);
    }
    lab.ok(port.stopCyclic(), 'stopCyclic');
    port.stop();
    dma_free_coherent(dev, RING, ring, handle.value);
    lab.note(`${WANTED} periods of ${PERIOD} bytes in a ring of ${PERIODS}`);
  },
});
